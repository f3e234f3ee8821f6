"""The compiled loops under AddressSanitizer and UBSan, with what is drawn from a seed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from bochs_shim import build_flags
from tests.fuzzing import SEED, seeds
from tests.shim.builds import ASAN, ROOT, make

SOURCE = ROOT / "pynat" / "_fast.c"
COUNT = 2000 if SEED else 400  # inputs of one seed


@pytest.fixture(scope="module")
def module() -> Path:
    ASAN.directory.mkdir(parents=True, exist_ok=True)
    flags = (*build_flags.COMPILE_FAST, *ASAN.flags, "-fPIC", "-shared")
    include = f"-I{sysconfig.get_path('include')}"
    target = ASAN.directory / "_fast.so"
    command = [compiler(), *flags, include, str(SOURCE), "-o", str(target)]
    return make(target, [SOURCE], command)


def compiler() -> str:
    return os.environ.get("CC", "gcc")


def sanitizer() -> str:
    asked = [compiler(), "-print-file-name=libasan.so"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("seed", seeds(3))
def test_nothing_out_of_place_is_touched(module: Path, seed: int) -> None:
    command = (sys.executable, "-m", "tests.wire.loops_fuzz", str(module), str(seed), str(COUNT))
    environment = {
        **os.environ,
        "LD_PRELOAD": sanitizer(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own, at its end
        "PYTHONMALLOC": "malloc",  # or objects have no bounds
    }
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    assert done.stdout == f"{COUNT} inputs of seed {seed}\n"
