"""A card's boot ROM (iPXE, as Debian's ipxe-qemu has it) boots a program of ours from pynat.

The program is `ping.s`: it runs only if every byte of it arrived, pings its router through the
ROM's PXE interface and powers the machine off. TFTP and HTTP, e1000 and NE2000, and a script of
iPXE's that loads the program.
"""

from __future__ import annotations

import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.config.peers import zoo
from pynat.faults.servers import generated
from pynat.faulty_host import PAGE_SIZE
from pynat.testing.guests import (
    BOOTFILE,
    PINGS,
    Boot,
    Machine,
    Nic,
    boot_rom,
    fetch_kernel,
    grub_folder,
    ping_program,
    ping_replies,
)
from pynat.testing.servers import HttpServer, pseudo_random
from tests import limits
from tests.live.frames import verify_capture
from tests.live.network import HANGS, ROUTER, capture, nic

pytestmark = [pytest.mark.boots, pytest.mark.stack("iPXE"), pytest.mark.timeout(HANGS)]

SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions
HARD = ("reorder", "overlap", "noack", "badsynack", "dupack", "finagain")


@pytest.fixture(autouse=True)
def roms_fit() -> None:
    limits.BOOT_ROM.skip()


def boot(artifacts: Path, bochs: Bochs, model: str, settings: str, root: Path | None) -> str:
    """What the engine said in Bochs's log, after the program has run."""
    card = nic(artifacts, model)
    assert card.script is not None
    with card.script.open("a") as file:
        file.write(f"\n{settings}\n")
    card = replace(card, ethdev=root, bootrom=boot_rom(model))
    with Boot(Machine(None, (card,), ips=SLOW_CPU), artifacts, bochs) as guest:
        guest.wait_for("ping:", 120)
        outcome = guest.wait(20)
    assert sorted(ping_replies(guest.text)) == list(range(1, PINGS + 1)), guest.text
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    assert verify_capture(capture(artifacts))["icmp"] == PINGS
    return (artifacts / "bochs.log").read_text(errors="replace")


def tftp_root(artifacts: Path) -> Path:
    root = artifacts / "tftp"
    (root / "boot").mkdir(parents=True)
    (root / "boot" / "ping.nbp").write_bytes(ping_program())
    return root


@pytest.mark.parametrize("model", ["e1000", "ne2k-pci"])
def test_a_boot_rom_boots_by_tftp(model: str, artifacts: Path, bochs: Bochs) -> None:
    root = tftp_root(artifacts)
    log = boot(artifacts, bochs, model, '[dhcp]\nbootfile = "boot/ping.nbp"', root)
    size = (root / "boot" / "ping.nbp").stat().st_size
    assert f'"boot/ping.nbp" sent, {size} bytes' in log


def test_a_boot_rom_boots_by_http(artifacts: Path, bochs: Bochs, web: HttpServer) -> None:
    web.bodies["/ping.nbp"] = ping_program()
    url = f"http://{ROUTER}:{web.port}/ping.nbp"
    boot(artifacts, bochs, "e1000", f'[dhcp]\nbootfile = "{url}"', None)


def test_a_boot_rom_runs_a_script(artifacts: Path, bochs: Bochs) -> None:
    """The script is found by option 67 alone, and names its file relative to itself."""
    root = tftp_root(artifacts)
    (root / "boot" / "boot.ipxe").write_text("#!ipxe\nchain ping.nbp\n")
    settings = '[dhcp]\nbootfile = "boot/boot.ipxe"'
    log = boot(artifacts, bochs, "e1000", settings, root)
    assert '"boot/boot.ipxe" sent' in log
    assert '"boot/ping.nbp" sent' in log or '"/boot/ping.nbp" sent' in log


def test_a_boot_rom_boots_a_linux_kernel(artifacts: Path, bochs: Bochs) -> None:
    """36 MB, and the kernel that unpacks itself would notice one wrong byte."""
    root = artifacts / "tftp"
    root.mkdir()
    kernel = fetch_kernel() / "vmlinuz"
    shutil.copyfile(kernel, root / "vmlinuz")
    (root / "boot.ipxe").write_text(
        "#!ipxe\nkernel vmlinuz console=ttyS0 earlyprintk=ttyS0\nboot\n"
    )
    script = artifacts / "net.toml"
    script.write_text('[dhcp]\nbootfile = "boot.ipxe"\n')
    card = Nic(script=script, ethdev=root, bootrom=boot_rom("e1000"))
    with Boot(Machine(None, (card,), ips=SLOW_CPU), artifacts, bochs) as guest:
        guest.wait_until(lambda: "Linux version" in guest.text, "no kernel", 150)
    shutil.rmtree(root)
    log = (artifacts / "bochs.log").read_text(errors="replace")
    assert f'"vmlinuz" sent, {kernel.stat().st_size} bytes' in log


@pytest.mark.stack("iPXE", "GRUB")
def test_grub_boots_a_multiboot_kernel(artifacts: Path, bochs: Bochs) -> None:
    """GRUB gives up on a server that does not answer its options by OACK."""
    root, module = artifacts / "tftp", pseudo_random(7, 300_000)
    grub_folder(root, module)
    script = artifacts / "net.toml"
    script.write_text(f'[dhcp]\nbootfile = "{BOOTFILE}"\n')
    card = Nic(script=script, ethdev=root, bootrom=boot_rom("e1000"))
    with Boot(Machine(None, (card,), ips=SLOW_CPU), artifacts, bochs) as guest:
        guest.wait_for("multiboot:", 120)
        outcome = guest.wait(20)
    assert f"multiboot: sum {sum(module):08x}" in guest.text
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    log = (artifacts / "bochs.log").read_text(errors="replace")
    assert '"/module" sent, 300000 bytes' in log


@pytest.mark.stack("iPXE", "GRUB")
def test_grub_fetches_pages_from_peers_that_misbehave_over_a_lossy_wire(
    artifacts: Path, bochs: Bochs
) -> None:
    page = generated(0, PAGE_SIZE)
    pages = [f"(http,{one.address})/x" for one in zoo() if one.name.partition(".")[0] in HARD]
    root = artifacts / "tftp"
    grub_folder(root, b"module")
    config = root / "boot" / "grub" / "grub.cfg"
    fetching = "insmod http\n" + "".join(f"crc {page}\n" for page in pages)
    config.write_text(config.read_text().replace("multiboot ", f"{fetching}multiboot "))
    script = artifacts / "net.toml"
    script.write_text(
        f'capture = "{capture(artifacts)}"\nzoo = true\nseed = 3\nimpair = ["loss 5%"]\n'
        f'[dhcp]\nbootfile = "{BOOTFILE}"\n'
    )
    card = Nic(script=script, ethdev=root, bootrom=boot_rom("e1000"))
    with Boot(Machine(None, (card,), ips=SLOW_CPU), artifacts, bochs) as guest:
        guest.wait_for("multiboot:", 240)
    assert guest.text.count(f"{zlib.crc32(page):08x}") == len(pages), guest.text
