"""The four ways that most packets go, a ping and a connection, one after the other in this process.

What runs is what `pynat tap` runs, from the read of a frame to the system call on the host's socket
and back. One end of a pair of sockets stands in for the device; the guest, at the other end, is the
frames that a Linux would send. Nobody is waited for, so the same is done in every run.

    python -m benchmarks.hot_paths [--linted]     # under valgrind: counts.py

The engine runs in steps, between calls of `begin` and `end`, and at no other time. What makes
frames and looks at them is outside of these.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count

from pynat.config import Config
from pynat.config.tables import Lint
from pynat.engine_loop import EngineLoop
from pynat.link.tap import TapLink
from pynat.log.notices import Notices
from pynat.serve.load import Loaded
from pynat.serve.session import session
from pynat.serve.stack import seeded
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet, icmp, ipv4, tcp, udp
from pynat.wire.icmp import Icmp
from pynat.wire.tcp import ACK, FIN, PSH, SYN, Options, Segment

BATCH = 32  # frames of a turn, where there are more than one
SIZE = 1_448  # bytes: a full segment with timestamps
WINDOW = 65_000  # shifted by SHIFT
SHIFT = 7
WARM = 45  # times that each way is gone before it counts: the linter looks longer at what is new
TIMES = 9
SLOW_START = (10, 20)  # segments of a flight; then the congestion window has room for BATCH
PATIENCE = 1_000  # steps; what takes more is lost
REQUEST, ANSWER = bytes(40), bytes(140)
Mark = Callable[[], object]


def nothing() -> None:
    pass


def unheard(_level: int, _text: str) -> None:
    """The log."""


@dataclass(slots=True)
class GuestEnd:
    """Of one connection: what comes next of the guest's, and what is acknowledged."""

    port: int
    seq: int = 1_000
    ack: int = 0
    echo: int = 0  # the host's last timestamp


class Rig:
    """The network, and a guest with one TCP flow and one of UDP, both to `host`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wire: socket.socket, host: Host) -> None:
        self.steps = 0
        self.seen: list[tuple[bool, bytes]] = []  # all frames, and whether the guest's
        self.begin: Mark = nothing
        self.end: Mark = nothing
        self._loop = loop
        self._wire = wire
        self._host = host
        config = Config().network
        self._router, self._guest = config.router.packed, config.guest.packed
        self._router_mac = bytes(6)
        self._clock = count(1)  # of the guest's timestamps
        self._idents = count(1)  # of its packets
        self._ports = count(40_000)
        self._end = GuestEnd(next(self._ports))
        self._connect()

    def step(self) -> None:
        """One round of the event loop, which does not wait."""
        self.steps += 1
        self._loop.call_soon(self._loop.stop)
        self.begin()
        self._loop.run_forever()
        self.end()

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(PATIENCE):
            if done():
                return
            self.step()
        raise TimeoutError("the packet does not arrive")

    # ------------------------------------------------------------------ the ways
    def connection(self) -> None:
        """Opened, asked, answered, closed by the host and then by the guest."""
        kept, self._end = self._end, GuestEnd(next(self._ports))
        self._open()
        end = self._end.ack + len(ANSWER) + 1
        self._send_segment(ACK | PSH, REQUEST)
        self.until(self._host.has_answered)
        self.until(lambda: self._got() == end)
        self._send_segment(ACK | FIN)
        self.until(lambda: self._acknowledged() == self._end.seq)
        self._end = kept

    def segments_from_guest(self, number: int) -> None:
        """Data of the guest's, and its acknowledgement."""
        for _ in range(number):
            self._send_segment(ACK | PSH, bytes(SIZE))
        self.until(
            lambda: self._host.takes(number * SIZE) and self._acknowledged() == self._end.seq
        )

    def segments_to_guest(self, number: int) -> None:
        """Data of the host's. The guest's acknowledgement comes in steps that do not count."""
        first = self._end.ack
        self._host.stream.sendall(bytes(number * SIZE))
        self.until(lambda: self._got() == first + number * SIZE)
        with self._uncounted():
            self._send_segment(ACK)
            self.step()

    def datagrams_from_guest(self, number: int) -> None:
        for _ in range(number):
            self._send_datagram()
        self._host.left = number
        self.until(self._host.has_datagrams)

    def datagrams_to_guest(self, number: int) -> None:
        for _ in range(number):
            self._host.datagrams.sendto(bytes(SIZE), self._host.peer)
        frames: list[bytes] = []
        self.until(lambda: len(self._taken(frames)) == number)

    def ping(self) -> None:
        """Of the router, and its answer."""
        request = icmp.encode(Icmp(icmp.ECHO_REQUEST, 0, 1, next(self._clock) & 0xFFFF, bytes(56)))
        self._send_packet(ipv4.ICMP, request)
        self.until(lambda: bool(self._take()))

    @contextlib.contextmanager
    def _uncounted(self) -> Iterator[None]:
        steps, begin, end = self.steps, self.begin, self.end
        self.begin = self.end = nothing
        yield
        self.steps, self.begin, self.end = steps, begin, end

    # ------------------------------------------------------------------ the guest
    def _connect(self) -> None:
        request = arp.Arp(arp.REQUEST, GUEST_MAC, self._guest, bytes(6), self._router)
        self._send(ethernet.BROADCAST, ethernet.ARP, arp.encode(request))
        self.until(self._knows_router)
        self._open()
        self.until(self._host.has_accepted)
        self.datagrams_from_guest(1)
        for number in SLOW_START:
            self.segments_to_guest(number)

    def _open(self) -> None:
        syn = Options(1460, SHIFT, sack_permitted=True, timestamps=(next(self._clock), 0))
        self._send_segment(SYN, options=syn)
        self.until(lambda: self._acknowledged() == self._end.seq)
        self._send_segment(ACK)

    def _knows_router(self) -> bool:
        if frame := self._take():
            self._router_mac = frame[6:12]
        return bool(frame)

    def _send(self, mac: bytes, kind: int, packet: bytes) -> None:
        frame = ethernet.encode(mac, GUEST_MAC, kind, packet)
        self.seen.append((True, frame))
        self._wire.send(frame)

    def _send_packet(self, protocol: int, payload: bytes) -> None:
        ident = next(self._idents) & 0xFFFF
        packet = ipv4.encode(
            self._guest, self._router, protocol, payload, ident=ident, dont_fragment=True
        )
        self._send(self._router_mac, ethernet.IPV4, packet)

    def _send_segment(self, flags: int, data: bytes = b"", options: Options | None = None) -> None:
        stamped = options or Options(timestamps=(next(self._clock), self._end.echo))
        ends = self._end.port, self._host.stream_port
        segment = Segment(*ends, self._end.seq, self._end.ack, flags, WINDOW, data, stamped)
        self._end.seq += segment.length
        self._send_packet(ipv4.TCP, tcp.encode(self._guest, self._router, segment))

    def _send_datagram(self) -> None:
        ends = self._guest, 50_000, self._router, self._host.datagram_port
        self._send_packet(ipv4.UDP, udp.encode(*ends, bytes(SIZE)))

    def _take(self) -> bytes:
        """A frame for the guest; b"" is none."""
        with contextlib.suppress(BlockingIOError):
            frame = self._wire.recv(65_536)
            self.seen.append((False, frame))
            return self._take() if self._is_asked(frame) else frame
        return b""

    def _is_asked(self, frame: bytes) -> bool:
        """The linter asks who answers ARP."""
        if frame[12:14] != ethernet.ARP.to_bytes(2, "big"):
            return False
        packet = arp.decode(memoryview(frame)[ethernet.HEADER.size :])
        if packet.operation == arp.REQUEST:
            reply = arp.Arp(arp.REPLY, GUEST_MAC, self._guest, frame[6:12], self._router)
            self._send(frame[6:12], ethernet.ARP, arp.encode(reply))
        return packet.operation == arp.REQUEST

    def _taken(self, frames: list[bytes]) -> list[bytes]:
        """With all that are there now."""
        frames += iter(self._take, b"")
        return frames

    def _segments(self) -> Iterator[Segment]:
        for frame in self._taken([]):
            yield tcp.decode(ipv4.decode(memoryview(frame)[ethernet.HEADER.size :]))

    def _acknowledged(self) -> int:
        """Up to where."""
        found = 0
        for segment in self._segments():
            self._read(segment)
            found = segment.ack
        return found

    def _got(self) -> int:
        """Up to where the guest has data."""
        for segment in self._segments():
            self._read(segment)
        return self._end.ack

    def _read(self, segment: Segment) -> None:
        self._end.ack = segment.seq + segment.length
        assert segment.options.timestamps is not None
        self._end.echo = segment.options.timestamps[0]


class Host:
    """The servers on the loopback, and the peers of the guest's flows."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.datagrams.bind(("127.0.0.1", 0))
        self.stream_port = self._server.getsockname()[1]
        self.datagram_port = self.datagrams.getsockname()[1]
        self._asking: socket.socket | None = None
        self.left = 0  # datagrams that are to come
        self._octets = 0  # that have come

    def has_accepted(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            self.stream, _ = self._server.accept()
            self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.stream.setblocking(False)
            return True
        return False

    def has_answered(self) -> bool:
        """Another one, and closed it."""
        with contextlib.suppress(BlockingIOError):
            self._asking = self._asking or self._server.accept()[0]
            if self._asking.recv(len(REQUEST), socket.MSG_DONTWAIT):
                with self._asking:
                    self._asking.sendall(ANSWER)
                self._asking = None
                return True
        return False

    def takes(self, octets: int) -> bool:
        """Whether so many bytes have come since it was last so."""
        with contextlib.suppress(BlockingIOError):
            self._octets += len(self.stream.recv(1 << 20))
        is_there = self._octets == octets
        if is_there:
            self._octets = 0
        return is_there

    def has_datagrams(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            while self.left:
                _, self.peer = self.datagrams.recvfrom(65_536)
                self.left -= 1
        return self.left == 0

    def close(self) -> None:
        for each in (self.stream, self._server, self.datagrams):
            each.close()


@contextlib.contextmanager
def rig(*, linted: bool) -> Iterator[Rig]:
    loop = EngineLoop()
    wire, device = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    link = TapLink(device.detach(), loop, unheard)
    host = Host()
    stack = AsyncExitStack()
    loaded = Loaded(seeded(Config(lint=Lint(enabled=linted))))
    around = session(link, loaded, Notices(unheard), "rig", lint=False)
    engine = loop.run_until_complete(stack.enter_async_context(around))
    serving = loop.create_task(engine.run())
    try:
        yield Rig(loop, wire, host)
    finally:
        host.close()
        link.close()
        loop.run_until_complete(serving)
        loop.run_until_complete(stack.aclose())
        link.dispose()
        wire.close()
        loop.close()


@dataclass(frozen=True, slots=True)
class Way:
    title: str
    go: Callable[[Rig], None]


PACKETS = tuple(
    Way(f"{title}, {alone}", partial(go, number=number))
    for title, go in (
        ("segment from the guest, and its ACK", Rig.segments_from_guest),
        ("segment to the guest", Rig.segments_to_guest),
        ("datagram from the guest", Rig.datagrams_from_guest),
        ("datagram to the guest", Rig.datagrams_to_guest),
    )
    for alone, number in (("alone", 1), (f"{BATCH} of them", BATCH))
)
WAYS = (
    *PACKETS,
    Way("ping of the router, and its answer", Rig.ping),
    Way("connection: request, answer, both ends closed", Rig.connection),
)


def main() -> None:
    """Prints how many steps each time took: its marks are that many."""
    with rig(linted="--linted" in sys.argv) as one:
        print(json.dumps({way.title: steps(one, way) for way in WAYS}))


def steps(one: Rig, way: Way) -> list[int]:
    for _ in range(WARM):
        way.go(one)
    found = []
    one.begin, one.end = os.getppid, os.getpgrp  # counts.py looks for these
    for _ in range(TIMES):
        one.steps = 0
        way.go(one)
        found.append(one.steps)
    one.begin = one.end = nothing
    return found


if __name__ == "__main__":
    main()
