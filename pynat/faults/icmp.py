"""Paths to hosts that are as bad as `faults` says (RFC 792, RFC 1191).

fragmentation-needed N  what is longer than N bytes and has DF is dropped, and the guest told
black-hole N            the same, and nobody is told (RFC 2923 2.1)
unreachable             told so, by the host itself if it is a protocol or a port
ttl-exceeded            the same, as if the host were too far away
"""

from __future__ import annotations

from typing import Protocol

from pynat.config import Fault
from pynat.faults.standing import Faults, Standing
from pynat.nat.outlet import Outlet
from pynat.wire import icmp
from pynat.wire.addresses import address_text
from pynat.wire.ipv4 import Ipv4

_CODES = {
    "net": icmp.NET,
    "host": icmp.HOST,
    "protocol": icmp.PROTOCOL,
    "port": icmp.PORT,
    "prohibited": icmp.PROHIBITED,
}


class Ordinary(Protocol):
    """The way to the rest of the world."""

    def from_guest(self, packet: Ipv4, now: float) -> None: ...
    def to_group(self, packet: Ipv4, now: float) -> None: ...
    def take_run(self, frames: list[bytes], at: int, now: float) -> int: ...


class FaultyPaths:
    def __init__(self, outbound: Ordinary, faults: Faults, outlet: Outlet) -> None:
        self._outbound = outbound
        self._faults = faults
        self._outlet = outlet

    def take_run(self, frames: list[bytes], at: int, now: float) -> int:
        """Each packet is looked at alone where there is something to look for."""
        return 0 if self._faults.icmp else self._outbound.take_run(frames, at, now)

    def from_guest(self, packet: Ipv4, now: float) -> None:
        if not self._faults.icmp or not self._stop(packet, now):
            self._outbound.from_guest(packet, now)

    def to_group(self, packet: Ipv4, now: float) -> None:
        self._outbound.to_group(packet, now)

    def _stop(self, packet: Ipv4, now: float) -> bool:
        host = address_text(packet.destination)
        for one in self._faults.icmp:
            if one.fault.about == host and not one.spent and _stops(one.fault, packet):
                self._refuse(one, packet, now)
                return True
        return False

    def _refuse(self, one: Standing, packet: Ipv4, now: float) -> None:
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
        since = self._outlet.queued
        self._outlet.send_error(kind, code, packet.quote, now, sender=sender, mtu=mtu)
        self._outlet.remark(since, text)


def _stops(fault: Fault, packet: Ipv4) -> bool:
    if fault.kind in ("fragmentation-needed", "black-hole"):
        return packet.dont_fragment and len(packet.packet) > fault.number
    return True
