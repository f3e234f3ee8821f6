"""The whole engine with real sockets on the loopback: what the sans-IO tests cannot see."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from pynat.config import Config, Dns, Forward, Protocol
from pynat.engine import Engine
from pynat.errors import ConfigError
from pynat.link.memory import MemoryLink
from pynat.testing.lab import GUEST_MAC
from tests.frames import GUEST, ROUTER, ip, ping, udp, verify


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
        from scapy.layers.l2 import ARP

        arp = ARP(op=2, hwsrc=GUEST_MAC.hex(":"), psrc=GUEST, pdst=ROUTER)
        self.link.put(bytes(Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff") / arp))


@asynccontextmanager
async def running(config: Config | None = None) -> AsyncIterator[Guest]:
    loop = asyncio.get_running_loop()
    link = MemoryLink(loop)
    engine = Engine(config or Config(), link, loop)
    task = asyncio.create_task(engine.run())
    guest = Guest(link, engine)
    guest.introduce()
    try:
        yield guest
    finally:
        link.close()
        await task
        link.dispose()


def scenario(coroutine: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(coroutine(), 20)

    asyncio.run(bounded())


class Peer:
    """A crude TCP of the guest's: one segment at a time, everything acknowledged."""

    def __init__(self, guest: Guest, port: int, sport: int = 40_000) -> None:
        self.guest = guest
        self.ends = {"sport": sport, "dport": port}
        self.seq = 100
        self.ack = 0

    def send(self, flags: str, data: bytes = b"") -> None:
        tcp = TCP(**self.ends, flags=flags, seq=self.seq, ack=self.ack, window=65535)
        self.guest.link.put(bytes(ip(ROUTER) / tcp / data))
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


def test_tcp_both_ways_and_half_close() -> None:
    async def digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read()  # to EOF: the guest's half-close
        writer.write(hashlib.sha256(data).hexdigest().encode() * 1000)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        server = await asyncio.start_server(digest, "127.0.0.1", 0)
        async with server, running() as guest:
            peer = Peer(guest, server.sockets[0].getsockname()[1])
            await peer.open()
            data = bytes(range(256)) * 100
            for start in range(0, len(data), 1400):
                peer.send("PA", data[start : start + 1400])
            peer.send("FA")
            answer = await peer.read_to_eof()
            assert answer == hashlib.sha256(data).hexdigest().encode() * 1000

    scenario(run)


def test_a_refused_port_is_rst() -> None:
    async def run() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            async with running() as guest:
                peer = Peer(guest, free.getsockname()[1])
                peer.send("S")
                assert (await guest.expect(TCP))[TCP].flags == "RA"

    scenario(run)


def test_a_reset_of_the_guest_reaches_the_program_as_a_reset() -> None:
    async def run() -> None:
        seen: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
            except ConnectionResetError as error:
                seen.set_result(error.errno)
            writer.close()

        server = await asyncio.start_server(read, "127.0.0.1", 0)
        async with server, running() as guest:
            peer = Peer(guest, server.sockets[0].getsockname()[1])
            await peer.open()
            peer.send("RA")
            assert await seen == errno.ECONNRESET

    scenario(run)


def test_udp_echo_and_refusal() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            port = server.getsockname()[1]
            async with running() as guest:
                guest.link.put(udp(ROUTER, port, b"question"))
                data, peer = await loop.sock_recvfrom(server, 100)
                await loop.sock_sendto(server, data[::-1], peer)
                answer = await guest.expect(UDP)
                assert bytes(answer[UDP].payload)[:8] == b"noitseuq"
                server.close()
                guest.link.put(udp(ROUTER, port, b"anybody there?"))
                error = await guest.expect(ICMP)
                assert (error[ICMP].type, error[ICMP].code) == (3, 3)
                assert error["UDP in ICMP"].dport == port

    scenario(run)


def test_dns_over_udp_and_tcp() -> None:
    question = bytes(DNS(id=77, rd=1, qd=DNSQR(qname="x.test")))

    async def run() -> None:
        config = Config(dns=Dns(names={"x.test": (IPv4Address("192.0.2.9"),)}))
        async with running(config) as guest:
            guest.link.put(udp(ROUTER, 53, question))
            answer = (await guest.expect(DNS))[DNS]
            assert (answer.id, answer.an[0].rdata) == (77, "192.0.2.9")
            peer = Peer(guest, 53)
            await peer.open()
            peer.send("PA", len(question).to_bytes(2, "big") + question)
            peer.send("FA")
            stream = await peer.read_to_eof()
            assert DNS(stream[2:]).an[0].rdata == "192.0.2.9"

    scenario(run)


def test_a_host_program_reaches_the_guest() -> None:
    async def run() -> None:
        rule = Forward(Protocol.TCP, IPv4Address("127.0.0.1"), 0, None, 80)
        async with running(Config(forwards=(rule,))) as guest:
            (line,) = guest.engine.host.listening
            port = int(line.split(" port ")[1].split()[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            syn = await guest.expect(TCP)
            assert (syn[TCP].flags, syn[IP].src, syn[TCP].dport) == ("S", ROUTER, 80)
            peer = Peer(guest, syn[TCP].sport, sport=80)
            peer.ack = syn[TCP].seq + 1
            peer.send("SA")
            peer.send("PA", b"hello from the guest")
            peer.send("FA")
            assert await reader.read() == b"hello from the guest"
            writer.close()
            await writer.wait_closed()

    scenario(run)


def test_a_port_in_use_is_one_clear_line() -> None:
    async def run() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            rule = Forward(
                Protocol.TCP, IPv4Address("127.0.0.1"), port, None, 80, "net.toml: forwards[0]"
            )
            with pytest.raises(ConfigError) as caught:
                async with running(Config(forwards=(rule,))):
                    pass
            text = str(caught.value)
            assert text.startswith(f"net.toml: forwards[0]: tcp:127.0.0.1:{port}-:80: cannot")
            assert "Address already in use" in text

    scenario(run)


def test_a_fault_of_ours_is_reported_and_the_next_frame_works() -> None:
    async def run() -> None:
        async with running() as guest:
            broken = guest.engine.router.udp

            def fail(*_: object) -> None:
                raise RuntimeError("something of ours is broken")

            broken.from_guest = fail  # type: ignore[method-assign,assignment]
            guest.link.put(udp(ROUTER, 9999, b"x"))
            guest.link.put(ping(ROUTER))
            assert (await guest.expect(ICMP))[ICMP].type == 0
            text = "\n".join(line for _, line in guest.link.lines)
            assert "something of ours is broken" in text
            assert "router.py" in text

    scenario(run)


def test_guest_time_is_held_while_an_answer_is_outstanding() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            async with running() as guest:
                guest.link.put(ping(ROUTER))
                await guest.expect(ICMP)
                assert guest.link.hold_until == 0
                guest.link.put(udp(ROUTER, server.getsockname()[1], b"question"))
                _, peer = await loop.sock_recvfrom(server, 100)
                assert guest.link.hold_until > guest.link.now() + 30
                await loop.sock_sendto(server, b"answer", peer)
                while guest.link.hold_until > guest.link.now() + 30:
                    await guest.link.turn()

    scenario(run)
