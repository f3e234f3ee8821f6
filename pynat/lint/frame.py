"""One frame as the checkers see it: every layer decoded once, those that are not there None."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pynat.errors import Malformed
from pynat.lint.span import Span
from pynat.rules import Rule
from pynat.wire import arp, ethernet, icmp, ipv4, tcp, udp
from pynat.wire.arp import Arp
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import Segment
from pynat.wire.udp import Udp


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule has against a frame; `text` has the values seen and expected."""

    rule: Rule
    text: str


@dataclass(slots=True)
class Frame:
    when: Span
    data: bytes
    destination: bytes
    source: bytes
    kind: int  # EtherType
    arp: Arp | None = None
    ip: Ipv4 | None = None
    tcp: Segment | None = None
    udp: Udp | None = None
    icmp: Icmp | None = None
    malformed: Malformed | None = None  # why the layers from there on are missing


class Checker(Protocol):
    """Follows one protocol on the wire; both directions come in order."""

    def from_guest(self, frame: Frame) -> Iterator[Finding]: ...
    def to_guest(self, frame: Frame) -> Iterator[Finding]: ...


def decode(data: bytes, when: float | Span) -> Frame | None:
    """None where not even the Ethernet header is there. when: a moment, if it is known."""
    if len(data) < ethernet.HEADER.size:
        return None
    data = ethernet.untagged(data)
    span = when if isinstance(when, Span) else Span(when, when)
    frame = Frame(span, data, *ethernet.HEADER.unpack_from(data))
    try:
        _layers(frame, memoryview(data)[ethernet.HEADER.size :])
    except Malformed as error:
        frame.malformed = error
    return frame


def _layers(frame: Frame, payload: memoryview) -> None:
    if frame.kind == ethernet.ARP:
        frame.arp = arp.decode(payload)
    elif frame.kind == ethernet.IPV4:
        packet = frame.ip = ipv4.decode(payload)
        if not packet.is_fragment:
            transport(frame, packet)


def transport(frame: Frame, packet: Ipv4) -> None:
    """What is in a whole packet. Raises Malformed."""
    match packet.protocol:
        case ipv4.TCP:
            frame.tcp = tcp.decode(packet)
        case ipv4.UDP:
            frame.udp = udp.decode(packet)
        case ipv4.ICMP:
            frame.icmp = icmp.decode(packet.payload, packet.ends, packet.around)
