"""A network written in Python, in stock Bochs: iPXE boots from it, twice in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.testing.guests import PINGS, Boot, Machine, Nic, ipxe_image, ping_program, ping_replies
from tests import limits
from tests.live.frames import difference
from tests.live.network import ETHMOD, HANGS

pytestmark = [
    pytest.mark.boots,
    pytest.mark.stack("iPXE"),
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="others run no scripts"),
]

SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions
IPXE = """
dhcp net0 ||
imgfetch http://web.test/slow ||
imgfree ||
chain --autofree http://web.test/script ||
chain http://files.test/ping.nbp ||
"""
SCRIPT = """
import asyncio
from pathlib import Path
from pynat.net import Net

HERE = Path(__file__).parent
net = Net(hermetic=True, seed=9, capture=str(HERE / "net.pcapng"), impair=["loss 1%"])
net.http("files.test", directory=HERE.parent)


@net.http("web.test")
async def page(request):
    if request.path == "/slow":
        await asyncio.sleep(5)
        return "x" * 100_000
    return f"#!ipxe\\n# {net.random.random()}\\nimgfetch http://web.test/done ||\\n"


@net.on_flow
def tell(flow):
    net.log(f"{net.now():.6f} {flow}")
"""


def boot(image: Path, folder: Path, bochs: Bochs) -> tuple[str, Path]:
    """The log of the run, and its capture."""
    folder.mkdir()
    script = folder / "net.py"
    script.write_text(SCRIPT)
    machine = Machine(image, (Nic("e1000", script=script),), ips=SLOW_CPU)
    with Boot(machine, folder, bochs) as guest:
        guest.wait_for("ping:", 200)
        outcome = guest.wait(30)
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    assert sorted(ping_replies(guest.text)) == list(range(1, PINGS + 1)), guest.text
    return (folder / "bochs.log").read_text(), folder / "net.pcapng"


@pytest.fixture(scope="module")
def image(module_artifacts: Path) -> Path:
    (module_artifacts / "ping.nbp").write_bytes(ping_program())
    return ipxe_image(module_artifacts / "ipxe.iso", IPXE)


@pytest.fixture(scope="module")
def first(image: Path, module_artifacts: Path, bochs: Bochs) -> tuple[str, Path]:
    return boot(image, module_artifacts / "first", bochs)


def test_a_guest_boots_from_a_script(first: tuple[str, Path]) -> None:
    log, _ = first
    assert "Traceback" not in log
    flows = [line for line in log.splitlines() if "script: " in line]
    assert [line.split()[-1] for line in flows] == ["web.test:80", "files.test:80"]
    assert "engine_late" not in log


def test_two_boots_from_a_script_are_alike(
    first: tuple[str, Path], image: Path, module_artifacts: Path, bochs: Bochs
) -> None:
    limits.ALIKE.skip()
    _, second = boot(image, module_artifacts / "second", bochs)
    assert not difference(first[1], second)
