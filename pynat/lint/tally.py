"""Counts the occasions that rules have had (pynat/rules/occasions.py).

What a frame shows by itself is counted here, for both directions; what takes knowledge of the
frames before it is counted by the checker that has it: `tally[Occasion.RESENT] += 1`. Segments are
most of all frames, so each is counted once, by its shape, and taken apart when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pynat.lint.frame import Frame
from pynat.rules.occasions import Occasion
from pynat.wire import arp, ethernet, icmp, ipv4
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import ACK, FIN, NO_OPTIONS, RST, SYN, Segment

_FLAGS = 0x3F
DATA = 0x40  # of a shape, beside the flags
OPTIONS = 0x80
_SHAPES = 0x100
_FRAGMENT = 0x3FFF
_PLAIN = 5  # words of an IPv4 header without options
_NAME_SERVER = 53
_TO_DHCP_SERVER = 67
_TFTP = 69
_OF_PORTS = {
    _NAME_SERVER: Occasion.DNS,
    _TO_DHCP_SERVER: Occasion.DHCP,
    _TFTP: Occasion.TFTP,
}
_OF_DATAGRAM_SENT = (
    *(Occasion.FRAME, Occasion.PACKET, Occasion.UNICAST_FRAME),
    *(Occasion.DATAGRAM, Occasion.DATAGRAM_RIGHT),
)
_OF_DATAGRAM_CAME = Occasion.FRAME_CAME, Occasion.DATAGRAM_CAME
_ECHO_SENT = {icmp.ECHO_REQUEST: Occasion.PING}
_ECHO_CAME = {icmp.ECHO_REPLY: Occasion.PING_ANSWERED}


class Tally(Counter[Occasion]):
    def __init__(self) -> None:
        super().__init__()
        self.sent = [0] * _SHAPES  # segments of the guest's
        self.came = [0] * _SHAPES
        self.datagrams_sent = self.datagrams_came = 0  # of which no more is to be said

    def so_far(self) -> Counter[Occasion]:
        total = Counter(self)
        for occasions, count in (
            (_OF_DATAGRAM_SENT, self.datagrams_sent),
            (_OF_DATAGRAM_CAME, self.datagrams_came),
        ):
            for occasion in occasions if count else ():
                total[occasion] += count
        for shape, count in enumerate(self.sent):
            for occasion in _of_sent(shape) if count else ():
                total[occasion] += count
        for shape, count in enumerate(self.came):
            for occasion in _of_came(shape) if count else ():
                total[occasion] += count
        return total

    @property
    def frames_sent(self) -> int:
        return self[Occasion.FRAME] + sum(self.sent) + self.datagrams_sent

    @property
    def frames_came(self) -> int:
        return self[Occasion.FRAME_CAME] + sum(self.came) + self.datagrams_came

    # ------------------------------------------------------------------ one frame
    def from_guest(self, frame: Frame) -> None:
        segment, packet = frame.tcp, frame.ip
        if segment is not None and not frame.destination[0] & 1:
            self.segment_from_guest(segment)
            return
        self[Occasion.FRAME] += 1
        if frame.kind == ethernet.ARP:
            self[Occasion.ARP] += 1
        elif frame.kind == ethernet.IPV4:
            self[Occasion.PACKET] += 1
            self[Occasion.UNICAST_FRAME] += not frame.destination[0] & 1
            if packet is None:
                self._undecoded(frame.data[ethernet.HEADER.size :])
            else:
                self._packet(packet)
                if packet.protocol == ipv4.UDP:
                    self[Occasion.DATAGRAM_RIGHT] += frame.malformed is None
                if frame.icmp is not None:
                    self._count_if(frame.icmp.type, _ECHO_SENT)

    def segment_from_guest(self, segment: Segment) -> None:
        """To one card."""
        self.sent[_shape(segment)] += 1

    def segment_to_guest(self, segment: Segment) -> None:
        self.came[_shape(segment)] += 1

    def joined(self, frame: Frame, *, from_guest: bool) -> None:
        """What is in a packet whose fragments were counted as they came."""
        occasions = _of_sent if from_guest else _of_came
        for occasion in occasions(_shape(frame.tcp)) if frame.tcp else ():
            if occasion not in _OF_FRAMES:
                self[occasion] += 1
        if not from_guest:
            self[Occasion.DATAGRAM_CAME] += frame.udp is not None

    def no_frame(self) -> None:
        """Of the guest's, too short for its header."""
        self[Occasion.FRAME] += 1

    def to_guest(self, frame: Frame) -> None:
        if frame.tcp is not None:
            self.segment_to_guest(frame.tcp)
            return
        self[Occasion.FRAME_CAME] += 1
        if frame.udp is not None:
            self[Occasion.DATAGRAM_CAME] += 1
        elif frame.icmp is not None:
            self._count_if(frame.icmp.type, _ECHO_CAME)
        elif frame.arp is not None and frame.arp.operation == arp.REPLY:
            self[Occasion.ARP_REPLY_CAME] += 1
        elif frame.ip is not None and frame.ip.is_fragment:
            self._begun(frame.ip, _ECHO_CAME)

    def _begun(self, packet: Ipv4, known: dict[int, Occasion]) -> None:
        """A ping in fragments: its first one says so."""
        if packet.protocol == ipv4.ICMP and not packet.offset and packet.payload:
            self._count_if(packet.payload[0], known)

    def _count_if(self, kind: int, known: dict[int, Occasion]) -> None:
        if kind in known:
            self[known[kind]] += 1

    def _undecoded(self, packet: bytes) -> None:
        """What it was meant to be."""
        if int.from_bytes(packet[6:8], "big") & _FRAGMENT:
            self[Occasion.FRAGMENT] += 1
        if packet and packet[0] & 15 > _PLAIN:
            self[Occasion.IP_OPTIONS] += 1

    def _packet(self, packet: Ipv4) -> None:
        if packet.options:
            self[Occasion.IP_OPTIONS] += 1
        if packet.is_fragment:
            self[Occasion.FRAGMENT] += 1
            self._begun(packet, _ECHO_SENT)
        match packet.protocol:
            case ipv4.UDP:
                self[Occasion.DATAGRAM] += 1
                port = int.from_bytes(packet.payload[2:4], "big")
                if port in _OF_PORTS and not packet.offset:
                    self[_OF_PORTS[port]] += 1
            case ipv4.ICMP:
                self[Occasion.ICMP] += 1
            case ipv4.TCP:
                self[Occasion.SEGMENT] += 1


# of a segment's frame
_OF_FRAMES = frozenset(
    {
        Occasion.FRAME,
        Occasion.PACKET,
        Occasion.UNICAST_FRAME,
        Occasion.SEGMENT,
        Occasion.FRAME_CAME,
    }
)


def _shape(segment: Segment) -> int:
    shape = segment.flags & _FLAGS
    if segment.payload:
        shape |= DATA
    if segment.options is not NO_OPTIONS:
        shape |= OPTIONS
    return shape


def _of_sent(shape: int) -> Iterator[Occasion]:
    yield from (Occasion.FRAME, Occasion.PACKET, Occasion.UNICAST_FRAME, Occasion.SEGMENT)
    yield Occasion.SYN if shape & SYN else Occasion.LATER
    if shape & SYN and shape & ACK:
        yield Occasion.SYN_ACK
    for bit, occasion in (
        (FIN, Occasion.FIN),
        (RST, Occasion.RESET),
        (DATA, Occasion.DATA),
        (OPTIONS, Occasion.TCP_OPTIONS),
    ):
        if shape & bit:
            yield occasion
    if not shape & ACK:
        yield Occasion.NO_ACK


def _of_came(shape: int) -> Iterator[Occasion]:
    yield Occasion.FRAME_CAME
    if shape & SYN and shape & ACK:
        yield Occasion.SYN_ACK_CAME
    elif shape & SYN:
        yield Occasion.SYN_CAME
    elif shape & DATA:
        yield Occasion.DATA_CAME
    elif shape & FIN:
        yield Occasion.FIN_CAME
    elif shape & ACK:
        yield Occasion.ACK_CAME
