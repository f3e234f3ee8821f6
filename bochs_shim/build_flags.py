"""How C++ and C are compiled: one place for setup.py, clang-tidy and the tests' own builds."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORE_SOURCES = ["counters.cc", "nic.cc", "nic_engine.cc", "termination.cc", "wake.cc"]
PYTHON_SOURCES = ["engine.cc", "find_python.cc", "port_module.cc", "python_host.cc"]
BOCHS_SOURCES = ["abi_check.cc", "plugin.cc", "resets.cc"]

COMPILE = [
    "-std=c++17",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fvisibility=hidden",
    # A symbol that is unique in the process would keep the plugin in memory after Bochs's probe.
    "-fno-gnu-unique",
]
# Bochs's classes are used without their type information, which not every build may export.
COMPILE_BOCHS = ["-fno-rtti"]
COMPILE_FAST = ["-O3", "-Wall", "-Wextra", "-Werror"]  # pynat/_fast.c


class NoSharedPythonError(Exception):
    """The Python that runs the build cannot be embedded in a plugin."""


def defines(entry: str | None = None, python: str = sys.executable) -> list[tuple[str, str]]:
    macros = [
        ("PYNAT_BUILD_PYTHON", f'"{python}"'),
        ("PYNAT_PYTHON_NAME", '"python{}.{}"'.format(*sys.version_info[:2])),
    ]
    return [*macros, ("PYNAT_ENTRY", f'"{entry}"')] if entry else macros


def link() -> list[str]:
    """The linker's arguments for this Python's shared library."""
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise NoSharedPythonError(
            f"pynat: {sys.executable} has no shared libpython, which a plugin of Bochs needs.\n"
            "Build with a Python that has one: `make PYTHON=/usr/bin/python3 build` with the "
            "system's (Debian: packages python3-dev and python3-venv), or a pyenv Python made "
            "with PYTHON_CONFIGURE_OPTS=--enable-shared."
        )
    directory = sysconfig.get_config_var("LIBDIR")
    library = sysconfig.get_config_var("LDLIBRARY").removeprefix("lib")
    name = library.split(".so")[0].removesuffix(".dylib")
    return [f"-L{directory}", f"-l{name}", f"-Wl,-rpath,{directory}", "-Wl,--enable-new-dtags"]
