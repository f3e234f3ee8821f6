"""What an idle flow holds, and that nothing of many is left when they have ended.

Frames are of our own codec, because scapy would take minutes; what is in them is asked elsewhere.
"""

from __future__ import annotations

import gc
import tracemalloc

from pynat.nat.messages import TcpConnect, TcpConnected, TcpEof, TcpReceived
from pynat.testing.lab import GUEST_MAC, Lab, introduce
from pynat.wire import ethernet, ipv4, tcp
from pynat.wire.tcp import ACK, FIN, PSH, SYN, Options, Segment

FLOWS = 300
# Bytes of one: 4096, less the 400 of its socket (tests/host/test_tcp.py), and what the allocator
# adds: it rounds each of 70 objects up.
MOST = 4096 - 400 - 450
LEFT = 176 << 10  # bytes of all: the log's last lines, ended flows, and dicts keep their size
PEER = bytes((192, 0, 2, 7))


class Connection:
    """Opened, and used both ways."""

    def __init__(self, lab: Lab, port: int) -> None:
        self._lab, self._port = lab, port
        self._seq = self._ack = 0
        offer = Options(mss=1460, window_shift=7, sack_permitted=True, timestamps=(1, 0))
        self._send(SYN, options=offer)
        (self.number,) = (one.flow for one in lab.to_host() if isinstance(one, TcpConnect))
        lab.from_host(TcpConnected(self.number))
        self._hear()
        self._send(ACK)
        self.speak()
        lab.from_host(TcpReceived(self.number, b"y" * 500))
        self._hear()
        self._send(ACK)

    def speak(self) -> None:
        self._send(ACK | PSH, b"x" * 100)

    def close(self) -> None:
        self._send(ACK | FIN)
        self._lab.from_host(TcpEof(self.number))
        self._hear()
        self._send(ACK)

    def _send(self, flags: int, data: bytes = b"", options: Options | None = None) -> None:
        guest = self._lab.config.network.guest.packed
        options = options or Options(timestamps=(2, 0))
        segment = Segment(self._port, 80, self._seq, self._ack, flags, 65_535, data, options)
        self._seq += segment.length
        packet = ipv4.encode(guest, PEER, ipv4.TCP, tcp.encode(guest, PEER, segment))
        frame = ethernet.encode(self._lab.config.network.mac, GUEST_MAC, ethernet.IPV4, packet)
        self._lab.from_guest(frame)

    def _hear(self) -> None:
        for frame in self._lab.to_guest():
            segment = tcp.decode(ipv4.decode(memoryview(frame)[ethernet.HEADER.size :]))
            self._ack = (segment.seq + segment.length) % 2**32


def test_an_idle_flow_holds_four_kib_and_gives_it_back() -> None:
    """A bound on what is allocated, which is the same on each machine with one Python."""
    lab = Lab()
    introduce(lab)
    _open_and_close(lab, range(10_000, 10_100))  # what is made once is there then
    tracemalloc.start()
    before = _traced(lab)
    connections = [Connection(lab, port) for port in range(20_000, 20_000 + FLOWS)]
    while_idle = _traced(lab)
    for connection in connections:
        connection.close()
    lab.wait(5)
    del connections
    after = _traced(lab)
    tracemalloc.stop()
    assert (while_idle - before) / FLOWS < MOST
    assert after - before < LEFT


def _open_and_close(lab: Lab, ports: range) -> None:
    for connection in [Connection(lab, port) for port in ports]:
        connection.close()


def _traced(lab: Lab) -> int:
    """Bytes, without what the lab keeps of frames and actions."""
    lab.wait(5)
    lab.to_guest()
    lab.to_host()
    lab.host_bytes.clear()
    lab.log.clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
