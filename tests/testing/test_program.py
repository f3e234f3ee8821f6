"""A stack that is a program: its wire is descriptor 0, its time is told to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pynat.testing import program
from pynat.testing.guests.boot import GuestSilent
from pynat.testing.kit import VirtualGuest
from pynat.wire.ethernet import BROADCAST
from tests.bochs.processes import Watch
from tests.proving import ROOT

SOURCE = ROOT / "examples/stack/echo.c"
LEFT_OUT = {"IP043": 1, "IP044": 1}  # fragments, options
STRICT = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    made = tmp_path_factory.mktemp("stack") / "echo"
    subprocess.run(["cc", *STRICT, "-o", made, SOURCE], check=True)
    return [str(made)]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", f"import os, struct, time; {code}"]


def test_a_stack_in_c_is_looked_at_like_any_other(echo: list[str], tmp_path: Path) -> None:
    with VirtualGuest(echo, tmp_path, {}) as guest:
        guest.run(seconds=5)
        assert guest.ping(count=3, size=57) == [0.0] * 3
    announced = [one.when for one in guest.frames if one.from_guest and one.data[:6] == BROADCAST]
    assert announced == [0.0, 2.0]
    assert guest.lint.counts == LEFT_OUT


def test_its_runs_are_the_same_to_the_byte(echo: list[str], tmp_path: Path) -> None:
    def run(name: str) -> list[tuple[float, bytes]]:
        wire = {"impair": ["loss 30%"], "seed": 7}
        with VirtualGuest(echo, tmp_path / name, wire) as guest:
            guest.run(seconds=1)
            guest.ping(count=20)
            return [(one.when, one.data) for one in guest.frames]

    assert len(run("one")) > 10
    assert run("one") == run("two")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("os.read(0, 99); raise SystemExit(3)", "it has ended, exit code 3"),
        ("raise SystemExit(3)", "it has ended, exit code 3"),
        ("os.close(0); time.sleep(99)", "(it has ended, or closed its descriptor 0|no timer .*)"),
        (
            "os.write(0, b'short'); os.read(0, 99); os.read(0, 99)",
            "a message of 5 bytes: expected a frame, or a timer of 8 bytes",
        ),
        ("time.sleep(99)", "no timer within 0.5 s"),
    ],
)
def test_a_program_that_does_not_answer_is_named(
    code: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in code:
        monkeypatch.setattr(program, "PATIENCE", 0.5)
    guest = VirtualGuest(python(code), tmp_path, {})
    with pytest.raises(GuestSilent, match=f"^the stack .*: {why}$"), guest:
        guest.run(seconds=1)


def test_a_program_that_goes_on_at_the_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tells = "os.read(0, 99); os.write(0, struct.pack('14xq', os.getpid())); os.write(0, b'~' * 8)"
    with VirtualGuest(python(f"{tells}; time.sleep(99)"), tmp_path, {}) as guest:
        guest.run(seconds=1)
        (frame,) = guest.frames
        watch = Watch(int.from_bytes(frame.data[16:], sys.byteorder))
        monkeypatch.setattr(program, "PATIENCE", 0.1)
    assert watch.ended_within(20)
