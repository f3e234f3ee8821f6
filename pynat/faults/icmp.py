"""Paths to hosts that are as bad as `faults` says (RFC 792, RFC 1191).

fragmentation-needed N  what is longer than N bytes and has DF is dropped, and the guest told
black-hole N            the same, and nobody is told (RFC 2923 2.1)
unreachable             told so, by the host itself if it is a protocol or a port
ttl-exceeded            the same, as if the host were too far away

Beside what is carried on, the router says what a host should not believe, or not always:

redirect GATEWAY        there is a better router for that host (RFC 1122 3.2.2.2)
mask-request            which mask has the guest's net? (RFC 950; RFC 1122 3.2.2.9)
mask-reply MASK         it has this one, though nobody has asked
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Protocol

from pynat.config import Fault
from pynat.faults.active import ActiveFault, ActiveFaults
from pynat.nat.guest_output import GuestOutput
from pynat.wire import icmp
from pynat.wire.addresses import address_text
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4

_CODES = {
    "net": icmp.NET,
    "host": icmp.HOST,
    "protocol": icmp.PROTOCOL,
    "port": icmp.PORT,
    "prohibited": icmp.PROHIBITED,
}


_CARRIED = ("redirect", "mask-request", "mask-reply")


class OrdinaryPaths(Protocol):
    """The way to the rest of the world."""

    def from_guest(self, packet: Ipv4, now: float) -> None: ...
    def to_group(self, packet: Ipv4, now: float) -> None: ...
    def run_from_guest(self, frames: list[bytes], at: int, now: float) -> int: ...
    def datagrams_from_guest(self, frames: list[bytes], at: int, now: float) -> int: ...


class Net(Protocol):
    """The guest's."""

    router: bytes


class FaultyPaths:
    """While there is no fault of paths, everything is the ordinary way's own."""

    def __init__(
        self, outbound: OrdinaryPaths, faults: ActiveFaults, output: GuestOutput, net: Net
    ) -> None:
        self._outbound = outbound
        self._faults = faults
        self._output = output
        self._net = net
        self.to_group = outbound.to_group
        self._choose()
        faults.watch(self._choose)

    def _choose(self, _: ActiveFault | None = None) -> None:
        ordinary = not self._faults.icmp
        self.from_guest = self._outbound.from_guest if ordinary else self._from_guest
        self.run_from_guest = self._outbound.run_from_guest if ordinary else self._take_none
        datagrams = self._outbound.datagrams_from_guest
        self.datagrams_from_guest = datagrams if ordinary else self._take_none

    def _take_none(self, frames: list[bytes], at: int, now: float) -> int:
        """Each packet is looked at alone."""
        return 0

    def _from_guest(self, packet: Ipv4, now: float) -> None:
        if not self._stop(packet, now):
            self._outbound.from_guest(packet, now)
            self._talk(packet, now)

    def _stop(self, packet: Ipv4, now: float) -> bool:
        for one in self._concerned(packet):
            if _stops(one.fault, packet):
                self._refuse(one, packet, now)
                return True
        return False

    def _concerned(self, packet: Ipv4) -> list[ActiveFault]:
        host = address_text(packet.destination)
        return [one for one in self._faults.icmp if one.fault.about == host and not one.spent]

    def _refuse(self, one: ActiveFault, packet: Ipv4, now: float) -> None:
        fault = one.fault
        text = self._faults.tell(one, f"{packet}: {len(packet.packet)} bytes", now, lost=True)
        kind, code, mtu = icmp.UNREACHABLE, _CODES.get(fault.word, 0), 0
        sender = packet.destination if fault.word in ("protocol", "port") else None
        match fault.kind:
            case "black-hole":
                return
            case "fragmentation-needed":
                code, mtu = icmp.FRAGMENTATION_NEEDED, int(fault.number)
            case "ttl-exceeded":
                kind, code = icmp.TIME_EXCEEDED, icmp.TRANSIT
        since = self._output.queued
        self._output.send_error(kind, code, packet.quote, now, sender=sender, mtu=mtu)
        self._output.comment(since, text)

    def _talk(self, packet: Ipv4, now: float) -> None:
        for one in self._concerned(packet):
            if one.fault.kind in _CARRIED:
                since = self._output.queued
                message = _message(one.fault, packet)
                self._output.send_icmp(self._net.router, packet.source, message, now)
                self._output.comment(since, self._faults.tell(one, f"{packet}", now))


def _message(fault: Fault, packet: Ipv4) -> Icmp:
    said = IPv4Address(fault.word or 0).packed
    match fault.kind:
        case "redirect":
            first, second = int.from_bytes(said[:2], "big"), int.from_bytes(said[2:], "big")
            return Icmp(icmp.REDIRECT, icmp.FOR_HOST, first, second, packet.quote)
        case "mask-reply":
            return Icmp(icmp.MASK_REPLY, 0, 0, 0, said)
        case _:
            return Icmp(icmp.MASK_REQUEST, 0, 0, 0, said)


def _stops(fault: Fault, packet: Ipv4) -> bool:
    if fault.kind in _CARRIED:
        return False
    if fault.kind in ("fragmentation-needed", "black-hole"):
        return packet.dont_fragment and len(packet.packet) > fault.number
    return True
