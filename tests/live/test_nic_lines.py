"""iPXE gets its address on NIC lines of real hobby kernels, one of each kind (see tests/bochs)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import Boot, Machine, ipxe_image
from tests import limits
from tests.bochs.nic_lines import LINES, files, with_pynat

pytestmark = [pytest.mark.boots, pytest.mark.timeout(200)]

ISA = {"12", "16"}
SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions


@pytest.mark.parametrize(
    ("name", "card", "address"),
    [
        ("7", "NE2K0 ", "192.168.16.2"),  # PCI
        ("12", "NE2K0 ", "192.168.16.2"),  # ISA, in a machine without PCI
        ("14", "E1000A", "10.0.2.15"),
        ("16", "NE2K0 ", "192.168.16.2"),  # ISA, in a machine with PCI
    ],
)
def test_a_lease(
    name: str,
    card: str,
    address: str,
    artifacts: Path,
    bochs: Bochs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name in ISA:
        limits.ISA.skip()
    monkeypatch.chdir(artifacts)
    files(artifacts, no_dns=name == "14")
    image = ipxe_image(artifacts / "ipxe.iso", "dhcp net0 ||\nshell")
    boot = Boot(Machine(image, (), ips=SLOW_CPU), artifacts, bochs)
    line = LINES[name]
    pci = [] if line.pci else ["pci: enabled=0"]
    with (artifacts / "bochsrc").open("a") as file:
        file.write("\n".join([*map(with_pynat, line.lines), *pci, ""]))
    log = artifacts / "bochs.log"

    def is_leased() -> bool:
        said = log.read_text(errors="replace") if log.exists() else ""
        return f"[{card}] {address} leased for" in said

    with boot:
        boot.wait_until(is_leased, "no lease", 100)
    assert is_leased()
