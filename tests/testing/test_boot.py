"""What a Boot makes of a Bochs that has ended, or should have; the Bochs is a shell script."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pynat.bochs import Ending
from pynat.testing.guests import Boot, GuestSilent, Machine
from tests.bochs.machines import fake

PATIENT = 30.0


def boot(folder: Path, *lines: str) -> Boot:
    """Bochs is a script of `lines`, in which $serial and $log are its files."""
    script = folder / "bochs"
    head = ["#!/bin/sh", f"serial={folder}/boot/serial.txt log={folder}/boot/bochs.log"]
    script.write_text("\n".join([*head, *lines]) + "\n")
    script.chmod(0o755)
    machine = Machine(folder / "none.iso")
    return Boot(machine, folder / "boot", fake(script))


def panic(text: str) -> str:
    return f"echo '00001234567p[UNMP  ] >>PANIC<< {text}' >>$log"


def test_a_line_is_waited_for(tmp_path: Path) -> None:
    with boot(tmp_path, "printf 'one\\r\\ntwo\\n' >$serial", "exec sleep 60") as guest:
        guest.wait_for("two", PATIENT)
    assert [line for _, line in guest.seen] == ["one", "two"]


def test_bochs_that_ends_is_noticed(tmp_path: Path) -> None:
    with (
        boot(tmp_path, panic("no such thing"), "exit 1") as guest,
        pytest.raises(GuestSilent, match=r"panic after .*no such thing"),
    ):
        guest.wait_for("never", PATIENT)


@pytest.mark.parametrize(
    ("text", "ending"),
    [("no such thing", Ending.KILLED), ("Shutdown port: shutdown requested", Ending.POWER_OFF)],
)
def test_bochs_that_stays_after_a_panic_is_ended(tmp_path: Path, text: str, ending: Ending) -> None:
    began = time.monotonic()
    with boot(tmp_path, panic(text), "exec sleep 60") as guest:
        with pytest.raises(GuestSilent, match=text):
            guest.wait_for("never", PATIENT)
        outcome = guest.poll()
    assert outcome is not None
    assert outcome.ending is ending
    assert time.monotonic() - began < PATIENT / 2
