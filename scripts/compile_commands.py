"""Prints how each source is compiled, as clang-tidy and editors read it (compile_commands.json)."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pybind11

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bochs_shim import build_flags  # noqa: E402  (found by the line above)

GCC_ONLY = {"-fno-gnu-unique"}  # an error for clang
SYSTEM = [sysconfig.get_path("include"), pybind11.get_include()]


def command(source: Path) -> list[str]:
    if source.suffix == ".c":
        flags = ["cc", *build_flags.COMPILE_FAST]
    else:
        flags = ["c++", *build_flags.COMPILE]
        flags += [f"-D{name}={value}" for name, value in build_flags.defines()]
    if source.name in build_flags.BOCHS_SOURCES:
        flags += build_flags.COMPILE_BOCHS
    includes = [f"-isystem{folder}" for folder in SYSTEM]
    known = [flag for flag in flags if flag not in GCC_ONLY]
    return [*known, *includes, f"-I{build_flags.HERE}", "-c", str(source)]


def entries() -> list[dict[str, Any]]:
    sources = [*sorted(build_flags.HERE.rglob("*.cc")), ROOT / "pynat" / "_fast.c"]
    return [
        {"directory": str(ROOT), "file": str(source), "arguments": command(source)}
        for source in sources
    ]


if __name__ == "__main__":
    print(json.dumps(entries(), indent=1))
