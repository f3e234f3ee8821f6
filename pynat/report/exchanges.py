"""DHCP, ARP, DNS and ICMP as arrows between the guest and the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pynat.errors import Malformed
from pynat.lint.frame import Frame
from pynat.report.fates import Fate
from pynat.report.flows import DHCP_PORTS
from pynat.wire import dhcp, dns

MAX_ARROWS = 100  # of one protocol
_DNS_PORT = 53


class Arrow(NamedTuple):
    number: int  # of the frame
    when: float  # seconds
    from_guest: bool
    text: str
    fate: Fate | None = None


@dataclass(slots=True)
class Exchanges:
    arrows: dict[str, list[Arrow]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def add(
        self, number: int, when: float, frame: Frame, fate: Fate | None, *, from_guest: bool
    ) -> None:
        protocol, text = _named(frame)
        if not protocol:
            return
        arrows = self.arrows.setdefault(protocol, [])
        if len(arrows) < MAX_ARROWS:
            arrows.append(Arrow(number, when, from_guest, text, fate))
        else:
            self.left_out[protocol] = self.left_out.get(protocol, 0) + 1


def _named(frame: Frame) -> tuple[str, str]:
    if frame.arp is not None:
        return "ARP", str(frame.arp).removeprefix("ARP ")
    if frame.icmp is not None:
        return "ICMP", str(frame.icmp).removeprefix("icmp ")
    if frame.udp is not None:
        return _datagram(frame.udp.source, frame.udp.destination, frame.udp.payload)
    return "", ""


def _datagram(source: int, destination: int, payload: bytes | memoryview) -> tuple[str, str]:
    ports = {source, destination}
    try:
        if ports & DHCP_PORTS:
            return "DHCP", str(dhcp.decode(payload)).removeprefix("DHCP ")
        if _DNS_PORT in ports:
            return "DNS", str(dns.decode(bytes(payload)))
    except Malformed as error:
        return "DHCP" if ports & DHCP_PORTS else "DNS", f"malformed: {error.detail}"
    return "", ""
