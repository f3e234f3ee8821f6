"""Gives the compiled loops of MODULE what is drawn from SEED: `loops_fuzz.py MODULE SEED COUNT`.

Run by test_loops_asan.py with a module that finds each access that is out of place by itself. What
it returns is compared with what pynat/_pure.py does; wild arguments may raise, and nothing else.
"""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Callable
from random import Random
from types import ModuleType
from typing import Any

from pynat import _pure
from pynat.wire import ethernet, icmp, ip, ipv4, tcp
from pynat.wire.icmp import Icmp
from pynat.wire.tcp import ACK, PSH, Options, Segment

OURS, GUEST = b"\x0a\x09\x09\x09", b"\x0a\x00\x00\x02"
MAC, OTHER_MAC = bytes.fromhex("525500a81001"), bytes.fromhex("525400123456")
LENGTHS = (0, 1, 2, 3, 4, 19, 20, 21, 53, 54, 60, 61, 128, 129, 1460, 70_000)
NUMBERS = (-(2**63), -1, 10_000, 0xFFFF, 0x10000, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64)
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


def differing(fast: ModuleType, inputs: Inputs) -> list[str]:
    """What does not do the same as its equal in Python."""
    frames, run = inputs.frames(), inputs.run()
    place = frames, inputs.any((0, 0, 1, -1)), inputs.any((MAC, MAC, MAC, b"short"))
    items = [inputs.any((frame, run)) for frame in frames if frame]
    calls: dict[str, tuple[object, ...]] = {
        "ones_sum": (inputs.data(),),
        "tcp_frames": (run,),
        "tcp_run": place,
        "tcp_segment": inputs.segment(),
    }
    calls["echo_reply"] = inputs.ping(), place[2], inputs.dice.getrandbits(16)
    calls |= {"tcp_one": tuple(frames[:1]), "udp_one": tuple(frames[:1])}
    found = [
        name
        for name, arguments in calls.items()
        if outcome(getattr(fast, name), *arguments) != outcome(getattr(_pure, name), *arguments)
    ]
    return found + ["write_frames"] * (through(fast, items) != through(_pure, items))


def through(loops: Any, items: list[Any]) -> object:
    """What is told, and what has arrived."""
    ours, guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, guest:
        ours.setblocking(False)
        guest.setblocking(False)
        told = outcome(loops.write_frames, ours.fileno(), items)
        return told, loops.read_frames(guest.fileno(), 1000)


def call_any(fast: ModuleType, inputs: Inputs) -> None:
    """With anything; no number is a descriptor."""
    name = inputs.any([name for name in dir(fast) if not name.startswith("_")])
    outcome(getattr(fast, name), *(inputs.wild() for _ in range(inputs.any((1, 2, 2, 3, 4)))))


def main(path: str, seed: str, count: str) -> None:
    fast, inputs = load(path), Inputs(Random(seed))
    for number in range(int(count)):
        if found := differing(fast, inputs):
            sys.exit(f"{', '.join(found)} of input {number}, seed {seed}")
        call_any(fast, inputs)
    print(f"{count} inputs of seed {seed}")


if __name__ == "__main__":
    main(*sys.argv[1:])
