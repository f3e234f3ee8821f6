"""iPXE gets its address on NIC lines of real hobby kernels, one of each kind (see tests/bochs)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import Boot, Machine, ipxe_image
from tests.bochs.nic_lines import LINES, files, with_pynat
from tests.live.network import ETHMOD

pytestmark = [
    pytest.mark.boots,
    pytest.mark.timeout(200),
    pytest.mark.skipif(ETHMOD != "pynat", reason="these lines are for pynat"),
]

SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions
# Line 2 with the ioaddr without which Bochs leaves the ne2k out: two cards with one MAC address.
TWINS = (LINES["2"].lines[0], LINES["2"].lines[1].replace("irq=10", "ioaddr=0x300, irq=10"))


@pytest.mark.parametrize(
    ("name", "lines", "leases"),
    [
        ("12", LINES["12"].lines, {"NE2K0 ": "192.168.16.2"}),
        ("7", LINES["7"].lines, {"NE2K0 ": "192.168.16.2"}),
        ("14", LINES["14"].lines, {"E1000A": "10.0.2.15"}),
        ("16", LINES["16"].lines, {"NE2K0 ": "192.168.16.2"}),
        ("twins", TWINS, {"E1000A": "10.0.2.15", "NE2K0 ": "10.0.2.15"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_lease(
    name: str,
    lines: tuple[str, ...],
    leases: dict[str, str],
    artifacts: Path,
    bochs: Bochs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(artifacts)
    files(artifacts, no_dns=name == "14")
    image = ipxe_image(artifacts / "ipxe.iso", "dhcp net0 ||\ndhcp net1 ||\nsleep 99")
    boot = Boot(Machine(image, (), ips=SLOW_CPU), artifacts, bochs)
    has_pci = name not in LINES or LINES[name].pci
    with (artifacts / "bochsrc").open("a") as file:
        cards = [*map(with_pynat, lines), *([] if has_pci else ["pci: enabled=0"])]
        file.write("\n".join([*cards, ""]))
    log = artifacts / "bochs.log"

    def has_leases() -> bool:
        said = log.read_text(errors="replace") if log.exists() else ""
        return all(
            any(f"[{card}] {address} leased for" in line for line in said.splitlines())
            for card, address in leases.items()
        )

    with boot:
        boot.wait_until(has_leases, "no lease", 150)
