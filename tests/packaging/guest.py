"""A program for the installed pynat: writes what it takes to boot iPXE into the folder it is given.

The guest asks for its address, fetches a program from the card's TFTP server, which pings the
router, and powers off.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pynat.bochs import find_bochs
from pynat.bochs.machine import bochsrc
from pynat.testing.guests import Machine, Nic, ipxe_image, ping_program

SCRIPT = """\
dhcp net0
chain tftp://${net0/gateway}/ping.nbp
"""


def write(folder: Path) -> None:
    (folder / "tftp").mkdir()
    (folder / "tftp" / "ping.nbp").write_bytes(ping_program())
    image = ipxe_image(folder / "ipxe.iso", SCRIPT)
    nic = Nic(ethdev=folder / "tftp")
    machine = Machine(image, (nic,), ips=8_000_000)
    (folder / "bochsrc").write_text(bochsrc(machine, find_bochs(), folder / "serial.txt"))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
