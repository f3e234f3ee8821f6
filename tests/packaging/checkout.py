"""The files of this project, and what a checkout holds besides them once it has been used."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]

Files = dict[str, bool]  # name -> may it be executed?

# Each is left by something that people do in a checkout, and must go nowhere.
LITTER = (
    ".mypy_cache/CACHEDIR.TAG",
    ".venv/lib/python3.11/site-packages/other.py",
    "bochs_shim/nic.o",
    "build/artifacts/test/bochs.log",
    f"build/lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}/pynat/removed.py",
    "dist/bochs_pynat-0.0.1.tar.gz",
    "examples/first_tcp/__pycache__/first_tcp.cpython-311.pyc",
    "examples/first_tcp/first.pcapng",
    "examples/kernel/kernel.elf",
    "examples/kernel/kernel.iso",
    "docs/net.pcap",
    "pynat/__pycache__/errors.cpython-311.pyc",
    "pynat/_fast.cpython-39-x86_64-linux-gnu.so",
    "pynat/plugin/libbx_eth_pynat.so",
    "tests/.hypothesis/unicode_data",
    "tests/__pycache__/frames.cpython-311.pyc",
)


def tracked() -> Files:
    """What git tracks; where it does not know the folder, all that it would not ignore."""
    if not (ROOT / ".git").exists():
        return _not_ignored(ROOT)
    command = ("git", "-C", str(ROOT), "ls-files", "--stage", "-z")
    listing = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    entries = (line.split("\t", 1) for line in listing.split("\0") if line)
    return {name: about.startswith("100755") for about, name in entries}


def _not_ignored(folder: Path) -> Files:
    files: Files = {}
    for path in folder.iterdir():
        if _is_ignored(path):
            continue
        if path.is_dir():
            files |= _not_ignored(path)
        else:
            files[str(path.relative_to(ROOT))] = bool(path.stat().st_mode & 0o100)
    return files


def _is_ignored(path: Path) -> bool:
    """By the few forms that .gitignore has: `/build/`, `__pycache__/`, `*.so`."""
    here = f"/{path.relative_to(ROOT)}" + ("/" if path.is_dir() else "")
    patterns = (ROOT / ".gitignore").read_text().split()
    return any(fnmatch(here, p if p.startswith("/") else f"*/{p}") for p in patterns)


def copy(files: Files, folder: Path) -> None:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def litter(folder: Path) -> None:
    for name in LITTER:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("left over\n")
