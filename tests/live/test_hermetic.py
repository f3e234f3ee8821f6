"""The same guest, seed and script give the same bytes at the same guest times, boot after boot.

Each guest is booted twice, the second time beside a program that takes the processor from it. What
it said and the captures are compared byte for byte. The wire loses each twentieth frame, with
another seed other ones, and the peers misbehave.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.faulty_host import PAGE_SIZE
from pynat.testing.guests import DONE, Boot, Machine, Nic, ipxe_image, linux_image, ping_program
from pynat.testing.guests.linux import results
from tests import limits
from tests.live.frames import difference, frames
from tests.live.network import ETHMOD, HANGS

pytestmark = [
    pytest.mark.boots,
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="others have no outside to leave out"),
]

SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions
PAGE = 100_000  # bytes
HARD = ("reorder", "overlap", "noack", "badsynack", "dupack", "finagain")
PAGES = "".join(f"imgfetch http://{name}.test/ ||\n" for name in HARD)
IPXE = f"""
dhcp net0 ||
imgfetch http://nobody.test/ ||
imgfetch http://web.test/ ||
{PAGES}
imgfree ||
chain tftp://192.168.16.1/ping.nbp ||
"""
LINUX = """
mount -t sysfs sys /sys
for nic in $(ls /sys/class/net | grep eth); do check $nic nic_up $nic; done
both() { ping -c 3 -s 4000 192.168.16.1 & ping -c 3 -s 4000 192.168.17.1 & wait; }
echoed() { seq 20000 | nc echo.test 7 | md5sum; }
page() { wget -q -O - http://web.test/ | wc -c; }
hard() { for peer; do wget -q -O - http://$peer.test/ | wc -c; done; }
check pings both
check echoed echoed
check page page
check random od -A n -N 8 -t x1 /dev/urandom
"""
LINUX += f"check hard hard {' '.join(HARD)}\n"
NETWORK = """
hermetic = true
capture = "{folder}/net{number}.pcapng"
seed = {seed}
impair = ["loss 5% corrupt 1% delay 500us 200us"]
zoo = true
peers = {{"web.test" = "page {page}, reorder"}}

[network]
net = "192.168.{net}.0/24"

[tftp]
root = "{root}"
"""

SCRIPT = """
import asyncio
from pynat.net import Net

net = Net(hermetic=True, seed={seed}, capture="{folder}/net{number}.pcapng", zoo=True,
          tftp={{"root": "{root}"}}, impair=["loss 5% corrupt 1% delay 500us 200us"])

@net.http("web.test")
async def page(request):
    await asyncio.sleep(net.random.random())
    return "x" * {page}
"""


@contextmanager
def busy() -> Iterator[None]:
    """A machine with something else to do."""
    program = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        program.kill()
        program.wait()


@dataclass(frozen=True)
class Run:
    """What a boot left behind."""

    serial: str
    captures: list[Path]

    def difference(self, other: Run) -> str:
        """Nothing, for runs that are alike."""
        if self.serial != other.serial:
            return f"{self.serial}\n--- and the other:\n{other.serial}"
        pairs = zip(self.captures, other.captures, strict=True)
        return "\n".join(filter(None, starmap(difference, pairs)))


@dataclass(frozen=True)
class Guest:
    image: Path
    models: tuple[str, ...]
    ips: int
    last_words: str
    bochs: Bochs
    network: str = NETWORK

    def boot(self, name: str, seed: int) -> Run:
        folder = self.image.parent / name
        folder.mkdir()
        nics = [self._nic(folder, seed, number) for number in range(len(self.models))]
        with Boot(Machine(self.image, tuple(nics), ips=self.ips), folder, self.bochs) as guest:
            guest.wait_for(self.last_words, 200)
            outcome = guest.wait(30)
        assert outcome.ending is Ending.POWER_OFF, str(outcome)
        log = (folder / "bochs.log").read_text()
        assert log.count(f"hermetic, seed {seed}") == len(nics)
        assert "engine_late" not in log
        return Run(guest.text, [folder / f"net{number}.pcapng" for number in range(len(nics))])

    def _nic(self, folder: Path, seed: int, number: int) -> Nic:
        config = folder / f"net{number}.{'py' if self.network is SCRIPT else 'toml'}"
        root = self.image.parent
        values = {"folder": folder, "number": number, "seed": seed, "net": 16 + number}
        config.write_text(self.network.format(**values, root=root, page=PAGE))
        return Nic(self.models[number], script=config, mac=0x56 + number)


@pytest.mark.stack("iPXE")
def test_boots_of_ipxe_are_alike_to_the_byte(artifacts: Path, bochs: Bochs) -> None:
    limits.ALIKE.skip()
    (artifacts / "ping.nbp").write_bytes(ping_program())
    image = ipxe_image(artifacts / "ipxe.iso", IPXE)
    guest = Guest(image, ("e1000",), SLOW_CPU, "ping:", bochs, SCRIPT)
    first = guest.boot("first", 7)
    assert len(list(frames(first.captures[0]))) > PAGE // 1460
    with busy():
        again = guest.boot("again", 7)
    assert first.difference(again) == ""
    assert first.difference(guest.boot("other", 8)) != ""


@pytest.mark.linux
def test_boots_of_linux_with_two_cards_are_alike_to_the_byte(artifacts: Path, bochs: Bochs) -> None:
    limits.ALIKE.skip()
    models = ("e1000", "ne2k-pci")
    image = linux_image(artifacts / "linux.iso", LINUX, nic_models=models)
    guest = Guest(image, models, Machine(image).ips, DONE, bochs)
    first = guest.boot("first", 7)
    checks = results(first.serial)
    assert checks["pings"].output.count(" packets received") == 2
    assert checks["page"].output == str(PAGE)
    assert checks["hard"].output.split() == [str(PAGE_SIZE)] * len(HARD)
    assert checks["echoed"].rc == 0
    with busy():
        assert first.difference(guest.boot("again", 7)) == ""
