"""Captures for reports: whole transfers in virtual time, over a wire that loses things."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from pynat.capture import pcap
from pynat.report import Recording
from pynat.report.sentences import paragraphs
from pynat.testing.kit import VirtualGuest
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.simguest import SimGuest, Wire
from pynat.wire import ethernet, ipv4, tcp
from pynat.wire.tcp import ACK, SYN, Segment
from tests.nat.test_tcp_sim import SimHost
from tests.testing.test_reached import PORT, Answering


def transfer(path: Path, up: int, down: int, *, loss: float = 0.0, delay: float = 0.02) -> Path:
    """The guest sends `up` bytes and gets `down`, and the capture is written as pcapng."""
    lab, dice = Lab(seed=1), Random(1)
    guest = SimGuest(lab, Wire(loss=loss, delay=delay), 1, dice.randbytes(up), selective=True)
    host = SimHost(lab, 1, dice.randbytes(down), stutter=False)
    with path.open("wb") as file:
        file.write(pcap.pcapng_header())
        _record(lab, file.write)
        while not (guest.done and host.closed):
            guest.step()
            host.act()
    return path


def _record(lab: Lab, write: Callable[[bytes], object]) -> None:
    """Whatever crosses the lab's wire."""
    from_guest, to_guest = lab.from_guest, lab.to_guest

    def sent(frame: bytes) -> None:
        write(pcap.pcapng_block(round(lab.now * 1e6), frame, from_guest=True))
        from_guest(frame)

    def delivered() -> list[bytes]:
        frames = to_guest()
        for frame in frames:
            write(pcap.pcapng_block(round(lab.now * 1e6), frame, from_guest=False))
        return frames

    lab.from_guest, lab.to_guest = sent, delivered  # type: ignore[method-assign]


ROUTER_MAC = b"\x52\x55\x00\xa8\x10\x01"
LOSS = "to-guest tcp data loss 40%"
BAD_WIRE = [LOSS, "from-guest tcp data delay 5ms", "drop to-guest icmp first 1"]


class Spoiling(Answering):
    def _packet(self, protocol: int, payload: bytes) -> None:
        self._last = protocol, payload
        super()._packet(protocol, payload)

    def spoil(self) -> None:
        """The last packet again, with a wrong checksum of TCP."""
        protocol, payload = self._last
        self._packet(protocol, payload[:16] + bytes((payload[16] ^ 1,)) + payload[17:])


def bad_wire(folder: Path) -> Path:
    """A guest is sent data over a wire that loses some; the router drops a spoilt segment."""
    stack = Spoiling()
    guest = VirtualGuest(stack, folder, {"impair": BAD_WIRE, "seed": 1})
    with guest:
        guest.ping(count=2)
        with guest.connect(PORT) as connection:
            for at in range(20):
                data = bytes([at]) * 500
                connection.sendall(data)
                assert connection.recv(1000) == data
            stack.spoil()
            guest.run(1)
    return guest.capture


def long_flow(path: Path, frames: int) -> Path:
    """One connection with so many frames: 1,000 bytes to the guest, their acknowledgement, ..."""
    guest, server = bytes((192, 168, 16, 2)), bytes((192, 0, 2, 7))

    def block(number: int, seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
        from_guest = number % 2 == 0
        ports = (40_000, 80) if from_guest else (80, 40_000)
        ends = (guest, server) if from_guest else (server, guest)
        segment = Segment(*ports, seq, ack, flags, 60_000, payload)
        packet = ipv4.encode(*ends, ipv4.TCP, tcp.encode(*ends, segment))
        macs = (ROUTER_MAC, GUEST_MAC) if from_guest else (GUEST_MAC, ROUTER_MAC)
        frame = ethernet.encode(*macs, ethernet.IPV4, packet)
        return pcap.pcapng_block(1_000 * number, frame, from_guest=from_guest)

    with path.open("wb") as file:
        file.write(pcap.pcapng_header())
        file.write(block(0, 0, 0, SYN) + block(1, 0, 1, SYN | ACK) + block(2, 1, 1, ACK))
        for number in range(3, frames):
            sent = (number - 3) // 2 * 1_000 + 1
            if number % 2:
                file.write(block(number, sent, 1, ACK, bytes(1_000)))
            else:
                file.write(block(number, 1, sent + 1_000, ACK))
    return path


def told_of(recording: Recording) -> list[str]:
    """The sentences with which its page begins."""
    return [str(sentence) for paragraph in paragraphs(recording) for sentence in paragraph]
