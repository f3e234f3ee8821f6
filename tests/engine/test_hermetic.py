"""A hermetic network: the guest finds nobody out there, and no socket is made to look for one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import ARP

from pynat.config import Config, Tftp
from pynat.impair.reading import parse
from pynat.serve.load import load
from pynat.testing.simguest import SimGuest, Wire
from tests.engine.running import Guest, Peer, controlled_running, scenario
from tests.engine.stepped import stepped
from tests.frames import GUEST, ROUTER, ether, ping, udp

ELSEWHERE = "192.0.2.9"
NET_UNREACHABLE, PORT_UNREACHABLE = (3, 0), (3, 3)


def dns_message(name: str) -> bytes:
    message = bytes(DNS(id=9, rd=1, qd=DNSQR(qname=name)))
    return len(message).to_bytes(2, "big") + message


async def icmp(guest: Guest) -> tuple[int, int]:
    message = (await guest.expect(ICMP))[ICMP]
    return message.type, message.code


async def dns(guest: Guest, name: str) -> Any:
    question = DNS(id=9, rd=1, qd=DNSQR(qname=name))
    guest.link.put(udp(ROUTER, 53, bytes(question)))
    return (await guest.expect(DNS))[DNS]


async def nobody_is_out_there(root: Path) -> None:
    (root / "boot").write_bytes(b"kernel")
    config = Config(hermetic=True, tftp=Tftp(root))
    async with controlled_running(config) as guest:
        Peer(guest, 80, remote=ELSEWHERE).send("S")
        assert await icmp(guest) == NET_UNREACHABLE
        guest.link.put(udp(ELSEWHERE, 9, b"anybody?"))
        assert await icmp(guest) == NET_UNREACHABLE
        guest.link.put(ping(ELSEWHERE))
        assert await icmp(guest) == NET_UNREACHABLE
        guest.link.put(ping(ROUTER))
        assert await icmp(guest) == (0, 0)
        guest.link.put(udp(ROUTER, 9, b"anybody?"))
        assert await icmp(guest) == PORT_UNREACHABLE
        Peer(guest, 80, sport=41_000).send("S")
        assert (await guest.expect(TCP))[TCP].flags == "RA"
        assert (await dns(guest, "host.internal")).an[0].rdata == ROUTER
        assert (await dns(guest, "example.org")).rcode == 3  # NXDOMAIN
        guest.link.put(udp(ROUTER, 69, b"\0\1boot\0octet\0"))
        assert bytes((await guest.expect(UDP))[UDP].payload)[:10] == b"\0\3\0\1kernel"
        lines = "\n".join(line for _, line in guest.link.lines)
        assert "hermetic, seed 0" in lines
        assert "control socket" not in lines


def test_the_guest_finds_nobody_out_there(tmp_path: Path) -> None:
    scenario(lambda: nobody_is_out_there(tmp_path))


ASKS = dns_message("host.internal") * 400 + dns_message("nobody.test") * 400


def exchange(capture: Path, seed: int) -> None:
    """What a guest's TCP and a bad wire make of questions to the DNS by TCP, in virtual time."""
    wire = (parse("loss 2% duplicate 2% delay 2ms 1ms"),)
    config = Config(hermetic=True, seed=seed, capture=capture, impair=wire)
    with stepped(config) as net:
        guest = SimGuest(net, Wire(), 1, ASKS, selective=True, stamped=True)
        guest.remote, guest.port = config.network.router.packed, 53
        while not guest.done and net.now < 600:
            guest.step()
        assert guest.done, net.network.log
        assert bytes(guest.incoming).count(b"nobody") == 400
        assert len(guest.incoming) > len(ASKS)


SCRIPT = """
import asyncio
from pynat.net import Net

net = Net(hermetic=True, seed={seed}, capture="{capture}", impair=["loss 2% delay 2ms 1ms"])

@net.tcp("192.0.2.7", 80)
async def web(stream):
    async def piece(number):
        await asyncio.sleep(net.random.random() / 10)
        await stream.write(str(number).encode() * 5000)
    pieces = {{asyncio.create_task(piece(number)) for number in range(9)}}
    while pieces:
        done, pieces = await asyncio.wait(pieces, return_when=asyncio.FIRST_COMPLETED)
    async for _ in stream:
        pass
"""


def scripted(capture: Path, seed: int) -> None:
    """The same of a network written in Python, whose coroutines wait for each other."""
    script = capture.with_suffix(".py")
    script.write_text(SCRIPT.format(seed=seed, capture=capture))
    loaded = load(str(script), "")
    with stepped(loaded.config, loaded.program) as net:
        guest = SimGuest(net, Wire(), 1, bytes(20_000), selective=True, stamped=True)
        while not guest.done and net.now < 600:
            guest.step()
        assert guest.done, net.network.log
        assert len(guest.incoming) == 9 * 5000


@pytest.mark.parametrize("what", [exchange, scripted])
def test_runs_are_alike_whatever_order_hashing_has(
    what: Callable[[Path, int], None], tmp_path: Path
) -> None:
    """In processes of their own: Python hashes text and bytes otherwise in each."""

    def captured(name: str, seed: int, hashing: str) -> bytes:
        path = tmp_path / name / "net.pcapng"
        path.parent.mkdir()
        program = f"import sys, pathlib; from tests.engine.test_hermetic import {what.__name__};"
        program += f"{what.__name__}(pathlib.Path({str(path)!r}), {seed})"
        environment = {**os.environ, "PYTHONHASHSEED": hashing}
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=environment)
        return path.read_bytes()

    first = captured("first", 5, "1")
    assert len(first) > 80_000
    assert first == captured("again", 5, "2")
    assert first != captured("other", 6, "1")


def test_a_delay_is_counted_from_the_turn_that_took_the_frame() -> None:
    with stepped(Config(hermetic=True, impair=(parse("delay 10ms"),))) as net:
        net.wait(1.0)
        net.from_guest(bytes(ether() / ARP(psrc=GUEST, pdst=ROUTER)))
        net.wait(0.0199)
        assert net.to_guest() == []
        net.wait(0.0005)
        assert len(net.to_guest()) == 1


WATCHED = """
import asyncio, sys
from pathlib import Path
from tests.engine.test_hermetic import nobody_is_out_there
made = []
async def watched():
    # from here on: the loop's own pair of sockets, which lead nowhere, is made
    sys.addaudithook(lambda name, _: made.append(name) if name.startswith("socket.") else None)
    await nobody_is_out_there(Path(sys.argv[1]))
asyncio.run(asyncio.wait_for(watched(), 20))
print("made", made)
"""


def test_no_socket_is_ever_made(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WATCHED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "made []\n"), done.stderr
