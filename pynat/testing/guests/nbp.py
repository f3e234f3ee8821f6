"""`ping.s`, a network boot program of ours that iPXE chain-loads: pings, then powers off.

iPXE as Debian builds it can do neither. The program asks its router for `PINGS` echoes and
writes to the serial port what came of each; only when all were answered the machine goes off.
"""

from __future__ import annotations

import re
from pathlib import Path

from pynat.testing.guests.files import assembled

PINGS = 3
FAILED = "ping: failed"  # how the line begins that says why not all were answered

_SOURCE = Path(__file__).with_name("ping.s")
_LOADED = 0x7C00
_ANSWERED = re.compile(r"^ping (\d+): answered in (\d+) us$", re.MULTILINE)


def ping_program() -> bytes:
    """What iPXE is to be given for `chain http://.../ping.nbp`."""
    return assembled(_SOURCE, at=_LOADED, binary=True)


def ping_replies(serial: str) -> dict[int, int]:
    """Number of each answered ping -> microseconds of the guest's time until it was."""
    found = _ANSWERED.findall(serial.replace("\r", ""))
    return {int(number): int(microseconds) for number, microseconds in found}
