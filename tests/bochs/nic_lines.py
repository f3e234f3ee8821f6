"""Lines verbatim from public repositories, and the files that they name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

OURS = "192.168.16.0/24"
SLIRPS = "10.0.2.0/24"


@dataclass(frozen=True)
class NicLine:
    lines: tuple[str, ...]
    net: str = OURS
    warns: tuple[str, ...] = ()
    pci: bool = True  # whether Bochs takes the line in a machine with PCI
    up_in_2_7: int = 0  # how many networks come up, where it leaves one of the cards out


LINES = {
    "1": NicLine(
        (
            "e1000: card=0, enabled=true, mac=08:00:27:70:fd:03, ethmod=slirp,"
            ' ethdev="xl0", script="./slirp.conf", bootrom=none',
        ),
        SLIRPS,
    ),
    "2": NicLine(
        (
            "e1000: card=0, enabled=true, mac=08:00:27:70:fd:03, ethmod=slirp,"
            ' ethdev="xl0", script="./slirp.conf", bootrom=none',
            "ne2k: card=0, enabled=true, mac=08:00:27:70:fd:03, ethmod=slirp,"
            ' ethdev="xl0", script="./slirp.conf", irq=10, bootrom=none',
        ),
        SLIRPS,
        up_in_2_7=1,  # an ne2k without ioaddr= is left out, whatever its back end
    ),
    "3": NicLine(
        ("e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=vnet, ethdev=./temp",),
        warns=("ethdev=./temp: no such folder",),
    ),
    "4": NicLine(("e1000: enabled=true, mac=00:22:44:66:88:AA, ethmod=vnet",)),
    "5": NicLine(
        (
            "ne2k: enabled=1, ioaddr=0x300, irq=3, mac=b0:c4:20:00:00:00, ethmod=vnet,"
            " ethdev=/tmp/bochsnet",
        ),
        warns=("ethdev=/tmp/bochsnet: no such folder",),
    ),
    "6": NicLine(
        ('ne2k: ioaddr=0x240, irq=9, mac=b0:c4:20:00:00:01, ethmod=vnet, ethdev="c:/temp"',),
        warns=("ethdev=c:/temp: no such folder",),
        pci=False,
    ),
    "7": NicLine(
        (
            "ne2k: type=pci, ioaddr=0x300, irq=10, mac=b0:c4:20:00:00:00, ethmod=linux,"
            " ethdev=wlp0s20f3",
        ),
    ),
    # As a pair Bochs refuses them: irq 9 is PCI's, and an e1000 wants PCI.
    "8, its ne2k": NicLine(
        ("ne2k: ioaddr=0x300, irq=9, mac=b0:c4:20:00:00:01, ethmod=linux, ethdev=enp0s25",),
        pci=False,
    ),
    "8, its e1000": NicLine(
        ("e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=linux, ethdev=enp0s25",),
    ),
    "9": NicLine(
        ("ne2k: ioaddr=0x300, irq=10, mac=b0:c4:20:00:00:00, ethmod=linux, ethdev=enp4s0f2",)
    ),
    "10": NicLine(("ne2k: ioaddr=0x300, irq=3, mac=00:40:05:18:66:d9, ethmod=fbsd, ethdev=nge0",)),
    "11": NicLine(("ne2k: ioaddr=0x300, irq=10, mac=b0:c4:20:10:42:11, ethdev=eth0",)),
    "12": NicLine(
        (
            "ne2k: ioaddr=0x300, irq=9, mac=fe:fd:00:00:00:01, ethmod=tuntap,"
            " ethdev=/dev/net/tun, script=./tunconfig",
        ),
        warns=("script=./tunconfig: a shell script (#!/bin/bash): the network has its defaults",),
        pci=False,
    ),
    "13": NicLine(
        (
            "ne2k: ioaddr=0x300, irq=3, mac=fe:fd:00:00:00:01, ethmod=tuntap,"
            " ethdev=/dev/net/tun, script=/home/user/tce/tunconfig",
        ),
        warns=("script=/home/user/tce/tunconfig: no such file",),
    ),
    "14": NicLine(
        (
            "    e1000: enabled=1, mac=52:54:00:12:34:56,"
            " ethmod=slirp,script=slirp.conf,ethdev=/home/user/tftp",
        ),
        SLIRPS,
        warns=("slirp.conf:", "ethdev=/home/user/tftp: no such folder"),
    ),
    "15": NicLine(
        ("e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=slirp, script=/usr/bin/slirp",),
        warns=("script=/usr/bin/slirp: ",),
    ),
    "16": NicLine(
        (
            "ne2k:ioaddr=0x300,irq=10,mac=b0:c4:20:00:00:01,ethmod=tuntap,"
            "ethdev=/dev/net/tun,script=/path/tunconfig",
        ),
        warns=("script=/path/tunconfig: no such file",),
    ),
}

TUNCONFIG = (
    "#!/bin/bash\n/sbin/ifconfig ${1##/dev/net/} 192.168.1.1\n"
    "/sbin/iptables -t nat -A POSTROUTING -s 192.168.1.0/24 -j MASQUERADE\n"
)


def with_pynat(line: str) -> str:
    changed = re.sub(r"ethmod=\w+", "ethmod=pynat", line)
    return changed if "ethmod=" in changed else f"{changed}, ethmod=pynat"


def files(folder: Path, *, no_dns: bool = False) -> None:
    """What the lines name by a relative path."""
    (folder / "tunconfig").write_text(TUNCONFIG)
    dns = "dns = 0.0.0.0\n" if no_dns else ""
    (folder / "slirp.conf").write_text(f"# slirp config\nrestricted = 0\nnet = 10.0.2.0\n{dns}")
