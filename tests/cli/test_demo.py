"""`pynat demo`, broken off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bochs.processes import Watch


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_nothing_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    ours = [sys.executable, "-m", "pynat", "demo"]
    command = ["env", "--default-signal", *ours]  # who runs the tests may have ignored some
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment) as process:
        try:
            assert process.stdout is not None
            while b"the BIOS starts the CD" not in (line := process.stdout.readline()):
                assert line, "the demonstration has ended by itself"
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            watches = [Watch(int(child)) for child in children.split()]
            assert watches
            process.send_signal(number)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert b"Traceback" not in said
    assert all(watch.ended_within(10) for watch in watches)
    assert list(tmp_path.iterdir()) == []
