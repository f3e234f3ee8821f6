"""The ways of a datagram and of a SYN are those that docs/architecture.md has, file by file."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

from scapy.layers.inet import TCP

from pynat.config import Config, HostAlias
from pynat.engine import Engine, say
from pynat.link.memory import MemoryLink
from pynat.log.notices import Notices
from pynat.nat.messages import TcpConnect
from pynat.serve.stack import seeded, stacked
from pynat.wire.tcp import Segment
from tests.engine.running import Guest, Peer, scenario
from tests.engine.walking import PACKAGE, Walk
from tests.frames import udp

DOCS = PACKAGE.parent / "docs" / "architecture.md"
FLOW = "nat/tcp/flow.py"
MOST_FILES = 12
STAND_IN = {"link/memory.py", "engine_loop.py"}  # for the shim's port and its loop
HOST = "192.0.2.7"  # leads to the loopback
ALIAS = HostAlias(IPv4Address(HOST), 0, IPv4Address("127.0.0.1"), 0)
WORDS = b"what is followed"
SEQ = 0x5EC0FFEE  # of the SYN that is followed


def listed(heading: str) -> list[str]:
    """The files of the numbered list below a heading."""
    return re.findall(r"^\d+\. `pynat/([\w/]+\.py)`", section(heading), re.MULTILINE)


def asked(heading: str) -> set[str]:
    rest = section(heading).partition("Asked on the way:")[2]
    return set(re.findall(r"`([\w/]+\.py)`", rest))


def section(heading: str) -> str:
    return DOCS.read_text().partition(f"### {heading}\n")[2].partition("\n#")[0]


def is_datagram(value: object) -> bool:
    return isinstance(value, bytes | memoryview) and WORDS in bytes(value)


def is_syn(value: object) -> bool:
    """In any form, and what the host is asked because of it."""
    if isinstance(value, bytes | memoryview):
        return SEQ.to_bytes(4, "big") in bytes(value)
    return isinstance(value, TcpConnect) or (isinstance(value, Segment) and value.seq == SEQ)


@asynccontextmanager
async def as_under_bochs() -> AsyncIterator[Guest]:
    """With all that is around a link there, and a guest that is known."""
    loop = asyncio.get_running_loop()
    memory = MemoryLink(loop)
    config = seeded(Config(host_aliases=(ALIAS,)))
    notices = Notices(lambda level, text: say(memory, level, text))
    with stacked(memory, config, notices, lint=True) as stack:
        engine = Engine(config, stack.link, loop, notices)
        task = asyncio.create_task(engine.run())
        guest = Guest(memory, engine)
        guest.introduce()
        await memory.turn()
        yield guest
        memory.close()
        await task
    memory.dispose()


def test_the_way_of_a_datagram() -> None:
    walk = Walk(is_datagram, until="send_datagrams")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            port = server.getsockname()[1]
            async with as_under_bochs() as guest:
                guest.link.put(udp(HOST, port, b"opens the flow"))
                await loop.sock_recv(server, 100)
                guest.link.put(udp(HOST, port, WORDS))
                with walk:
                    assert await loop.sock_recv(server, 100) == WORDS

    scenario(run)
    way = listed("A datagram, file by file")
    assert list(walk.way) == way
    assert len(way) <= MOST_FILES
    assert set(walk.way.values()) == {1}
    assert walk.asked - STAND_IN == asked("A datagram, file by file")


def test_the_way_of_a_syn() -> None:
    walk = Walk(is_syn, until="connect_ex")

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with as_under_bochs() as guest:
                peer = Peer(guest, server.getsockname()[1], remote=HOST)
                peer.seq = SEQ
                peer.send("S")
                with walk:
                    await guest.expect(TCP)

    scenario(run)
    assert list(walk.way) == listed("A SYN, file by file")
    into_flow = [call for call in walk.calls if call.file == FLOW and not call.inside]
    assert [call.function for call in into_flow if call.gets_it] == ["Flow.open_from_guest"]
    made, given, *counted, asked_what_to_do = [call.function for call in into_flow]
    assert (made, given) == ("Flow.__init__", "Flow.open_from_guest")
    assert (counted, asked_what_to_do) == (["Flow.growth"], "Flow.to_host")
