from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LEAKING = """
import socket
import pytest
from tests.leaks import collect_after_module, collect_after_test

class Cycle:
    def __init__(self):
        self.itself, self.socket = self, socket.socket()

@pytest.fixture
def client():
    return socket.socket()

@pytest.fixture(scope="module")
def service():
    yield Cycle()

def test_closes():
    Cycle().socket.close()

def test_leaks():
    Cycle()

def test_is_innocent():
    pass

def test_whose_fixture_leaks(client):
    pass

def test_is_innocent_too():
    pass

def test_is_the_last(service):
    pass
"""


def test_what_is_left_open_is_told_where_it_was_left(tmp_path: Path) -> None:
    (tmp_path / "test_first.py").write_text(LEAKING)
    (tmp_path / "test_second.py").write_text("def test_is_innocent(): pass\n")
    command = (sys.executable, "-m", "pytest", "-q", "-rA", "-W", "error")
    without = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")  # whose plugins may warn
    done = subprocess.run(
        (*command, *without, "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path)),
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ERROR ")]
    names = [error.partition("::")[2] for error in errors]
    assert names == ["test_leaks", "test_whose_fixture_leaks", "test_is_the_last"]
    assert "7 passed, 3 errors" in done.stdout
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
