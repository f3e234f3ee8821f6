"""A guest gets its address on NIC lines of real hobby kernels (see tests/bochs).

It is iPXE's, and on an ISA card, for which newer ones of iPXE have no driver, examples/kernel's.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import (
    Boot,
    Machine,
    compiled_kernel,
    ipxe_image,
    kernel_image,
    linux_image,
)
from tests.bochs.nic_lines import LINES, SLIRPS, NicLine, files, with_pynat

pytestmark = [pytest.mark.boots, pytest.mark.timeout(200)]

SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions
FAST_CPU = 50_000_000
KERNEL = Path(__file__).parents[2] / "examples" / "kernel"
SAME_MAC = (
    "e1000: card=0, enabled=1, mac=08:00:27:70:fd:03, ethmod=slirp, bootrom=none",
    "ne2k: card=0, type=pci, mac=08:00:27:70:fd:03, ethmod=slirp, ioaddr=0x300, irq=10,"
    " bootrom=none",
)


def gets(image: Path, line: NicLine, *leases: str, bochs: Bochs, ips: int = SLOW_CPU) -> bool:
    """Whether all come, each a card and its address, in Bochs's log in the image's folder."""
    folder = image.parent
    boot = Boot(Machine(image, (), ips=ips), folder, bochs)
    pci = [] if line.pci else ["pci: enabled=0"]
    with (folder / "bochsrc").open("a") as file:
        file.write("\n".join([*map(with_pynat, line.lines), *pci, ""]))
    log = folder / "bochs.log"

    def are_leased() -> bool:
        said = log.read_text(errors="replace") if log.exists() else ""
        return all(_is_leased(said, *lease.rsplit(" ", 1)) for lease in leases)

    with boot:
        boot.wait_until(are_leased, "no lease", 100)
        return are_leased()


def _is_leased(log: str, card: str, address: str) -> bool:
    """The guest's seconds stand between the two."""
    found = rf"{re.escape(card)} [\d.]+ {re.escape(address)} leased for"
    return re.search(found, log) is not None


def stack_for(line: str) -> str:
    return "examples/kernel" if "ioaddr=" in line and "type=pci" not in line else "iPXE"


def image_for(line: str, folder: Path) -> Path:
    if stack_for(line) == "iPXE":
        return ipxe_image(folder / "ipxe.iso", "dhcp net0 ||\nshell")
    kernel = compiled_kernel(KERNEL, folder / "kernel")
    return kernel_image(folder / "kernel.iso", kernel, "")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.stack(stack_for(line.lines[0])))
        for name, line in LINES.items()
    ],
)
def test_a_lease(name: str, artifacts: Path, bochs: Bochs, monkeypatch: pytest.MonkeyPatch) -> None:
    line = LINES[name]
    is_e1000 = line.lines[0].lstrip().startswith("e1000")
    monkeypatch.chdir(artifacts)
    files(artifacts, no_dns=name == "14")
    address = "10.0.2.15" if line.net == SLIRPS else "192.168.16.2"
    card = "E1000A" if is_e1000 else "NE2K0 "
    image = image_for(line.lines[0], artifacts)
    assert gets(image, line, f"[{card}] {address}", bochs=bochs)


@pytest.mark.linux
def test_two_cards_with_one_mac(artifacts: Path, bochs: Bochs) -> None:
    """Each is in a network of its own. It is Linux's, because iPXE takes only one of them."""
    script = "nic_up eth0\nnic_up eth1"
    models = ("e1000", "ne2k-pci")
    image = linux_image(artifacts / "linux.iso", script, nic_models=models)
    leases = ("[E1000A] 192.168.16.2", "[NE2K0 ] 192.168.16.2")
    assert gets(image, NicLine(SAME_MAC), *leases, bochs=bochs, ips=FAST_CPU)
