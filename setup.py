"""Builds the plugin of Bochs and pynat._fast; all else about the package is in pyproject.toml.

The plugin is one shared object, pynat/plugin/libbx_eth_pynat.so, alone in its directory because
Bochs searches the whole directory for plugins. It is no module of Python: it is linked against
libpython and starts Python inside Bochs.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path
from urllib.parse import urljoin

from pybind11.setup_helpers import Pybind11Extension
from pybind11.setup_helpers import build_ext as pybind11_build_ext
from setuptools import Extension, setup
from setuptools.command.build import build

ROOT = Path(__file__).resolve().parent
SHIM = "bochs_shim"
sys.path.insert(0, str(ROOT))

from bochs_shim import build_flags  # noqa: E402  (found by the line above)

PLUGIN = "pynat.plugin.libbx_eth_pynat"
FAST = "pynat._fast"
NOT_COMPILED = f"{FAST} could not be compiled: pynat has its loops in Python, which are slower"


class BuildAnew(build):
    """Takes nothing that an earlier build of the same folder left, for another Python perhaps."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class BuildPlugin(pybind11_build_ext):
    def get_ext_filename(self, fullname: str) -> str:
        if not PLUGIN.endswith(fullname.rpartition(".")[2]):
            return super().get_ext_filename(fullname)
        return fullname.replace(".", "/") + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:
        if ext.name != PLUGIN:
            return super().get_export_symbols(ext)
        return list(ext.export_symbols)  # no PyInit_

    def build_extension(self, ext: Extension) -> None:
        if ext.name == PLUGIN:
            self.build_plugin(ext)
            return
        try:
            super().build_extension(ext)
        except Exception:  # goes on to whoever lets optional extensions fail
            sys.stderr.write(f"{NOT_COMPILED}\n")
            raise

    def build_plugin(self, ext: Extension) -> None:
        ext.define_macros += build_flags.defines(python=self.python())
        # Bochs's side is compiled without run-time type information, pybind11 needs it.
        plain = [name for name in ext.sources if Path(name).name in build_flags.BOCHS_SOURCES]
        ext.extra_objects = self.compiler.compile(
            plain,
            output_dir=self.build_temp,
            include_dirs=ext.include_dirs,
            extra_postargs=[*ext.extra_compile_args, *build_flags.COMPILE_BOCHS],
            depends=ext.depends,
        )
        ext.sources = [name for name in ext.sources if name not in plain]
        super().build_extension(ext)

    def python(self) -> str:
        """Whose the plugin is where its own place does not tell."""
        if self.inplace or self.editable_mode:
            return sys.executable
        # That one may be of an environment that is gone after the build.
        return str(Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info)))

    def copy_extensions_to_source(self) -> None:
        (ROOT / "pynat" / "plugin").mkdir(exist_ok=True)
        super().copy_extensions_to_source()


def plugin() -> Extension:
    try:
        link = build_flags.link()
    except build_flags.NoSharedPythonError as error:
        raise SystemExit(str(error)) from None
    sources = [
        *build_flags.CORE_SOURCES,
        *build_flags.PYTHON_SOURCES,
        *build_flags.BOCHS_SOURCES,
    ]
    return Pybind11Extension(
        PLUGIN,
        sources=[f"{SHIM}/{name}" for name in sorted(sources)],
        depends=[f"{SHIM}/build_flags.py"]
        + [f"{SHIM}/{path.name}" for path in sorted((ROOT / SHIM).glob("*.h"))],
        extra_compile_args=["-O2", *build_flags.COMPILE],
        extra_link_args=link,
    )


def fast() -> Extension:
    """The compiled loops, an ordinary module. pynat/_pure.py takes its place where it is not."""
    return Extension(
        FAST,
        optional=True,
        sources=["pynat/_fast.c"],
        extra_compile_args=build_flags.COMPILE_FAST,
    )


def description() -> str:
    """README.md, for pages elsewhere: what it links in the clone is linked in the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    repository = project.get("urls", {}).get("Source")

    def elsewhere(link: re.Match[str]) -> str:
        text, target = link.groups()
        if "://" in target:
            return link[0]
        to = urljoin(f"{repository}/blob/HEAD/", target)
        return f"[{text}]({to})" if repository else text

    readme = (ROOT / "README.md").read_text()
    return re.sub(r"\[([^]]+)\]\(([^)]+)\)", elsewhere, readme)


setup(
    ext_modules=[plugin(), fast()],
    cmdclass={"build": BuildAnew, "build_ext": BuildPlugin},
    long_description=description(),
    long_description_content_type="text/markdown",
)
