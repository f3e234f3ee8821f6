"""What programs of this machine cannot do, so that a test about something else cannot run.

Each limit is seen by looking at the program itself. A test says `limits.ISA.skip()`, and may name
none that is not here: in CI every other skipped test is a failure (scripts/no_skips.py).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pynat.bochs.find import find_bochs, rom_files
from pynat.testing.guests import boot_rom
from pynat.testing.guests.ipxe import LKRN

_VERSION_AT = 0x20E  # of Linux's boot protocol: where the version's text is, less 0x200
_ROMS = range(0xC0000, 0xE0000)  # for the VGA BIOS and, behind it, those of other cards


@dataclass(frozen=True)
class Limit:
    reason: str
    holds: Callable[[], bool]

    def skip(self) -> None:
        if self.holds():
            pytest.skip(self.reason)


def ipxe_version(kernel: Path = LKRN) -> tuple[int, int]:
    image = kernel.read_bytes()
    (offset,) = struct.unpack_from("<H", image, _VERSION_AT)
    text = image[offset + 0x200 :].partition(b"\0")[0].decode("ascii", "replace")
    found = re.match(r"(\d+)\.(\d+)", text)
    assert found is not None, f"{kernel} names no version of iPXE: {text!r}"
    return int(found[1]), int(found[2])


def _rom_is_too_long() -> bool:
    roms = rom_files(find_bochs())
    assert roms is not None, "no BIOS beside Bochs"
    room = len(_ROMS) - roms[1].stat().st_size
    return max(boot_rom(model).stat().st_size for model in ("e1000", "ne2k-pci")) > room


def _has_one_group() -> bool:
    """Of an ordinary user's namespace: see user_namespaces(7)."""
    lines = Path("/proc/self/gid_map").read_text().splitlines()
    return sum(int(line.split()[2]) for line in lines) == 1


ISA = Limit(
    "this iPXE has no driver for an ISA card",
    lambda: ipxe_version() >= (1, 21),
)
BOOT_ROM = Limit(
    "iPXE's boot ROMs are longer than the room that Bochs's BIOS has for them (docs/booting.md)",
    _rom_is_too_long,
)
ALIKE = Limit(
    "this Bochs's runs differ by some instructions (docs/hermetic.md)",
    lambda: find_bochs().version >= (3, 0),
)
DEBUGGER = Limit(
    "this Bochs has no debugger",
    lambda: not find_bochs().has_debugger,
)
LINUX = Limit(
    "Linux does not boot in this Bochs (docs/running.md)",
    lambda: find_bochs().version == (3, 1),
)
PING_GROUP = Limit(
    "who has one group cannot take ping sockets from it again",
    _has_one_group,
)
REASONS = frozenset(limit.reason for limit in (ISA, BOOT_ROM, ALIKE, DEBUGGER, LINUX, PING_GROUP))
