"""What a rule can ask of a frame, read where it lies; nothing in the frame is believed."""

from __future__ import annotations

from pynat.wire import ethernet, ip, versions
from pynat.wire.ip import Outline

_SYN, _ACK, _FIN, _RST = 0x02, 0x10, 0x01, 0x04
_PORTS = {"dhcp": {67, 68}, "dns": {53}, "tftp": {69}}  # a transfer of TFTP has others, too

# name: (layer, offset of its last byte)
_IN_HEADER = {
    "ip.checksum": ("ip", 11),
    "ip.length": ("ip", 3),
    "ip.ttl": ("ip", 8),
    "tcp.seq": ("tcp", 7),
    "tcp.ack": ("tcp", 11),
    "tcp.flags": ("tcp", 13),
    "tcp.window": ("tcp", 15),
    "tcp.checksum": ("tcp", 17),
    "udp.length": ("udp", 5),
    "udp.checksum": ("udp", 7),
    "icmp.checksum": ("icmp", 3),
}
FIELDS = (*_IN_HEADER, "payload")
_PROTOCOLS = {ip.ICMP: "icmp", ip.TCP: "tcp", ip.UDP: "udp"}


class FrameView:
    """One frame. Offsets are from its first byte; a layer that is not there has none."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        untagged = ethernet.untagged(frame)
        self._shift = len(frame) - len(untagged)  # by a tag, behind which everything is
        self._read = frame = untagged
        self._hosts: tuple[bytes, ...] = ()  # from which to which
        self.kinds: set[str] = set()
        self.ports: tuple[int, ...] = ()
        self.ends: bytes = b""  # addresses and ports, the same for both directions of a flow
        self._starts: dict[str, int] = {}
        self._payload: int | None = None
        kind = int.from_bytes(frame[12:14], "big")
        if kind == ethernet.ARP:
            self.kinds.add("arp")
        elif found := versions.in_frame(frame):
            self._read_ip(frame, found)

    def route(self) -> tuple[tuple[bytes, int], tuple[bytes, int]] | None:
        """From which end to which, of UDP; None if it is something else."""
        if "udp" not in self.kinds:
            return None
        (source, destination), (sport, dport) = self._hosts, self.ports
        return (source, sport), (destination, dport)

    def _read_ip(self, frame: bytes, found: Outline) -> None:
        protocol, source, destination, at, end, is_later = found
        self.kinds.add("ip")
        self._starts["ip"] = 14
        self._hosts = source, destination
        name = _PROTOCOLS.get(protocol)
        if name is None or is_later or end < at + 8:
            return
        self.kinds.add(name)
        self._starts[name] = at
        if name == "icmp":
            self._payload = at + 8
            return
        ports = (
            int.from_bytes(frame[at : at + 2], "big"),
            int.from_bytes(frame[at + 2 : at + 4], "big"),
        )
        self.ports = ports
        ends = source + frame[at : at + 2], destination + frame[at + 2 : at + 4]
        self.ends = bytes((protocol,)) + min(ends) + max(ends)
        if name == "tcp" and end >= at + 20:
            self._read_tcp(frame, at, end)
        elif name == "udp":
            self._payload = at + 8 if end > at + 8 else None
            self.kinds |= {service for service, its in _PORTS.items() if its & set(ports)}

    def _read_tcp(self, frame: bytes, at: int, end: int) -> None:
        flags = frame[at + 13]
        start = at + (frame[at + 12] >> 4) * 4
        if start < end:
            self._payload = start
            self.kinds.add("data")
        if flags & _SYN:
            self.kinds.add("synack" if flags & _ACK else "syn")
        if flags & _FIN:
            self.kinds.add("fin")
        if flags & _RST:
            self.kinds.add("rst")
        if flags & (_SYN | _FIN | _RST | _ACK) == _ACK and start >= end:
            self.kinds.add("ack")

    def has_host(self, address: bytes) -> bool:
        return address in self._hosts

    def place_of(self, field: str) -> int | None:
        """Of the byte in which a bit is to be turned; None if the frame has no such field."""
        if field == "payload":
            place = self._payload
        else:
            layer, offset = _IN_HEADER[field]
            start = self._starts.get(layer)
            is_there = start is not None and start + offset < len(self._read)
            place = start + offset if start is not None and is_there else None
        return None if place is None else place + self._shift
