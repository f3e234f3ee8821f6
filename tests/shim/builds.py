"""Builds of the shim for the tests: with a stub as the engine, and with sanitizers.

Objects are kept in build/shim/VARIANT and made again when a source, a header or the flags
changed, so that a test run after the first costs no compiling. Test processes beside each other
make each of them once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pybind11

from bochs_shim import build_flags
from tests.locks import locked

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "bochs_shim"

STUB_ENTRY = "shim_stub:serve"  # tests/shim/stubs/shim_stub.py


@dataclass(frozen=True)
class Variant:
    name: str
    flags: tuple[str, ...]
    pybind11: tuple[str, ...] = ()  # for the one source that includes it

    @property
    def directory(self) -> Path:
        return ROOT / "build" / "shim" / self.name


PLAIN = Variant("plain", ("-O1",))
ASAN = Variant(
    "asan",
    ("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    pybind11=("-O0", "-fno-sanitize=undefined"),  # half a minute less
)
TSAN = Variant("tsan", ("-O1", "-g1", "-fsanitize=thread"))


def compiler() -> str:
    return os.environ.get("CXX", "g++")


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def is_current(target: Path, sources: list[Path], command: list[str]) -> bool:
    """Is `target` newer than all of `sources`, and made by this very command?"""
    stamp = target.with_suffix(target.suffix + ".command")
    digest = hashlib.sha256("\0".join(command).encode()).hexdigest()
    current = (
        target.exists()
        and stamp.exists()
        and stamp.read_text() == digest
        and all(source.stat().st_mtime < target.stat().st_mtime for source in sources)
    )
    if not current:
        stamp.write_text(digest)
    return current


def make(target: Path, sources: list[Path], command: list[str]) -> Path:
    with locked(target):
        if not is_current(target, sources, command):
            target.unlink(missing_ok=True)
            run(command)
    return target


def compile_one(variant: Variant, source: Path, extra: tuple[str, ...] = ()) -> Path:
    target = variant.directory / (source.stem + ".o")
    command = [
        compiler(),
        *build_flags.COMPILE,
        *variant.flags,
        "-fPIC",
        *extra,
        f"-I{SHIM}",
        "-c",
        str(source),
        "-o",
        str(target),
    ]
    return make(target, [source, *sorted(SHIM.glob("*.h"))], command)


def compile_all(variant: Variant, sources: dict[str, tuple[str, ...]]) -> list[Path]:
    """Two at once: what is compiled here is most of what these tests cost."""
    with ThreadPoolExecutor(2) as pool:
        return list(
            pool.map(lambda name: compile_one(variant, SHIM / name, sources[name]), sources)
        )


def core(variant: Variant) -> list[Path]:
    return compile_all(variant, dict.fromkeys(build_flags.CORE_SOURCES, ()))


def python_flags(variant: Variant, source: str) -> tuple[str, ...]:
    include = [f"-I{sysconfig.get_path('include')}", f"-isystem{pybind11.get_include()}"]
    # Only these look at the defines, so the others need no second compiling.
    defined = source in {"find_python.cc", "python_host.cc"}
    macros = build_flags.defines(STUB_ENTRY) if defined else []
    slow = variant.pybind11 if source == "port_module.cc" else ()
    return (*include, *slow, *(f"-D{name}={value}" for name, value in macros))


def stub_plugin(variant: Variant) -> Path:
    """The plugin as Bochs gets it, but with tests/shim/stubs/shim_stub.py as the engine."""
    sources = {name: python_flags(variant, name) for name in build_flags.PYTHON_SOURCES}
    sources.update(dict.fromkeys(build_flags.CORE_SOURCES, ()))
    sources.update(dict.fromkeys(build_flags.BOCHS_SOURCES, tuple(build_flags.COMPILE_BOCHS)))
    # The longest first.
    objects = compile_all(variant, dict(sorted(sources.items(), key=lambda item: -len(item[1]))))
    target = variant.directory / "plugin" / "libbx_eth_pynat.so"
    command = [compiler(), "-shared", *variant.flags, "-o", str(target)]
    return make(target, objects, [*command, *map(str, objects), *build_flags.link()])


def program(
    variant: Variant,
    source: Path,
    objects: list[Path],
    *link: str,
    compile_flags: tuple[str, ...] = (),
) -> Path:
    main = compile_one(variant, source, compile_flags)
    target = variant.directory / source.stem
    parts = [main, *objects]
    command = [compiler(), *variant.flags, "-o", str(target), *map(str, parts), *link]
    return make(target, parts, [*command, "-lpthread", "-ldl"])
