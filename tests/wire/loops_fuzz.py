"""Gives the compiled loops of MODULE what is drawn from SEED: `loops_fuzz.py MODULE SEED COUNT`.

Run by test_loops_asan.py with a module that finds each access that is out of place by itself. What
it returns is compared with what pynat/_pure.py does; wild arguments may raise, and nothing else. At
the end each loop must have got past its arguments again and again.
"""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from types import ModuleType
from typing import Any

from pynat import _pure
from pynat.wire import ethernet, icmp, ip, ipv4, tcp, udp
from pynat.wire.icmp import Icmp
from pynat.wire.tcp import ACK, PSH, Options, Segment

OURS, GUEST = b"\x0a\x09\x09\x09", b"\x0a\x00\x00\x02"
MAC, OTHER_MAC = bytes.fromhex("525500a81001"), bytes.fromhex("525400123456")
LENGTHS = (0, 1, 2, 3, 4, 19, 20, 21, 53, 54, 60, 61, 128, 129, 1460, 70_000)
NUMBERS = (-(2**63), -1, 10_000, 0xFFFF, 0x10000, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64)
LONG = (65_507, 65_508)  # bytes: of a datagram that fits into IPv4, and of one that does not
LOCALHOST = bytes((127, 0, 0, 1))
ADDRESSES = (LOCALHOST, LOCALHOST, LOCALHOST, b"", b"short")  # no other: nothing may leave
HEADER = ethernet.encode(
    MAC, OTHER_MAC, ethernet.IPV4, ipv4.blank_header(OURS, GUEST, ip.UDP) + b"\0\x43\0\x44\0\0\0\0"
)
ON_SOCKETS = ("read_frames", "write_frames", "send_datagrams", "receive_datagrams")
MAY_RAISE = (BufferError, MemoryError, OverflowError, TypeError, ValueError)


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("sanitized._fast", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcome(call: Callable[..., Any], *arguments: object) -> object:
    try:
        return call(*arguments)
    except MAY_RAISE as error:
        return type(error)


class Inputs:
    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.any = dice.choice

    def data(self) -> bytes | memoryview:
        data = self.dice.randbytes(self.any(LENGTHS))
        return self.any((data, memoryview(data), memoryview(data)[self.any((1, 2, 3)) :]))

    def frames(self) -> list[bytes]:
        """Most go on with the one before."""
        seq, frames = 1, []
        for _ in range(self.any((1, 2, 6))):
            text = self.dice.randbytes(self.any((1, 100)))
            frames.append(self.frame(seq, text if self.any((True, True, False)) else b""))
            seq += len(text) if self.any((True, True, True, False)) else 0
        return frames

    def frame(self, seq: int = 1, text: bytes = b"") -> bytes:
        """A common segment, or one that is spoilt."""
        stamps = Options(timestamps=(1, self.any((1, 1, 1, 2))))
        options = self.any((stamps, stamps, tcp.NO_OPTIONS, Options(mss=1)))
        flags, ack = self.any((ACK, ACK, ACK | PSH)), self.any((5, 5, 5, 6))
        segment = Segment(1000, 80, seq, ack, flags, 77, text, options)
        return self.packet(ip.TCP, tcp.encode(GUEST, OURS, segment))

    def waiting(self) -> list[bytes]:
        """What the guest has sent, most of it of busy flows."""
        frames = self.frames()
        return frames + frames[:1] * self.any((0, 70))

    def datagrams(self) -> list[bytes]:
        """In frames; most are of one flow."""
        return [
            self.packet(
                ip.UDP, udp.encode(GUEST, self.any((68, 68, 68, 69)), OURS, 67, text[: LONG[0]])
            )
            for text in self.payloads()[:6] or [b""]
        ]

    def payloads(self) -> list[bytes]:
        """Of datagrams, most of one size."""
        size = self.any((0, 1, 100))
        sizes = [self.any((size, size, size, size, 1, 150)) for _ in range(self.any((0, 1, 6, 70)))]
        return [*map(self.dice.randbytes, sizes), *map(bytes, self.any(((), (), LONG[:1], LONG)))]

    def ping(self) -> bytes:
        """A request, or one that is spoilt."""
        numbers = self.any((8, 8, 8, 0)), self.any((0, 0, 0, 1)), 1, self.dice.getrandbits(16)
        text = self.dice.randbytes(self.any((0, 1, 56)))
        return self.packet(ip.ICMP, icmp.encode(Icmp(*numbers, text)))

    def packet(self, protocol: int, data: bytes) -> bytes:
        """Whole, or spoilt."""
        packet = ipv4.encode(GUEST, OURS, protocol, data, ttl=self.any((64, 64, 64, 2, 1)))
        frame = bytearray(ethernet.encode(MAC, OTHER_MAC, ethernet.IPV4, packet))
        for _ in range(self.any((0, 0, 0, 1, 2))):
            frame[self.dice.randrange(len(frame))] = self.any((0, 1, 0x45, 0xF0, 0xFF))
        return bytes(frame[: self.any((len(frame), len(frame), self.dice.randrange(len(frame))))])

    def segment(self) -> tuple[object, ...]:
        """One to be sent."""
        ends = [self.dice.randbytes(self.any((4, 4, 16, 0, 1))) for _ in range(2)]
        sizes = 16, 16, 32, 32, 8, 16, 16
        options = self.dice.randbytes(self.any((0, 12, 12, 40, 2, 44, 1000)))
        return *ends, *map(self.dice.getrandbits, sizes), options, self.data()

    def run(self) -> tuple[object, ...]:
        start, last_start = (self.dice.randbytes(self.any((0, 34, 128, 129))) for _ in range(2))
        header = self.dice.randbytes(self.any((19, 20, 32, 60, 61, 1000)))
        text = [self.data() for _ in range(self.any((0, 1, 2, 5)))]
        size = self.any((-1, 0, 1400, 1460, 65_535, 2**40))
        numbers = self.any((0, 1, 0xFFFF, 0x10000)), self.any((1, 2**32 - 9)), self.any((16, 0xFF))
        partial = self.any((False, True))
        return (start, last_start, header, *numbers, size, text, partial)

    def wild(self, depth: int = 2) -> object:
        makers: list[Callable[[], object]] = [
            self.data, self.frame, self.run, lambda: self.any(NUMBERS), lambda: None, lambda: "text"
        ]  # fmt: skip
        if depth:
            makers.append(lambda: [self.wild(depth - 1) for _ in range(self.any((0, 1, 3)))])
            makers.append(lambda: tuple(self.wild(depth - 1) for _ in range(self.any((1, 9)))))
        return self.any(makers)()


class Sockets:
    """A device's descriptor and the guest behind it, and two ends of UDP."""

    def __init__(self) -> None:
        self.device, self.guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours, self.theirs = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab")
        for sock in self:
            sock.setblocking(False)
        for sock in (self.ours, self.theirs):
            sock.bind(("127.0.0.1", 0))

    def __iter__(self) -> Iterator[socket.socket]:
        return iter((self.device, self.guest, self.ours, self.theirs))

    def __enter__(self) -> Sockets:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self:
            sock.close()


Calls = dict[str, tuple[Any, ...]]


def drawn(inputs: Inputs, sockets: Sockets) -> Calls:
    """Arguments for each loop, most of which it takes; who writes stands before who reads."""
    frames, run, datagrams = inputs.frames(), inputs.run(), inputs.datagrams()
    at, mac = inputs.any((0, 0, 1, -1)), inputs.any((MAC, MAC, MAC, b"short"))
    busy = b"".join(map(key_of, frames))
    items = [inputs.any((frame, run)) for frame in frames] + frames[:1] * inputs.any((0, 0, 130))
    port = sockets.theirs.getsockname()[1]
    header = inputs.any((HEADER, HEADER, HEADER, HEADER[1:]))
    return {
        "ones_sum": (inputs.data(),),
        "tcp_frames": (run,),
        "tcp_run": (frames, at, mac),
        "tcp_one": (frames[0],),
        "tcp_segment": inputs.segment(),
        "udp_one": (datagrams[0],),
        "echo_reply": (inputs.ping(), mac, inputs.dice.getrandbits(16)),
        "write_frames": (sockets.device.fileno(), items, inputs.any((busy, busy, busy[1:])), []),
        "read_frames": (sockets.guest.fileno(), inputs.any((0, 1, 1000, 1000))),
        "udp_run": (datagrams, at, mac),
        "udp_frames": (header, inputs.any((0, 0xFFFF, 2**32 - 1)), inputs.payloads()),
        "send_datagrams": (
            sockets.ours,
            inputs.any(ADDRESSES),
            port,
            inputs.payloads(),
            inputs.any((False, True)),
        ),
        "receive_datagrams": (sockets.theirs, inputs.any((-1, 0, 1, 64, 64, 1000))),
    }


def key_of(frame: bytes) -> bytes:
    """Addresses and ports."""
    return frame[26:38].ljust(12, b"\0")


def done(loops: Any, calls: Calls, sockets: Sockets, waiting: list[bytes]) -> dict[str, object]:
    """What each loop returns or raises, who came while frames were written, and what is left."""
    came: list[bytes] = []
    calls = calls | {"write_frames": (*calls["write_frames"][:-1], came)}
    for frame in waiting:
        sockets.guest.send(frame)
    found = {name: outcome(getattr(loops, name), *calls[name]) for name in calls}
    left = [_pure.read_frames(sock.fileno(), 10_000) for sock in sockets]
    return found | {"came": came, "left": left}


def is_taken(name: str, told: Any) -> bool:
    """Whether the loop got past its arguments, and had something to do."""
    if isinstance(told, type) or told in (None, []):
        return False
    return name not in ON_SOCKETS or bool(told[0])


def spoilt(inputs: Inputs, arguments: tuple[object, ...]) -> list[object]:
    """With anything in the place of some. No number is a descriptor."""
    spoils = list(arguments)
    for _ in range(inputs.any((1, 1, 2))):
        at = inputs.dice.randrange(len(spoils))
        if spoils[at] not in ADDRESSES:
            spoils[at] = inputs.wild()
    return spoils[: inputs.any((None, None, None, -1))]


def main(path: str, seed: str, count: str) -> None:
    fast, inputs = load(path), Inputs(Random(seed))
    names = {name for name in dir(fast) if not name.startswith("_")}
    taken = Counter[str]()
    for number in range(int(count)):
        with Sockets() as sockets:
            calls, waiting = drawn(inputs, sockets), inputs.waiting()
            assert set(calls) == names
            found, expected = (done(loops, calls, sockets, waiting) for loops in (fast, _pure))
            if differing := [name for name in found if found[name] != expected[name]]:
                sys.exit(f"{', '.join(differing)} of input {number}, seed {seed}")
            taken.update(name for name, told in found.items() if is_taken(name, told))
            name = inputs.any(sorted(names))
            outcome(getattr(fast, name), *spoilt(inputs, calls[name]))
    if seldom := [name for name in sorted(names | {"came"}) if taken[name] < int(count) / 40]:
        sys.exit(f"{', '.join(seldom)}: of {count} inputs of seed {seed} too few were taken")
    print(f"{count} inputs of seed {seed}")


if __name__ == "__main__":
    main(*sys.argv[1:])
