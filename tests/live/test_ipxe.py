"""iPXE gets an address, resolves a name, fetches a large file and pings, on each NIC model.

Debian's iPXE has neither `ping` nor `poweroff` nor a serial console, so it tells by HTTP what
it finds; `ping.s` does the first two and ends the run. The file is a script of numbers to add
up among lots of comment: the sum is right only if every piece of the file arrived in its place.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.testing.guests import (
    PINGS,
    Boot,
    Machine,
    ipxe_image,
    ping_program,
    ping_replies,
)
from pynat.testing.servers import HttpServer
from tests import limits
from tests.live.frames import sent_twice, streams_to_guest, verify_capture
from tests.live.network import ETHMOD, HANGS, ROUTER, capture, nic

pytestmark = [pytest.mark.boots, pytest.mark.stack("iPXE"), pytest.mark.timeout(HANGS)]

PIECE = 4096  # bytes of the file for each number
SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions


def adding(size: int, then: str) -> tuple[bytes, int]:
    dice = random.Random(size)
    numbers = [dice.randrange(1, 1000) for _ in range(size // PIECE)]
    lines = [f"inc sum {number}\n# ".ljust(PIECE - 1, "x") + "\n" for number in numbers]
    return ("#!ipxe\n" + "".join(lines) + then + "\n").encode(), sum(numbers)


@pytest.mark.parametrize(
    ("model", "size"), [("e1000", 1 << 20), ("ne2k-pci", 1 << 18), ("ne2k-isa", 1 << 18)]
)
def test_ipxe(model: str, size: int, artifacts: Path, bochs: Bochs, web: HttpServer) -> None:
    if model == "ne2k-isa":
        limits.ISA.skip()
    at = f"http://{ROUTER}:{web.port}"
    name = ROUTER if ETHMOD == "slirp" else "host.internal"
    body, total = adding(size, f"imgfetch {at}/report?step=http&sum=${{sum}} ||")
    web.bodies |= {f"/{model}": body, "/ping.nbp": ping_program()}
    net = "ip=${net0/ip}&mask=${net0/netmask}&router=${net0/gateway}&dns=${net0/dns}"
    script = f"""
dhcp net0 && imgfetch {at}/report?nic={model}&step=dhcp&{net} ||
imgfree ||
imgfetch http://{name}:{web.port}/report?nic={model}&step=dns ||
imgfree ||
chain --autofree {at}/{model} ||
imgfetch {at}/report?nic={model}&step=end ||
imgfree ||
chain {at}/ping.nbp ||
"""
    machine = Machine(
        ipxe_image(artifacts / "ipxe.iso", script), (nic(artifacts, model),), ips=SLOW_CPU
    )
    before = len(web.reports.all())
    with Boot(machine, artifacts, bochs) as boot:
        end = {"nic": model, "step": "end"}
        boot.wait_until(lambda: end in web.reports.all(), "no report of the end", 240)
        boot.wait_for("ping:", 60)
        outcome = boot.wait(20)
    assert sorted(ping_replies(boot.text)) == list(range(1, PINGS + 1)), boot.text
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    dhcp, dns, http = web.reports.all()[before:-1]
    assert dhcp["ip"] == "192.168.16.2"
    assert (dhcp["mask"], dhcp["router"]) == ("255.255.255.0", ROUTER)
    assert dns["step"] == "dns"
    assert int(http["sum"]) == total
    if ETHMOD == "pynat":
        _check_capture(capture(artifacts), web.port, body)


def _check_capture(path: Path, port: int, body: bytes) -> None:
    kinds = verify_capture(path)
    assert kinds["arp"] >= 1
    assert kinds["icmp"] == PINGS
    assert kinds["udp"] >= 3  # offer, acknowledgement, answer of the name server
    assert kinds["tcp"] > len(body) // 1460
    assert sent_twice(path) == 0, "the card's ring was overrun"
    assert any(stream.joined().endswith(body) for stream in streams_to_guest(path, port))
