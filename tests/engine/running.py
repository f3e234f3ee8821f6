"""A running engine with real sockets on the loopback, and a scripted guest on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether

from pynat.config import Config
from pynat.control.server import controlled
from pynat.engine import Engine, say
from pynat.engine_loop import run
from pynat.link.memory import MemoryLink
from pynat.log.notices import Notices
from pynat.net import Net
from pynat.serve.stack import seeded, stacked
from pynat.testing.lab import GUEST_MAC
from tests.frames import GUEST, ROUTER, ip, verify


class Guest:
    """A scripted guest on a running engine."""

    def __init__(self, link: MemoryLink, engine: Engine) -> None:
        self.link = link
        self.engine = engine

    async def expect(self, layer: Any) -> Any:
        """The next packet with this layer; ARP questions are answered on the way."""
        while True:
            packet = Ether(await self.link.take())
            verify(packet)
            if packet.type == 0x0806:
                if packet.op == 1:
                    self.introduce()
                continue
            if layer in packet:
                return packet

    def introduce(self) -> None:
        arp = ARP(op=2, hwsrc=GUEST_MAC.hex(":"), psrc=GUEST, pdst=ROUTER)
        self.link.put(bytes(Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff") / arp))


@asynccontextmanager
async def running(config: Config | None = None, program: Net | None = None) -> AsyncIterator[Guest]:
    loop = asyncio.get_running_loop()
    link = MemoryLink(loop)
    engine = Engine(config or Config(), link, loop, program=program)
    task = asyncio.create_task(engine.run())
    guest = Guest(link, engine)
    guest.introduce()
    try:
        yield guest
    finally:
        link.close()
        await task
        link.dispose()


@asynccontextmanager
async def controlled_running(config: Config, *, lint: bool = False) -> AsyncIterator[Guest]:
    """With a control socket and a link that captures, as under Bochs."""
    loop = asyncio.get_running_loop()
    memory = MemoryLink(loop)
    config = seeded(config)
    notices = Notices(lambda level, text: say(memory, level, text))
    with stacked(memory, config, notices, lint=lint) as stack:
        engine = Engine(config, stack.link, loop, notices)
        guest = Guest(memory, engine)
        around = stack.capture, stack.impair, lambda: {"ring full": 3}, stack.summary
        async with controlled(engine, config, "card", *around):
            task = asyncio.create_task(engine.run())
            guest.introduce()
            try:
                yield guest
            finally:
                memory.close()
                await task
    memory.dispose()


def scenario(coroutine: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(coroutine(), 20)

    run(bounded())


class Peer:
    """A crude TCP of the guest's: one segment at a time, everything acknowledged."""

    def __init__(self, guest: Guest, port: int, sport: int = 40_000, remote: str = ROUTER) -> None:
        self.guest = guest
        self.remote = remote
        self.ends = {"sport": sport, "dport": port}
        self.seq = 100
        self.ack = 0

    def send(self, flags: str, data: bytes = b"", **fields: int) -> None:
        tcp = TCP(**self.ends, flags=flags, seq=self.seq, ack=self.ack, window=65535, **fields)
        self.guest.link.put(bytes(ip(self.remote) / tcp / data))
        self.seq += len(data) + ("S" in flags) + ("F" in flags)

    async def open(self) -> None:
        self.send("S")
        answer = await self.guest.expect(TCP)
        assert answer[TCP].flags == "SA"
        self.ack = answer[TCP].seq + 1
        self.send("A")

    async def read_to_eof(self) -> bytes:
        received = b""
        while True:
            packet = await self.guest.expect(TCP)
            size = packet[IP].len - 20 - packet[TCP].dataofs * 4
            if packet[TCP].seq != self.ack % 2**32:
                continue
            received += bytes(packet[TCP].payload)[:size]
            self.ack += size + bool(packet[TCP].flags.F)
            if size or packet[TCP].flags.F:
                self.send("A")
            if packet[TCP].flags.F:
                return received

    @classmethod
    async def called(cls, guest: Guest, port: int) -> Peer:
        """The guest's end of a connection that a forward lets in."""
        while (syn := await guest.expect(TCP))[TCP].flags != "S":
            pass  # what is left of an earlier connection
        assert syn[TCP].dport == port
        peer = cls(guest, syn[TCP].sport, sport=port, remote=syn[IP].src)
        peer.ack = syn[TCP].seq + 1
        peer.send("SA")
        return peer
