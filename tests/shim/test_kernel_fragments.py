"""examples/kernel joins whatever fragments come, and touches no memory that is not its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("kernel_fragments.c")
KERNEL = SOURCE.parents[2] / "examples" / "kernel"
FLAGS = ("-O1", "-g", "-w", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def test_fragments(tmp_path: Path) -> None:
    program = tmp_path / "fragments"
    subprocess.run(["gcc", *FLAGS, f"-I{KERNEL}", SOURCE, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000
