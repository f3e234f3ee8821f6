"""The whole engine with real sockets on the loopback: what the sans-IO tests cannot see."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import Ether

from pynat import rules
from pynat.config import Config, Dns, TimePolicy
from pynat.engine import MAX_FRAMES, MAX_WATCHED_FRAMES, Engine
from pynat.host.host import Host
from pynat.link.memory import MemoryLink
from pynat.nat.messages import Action
from pynat.nat.tcp.table import BULK
from tests.engine.running import Peer, running, scenario
from tests.frames import ROUTER, ping, udp


@pytest.mark.parametrize("pure", [True, False])
def test_what_is_not_compiled_is_said(pure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynat.engine.IS_PURE", pure)

    async def run() -> None:
        async with running() as guest:
            lines = [text for _, text in guest.link.lines]
        assert ("note: the loops over bytes are not compiled, so all is slower" in lines) == pure

    scenario(run)


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


def test_a_segment_and_its_acknowledgement_are_one_turn() -> None:
    """What the kernel takes of it is heard in the same one."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with running() as guest:
                peer = Peer(guest, server.getsockname()[1])
                await peer.open()
                await guest.link.turn()
                turns: list[float] = []
                guest.engine.look_on(turns.append)
                peer.send("PA", b"a segment")
                assert (await guest.expect(TCP))[TCP].ack == peer.seq
                for _ in range(5):
                    await asyncio.sleep(0)  # a turn too many would be next
                assert len(turns) == 1

    scenario(run)


def test_a_lone_segment_is_the_sockets_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("pynat.host.tcp.TcpSockets.send", lambda _, action: asked.append(action))

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with running() as guest:
                peer = Peer(guest, server.getsockname()[1])
                await peer.open()
                await guest.link.turn()
                connection, _ = server.accept()
                peer.send("PA", b"a segment")
                assert (await guest.expect(TCP))[TCP].ack == peer.seq
                assert connection.recv(100) == b"a segment"
                connection.close()
        assert asked == []

    scenario(run)


def test_a_long_batch_is_answered_in_parts() -> None:
    """More than one turn may take, while somebody looks at each frame: MemoryLink has no runs."""

    async def run() -> None:
        async with running() as guest:
            await guest.link.turn()
            guest.link.put(ping(ROUTER))
            await guest.expect(ICMP)
            turns: list[float] = []
            guest.engine.look_on(turns.append)
            for _ in range(3 * MAX_WATCHED_FRAMES):
                guest.link.put(ping(ROUTER))
            answers = 0
            while answers < 3 * MAX_WATCHED_FRAMES:
                await guest.expect(ICMP)
                answers += 1
                assert answers <= len(turns) * MAX_WATCHED_FRAMES
            assert len(turns) >= 3

    scenario(run)


def test_who_has_little_to_carry_does_not_wait_for_who_has_much() -> None:
    """Both in one turn, and the bulk came first."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with running() as guest:
                bulk, other = (
                    Peer(guest, server.getsockname()[1], port) for port in (40_000, 40_001)
                )
                for peer in (bulk, other):
                    await peer.open()
                await guest.link.turn()
                turns: list[float] = []
                guest.engine.look_on(turns.append)
                for _ in range(BULK // 1000 + 1):
                    bulk.send("A", bytes(1000))
                other.send("PA", b"x")
                guest.link.put(ping(ROUTER))
                answers = [Ether(await guest.link.take()) for _ in range(3)]
                assert [answer.getfieldval("type") for answer in answers] == [0x800] * 3
                assert ICMP in answers[0]
                assert [answer[TCP].dport for answer in answers[1:]] == [40_001, 40_000]
                assert answers[2][TCP].ack == bulk.seq
                assert len(turns) == 1

    scenario(run)


def test_who_comes_while_bulk_is_written_is_answered_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But what the bulk's own flow sends waits until all of it is written."""
    monkeypatch.setattr("pynat.engine.MAX_WATCHED_FRAMES", 4)

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with running(Config(time=TimePolicy.NEVER)) as guest:
                peer = Peer(guest, server.getsockname()[1])
                await peer.open()
                connection, _ = server.accept()
                send = guest.link.send
                sent: list[int] = []

                def watched(frames: list[bytes]) -> int:
                    if len(frames) == 4 and not sent:
                        peer.send("PA", b"x")
                        guest.link.put(ping(ROUTER))
                    sent.append(len(frames))
                    return send(frames)

                monkeypatch.setattr(guest.link, "send", watched)
                with connection:
                    connection.sendall(bytes(10 * 536))
                    came = [Ether(await guest.link.take()) for _ in range(12)]
                assert [ICMP in each for each in came].index(True) == 4
                assert [each[TCP].ack == peer.seq for each in came if TCP in each].index(True) == 10
                assert sent == [4, 1, 4, 2, 1]

    scenario(run)


def test_nobody_is_answered_before_he_has_what_waits_for_him(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One frame of his waits behind the many of another flow."""
    monkeypatch.setattr("pynat.engine.MAX_WATCHED_FRAMES", 4)

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with running(Config(time=TimePolicy.NEVER)) as guest:
                peers = []
                for own in (40000, 40001):
                    peer = Peer(guest, server.getsockname()[1], own)
                    await peer.open()
                    peers.append((peer, server.accept()[0]))
                await guest.link.turn()
                send = guest.link.send
                sent: list[int] = []

                def watched(frames: list[bytes]) -> int:
                    sent.append(len(frames))
                    if sent == [4]:
                        peers[1][0].send("PA", b"x")
                    return send(frames)

                monkeypatch.setattr(guest.link, "send", watched)
                for (_, connection), size in zip(peers, (10 * 536, 5), strict=True):
                    connection.sendall(bytes(size))
                his = [
                    packet[TCP]
                    for packet in [Ether(await guest.link.take()) for _ in range(12)]
                    if packet[TCP].dport == 40001
                ]
                assert sent[0] == 4
                assert [len(segment.payload) for segment in his] == [5, 0]
                for _, connection in peers:
                    connection.close()

    scenario(run)


def test_an_answer_that_waits_for_nobody_leaves_before_the_host_is_asked() -> None:
    async def run() -> None:
        async with running() as guest:
            guest.link.put(ping(ROUTER))
            await guest.expect(ICMP)
            sent, at_send = guest.engine.to_guest, []
            perform = guest.engine.host.perform

            def watched(actions: Iterable[Action]) -> None:
                at_send.append(sent.frames)
                perform(actions)

            guest.engine.host.perform = watched  # type: ignore[method-assign]
            before = sent.frames
            guest.link.put(udp(ROUTER, 9, b"to be sent"))
            guest.link.put(ping(ROUTER))
            await guest.expect(ICMP)
            assert at_send[0] == before + 1

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


def test_a_fault_of_ours_costs_one_action_and_the_others_are_carried_out() -> None:
    async def run() -> None:
        async with running() as guest:

            def fail(*_: object) -> None:
                raise RuntimeError("something of ours is broken")

            host = guest.engine.host
            assert isinstance(host, Host)
            host._udp.send = fail  # type: ignore[method-assign,assignment]
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                guest.link.put(udp(ROUTER, 9999, b"x"))
                Peer(guest, free.getsockname()[1]).send("S")
                assert (await guest.expect(TCP))[TCP].flags == "RA"
            assert guest.engine.notices.drops[rules.net.ENGINE_BUG] == 1

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


class Flood(MemoryLink):
    """From a guest that sends faster than anybody reads."""

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        assert limit <= MAX_FRAMES
        self._ring()
        return [(self.now(), bytes(60))] * limit


def test_a_guest_that_sends_on_and_on_does_not_hold_the_end_back() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        link = Flood(loop)
        engine = Engine(Config(), link, loop)
        link.close()
        await asyncio.wait_for(engine.run(), 5)
        link.dispose()
        assert engine.from_guest.frames > MAX_FRAMES

    scenario(run)


def test_what_the_guest_has_sent_before_its_end_is_sent() -> None:
    async def run() -> None:
        async with running() as guest:
            for _ in range(3 * MAX_FRAMES):
                guest.link.put(bytes(60))
        assert guest.engine.from_guest.frames == 3 * MAX_FRAMES + 1  # its ARP

    scenario(run)
