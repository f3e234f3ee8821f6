"""The same guest, seed and script give the same bytes at the same guest times, boot after boot.

Each guest is booted twice, the second time beside programs that take the processor from it, and
the captures are compared byte for byte. With another seed the wire loses other frames.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.testing.guests import Boot, Machine, Nic, ipxe_image, ping_program
from tests.live.frames import difference, frames
from tests.live.network import ETHMOD

pytestmark = [
    pytest.mark.boots,
    pytest.mark.timeout(300),
    pytest.mark.skipif(ETHMOD != "pynat", reason="others have no outside to leave out"),
]

SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions
SCRIPT = """
dhcp net0 ||
imgfetch http://nobody.test/ ||
chain --autofree tftp://192.168.16.1/long ||
chain tftp://192.168.16.1/ping.nbp ||
"""
NETWORK = """
hermetic = true
capture = "{folder}/net.pcapng"
seed = {seed}

[tftp]
root = "{root}"

[impair]
loss = 0.01
reorder = 0.02
corrupt = 0.01
delay = 0.0005
"""


@pytest.fixture(scope="module")
def served(module_artifacts: Path) -> Path:
    """What iPXE fetches, and the CD that it comes from."""
    root = module_artifacts / "root"
    root.mkdir()
    (root / "long").write_bytes(b"#!ipxe\n" + b"# nothing but a long way to here\n" * 3000)
    (root / "ping.nbp").write_bytes(ping_program())
    ipxe_image(module_artifacts / "ipxe.iso", SCRIPT)
    return module_artifacts


@contextmanager
def busy() -> Iterator[None]:
    """A machine with other things to do."""
    with ExitStack() as programs:
        for _ in range(2):
            program = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            programs.callback(program.wait)
            programs.callback(program.kill)
        yield


def boot(served: Path, bochs: Bochs, name: str, seed: int) -> Path:
    folder = served / name
    folder.mkdir()
    config = folder / "net.toml"
    config.write_text(NETWORK.format(folder=folder, seed=seed, root=served / "root"))
    machine = Machine(served / "ipxe.iso", (Nic(script=config),), ips=SLOW_CPU)
    with Boot(machine, folder, bochs) as guest:
        guest.wait_for("ping:", 200)
        outcome = guest.wait(20)
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    log = (folder / "bochs.log").read_text()
    assert f"hermetic, seed {seed}" in log
    assert "engine_late" not in log
    return folder / "net.pcapng"


def test_boots_of_ipxe_are_alike_to_the_byte(served: Path, bochs: Bochs) -> None:
    first = boot(served, bochs, "first", 7)
    assert len(list(frames(first))) > 150
    with busy():
        again = boot(served, bochs, "again", 7)
    assert first.read_bytes() == again.read_bytes(), difference(first, again)
    other = boot(served, bochs, "other", 8)
    assert first.read_bytes() != other.read_bytes()
