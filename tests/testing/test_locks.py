"""What several test processes make is made by one of them at a time."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.locks import locked


def test_another_process_waits_for_the_lock(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "made"
    program = "import sys; from pathlib import Path; from tests.locks import locked\n"
    program += "with locked(Path(sys.argv[1])): print(Path(sys.argv[1]).exists())"
    with locked(target):
        command = (sys.executable, "-c", program, str(target))
        with (
            (tmp_path / "folder" / "made.lock").open() as lock,
            pytest.raises(BlockingIOError),
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        other = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        target.touch()
    assert other.communicate(timeout=50)[0] == "True\n"
