"""What the guest sends to the rest of the world, by protocol: to `nat`, if it leads anywhere.

Also the refusals that are the same for every destination.
"""

from __future__ import annotations

from pynat import rules
from pynat.nat.echo import EchoTable
from pynat.nat.guest_output import GuestOutput
from pynat.nat.messages import InProcessAddress, Nowhere
from pynat.nat.tcp.table import TcpTable
from pynat.nat.udp import UdpTable
from pynat.router.destination_map import DestinationMap, Unreachable
from pynat.services import ping
from pynat.wire import icmp, ipv4, udp, versions
from pynat.wire.addresses import Address, address_text
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import LIMITED_BROADCAST, Ipv4
from pynat.wire.udp import Udp


class Outbound:
    def __init__(
        self,
        destinations: DestinationMap,
        output: GuestOutput,
        tcp: TcpTable,
        udp: UdpTable,
        echo: EchoTable,
    ) -> None:
        self._destinations = destinations
        self._output = output
        self._tcp = tcp
        self._udp = udp
        self._echo = echo
        self.run_from_guest = tcp.run_from_guest  # of frames that only carry a flow of TCP on

    def from_guest(self, packet: Ipv4, now: float) -> None:
        match packet.protocol:
            case ipv4.TCP:
                self.tcp(packet, now)
            case ipv4.UDP:
                self.udp(packet, udp.decode(packet), now)
            case ipv4.ICMP:
                self._icmp(packet, icmp.decode(packet.payload, packet.ends, packet.around), now)
            case _:
                self.no_protocol(packet, now)

    def tcp(self, packet: Ipv4, now: float) -> None:
        port = int.from_bytes(packet.payload[2:4], "big")
        to = self._destinations.tcp((packet.destination, port))
        if not isinstance(to, Unreachable):
            self._tcp.from_guest(packet, to, now)
        elif self._tcp.knows(packet):  # a forward has let it in
            self._tcp.from_guest(packet, Nowhere(), now)
        else:
            self._count(packet, to, now)
            self._tcp.refuse(packet, now)

    def udp(self, packet: Ipv4, datagram: Udp, now: float) -> None:
        named = (packet.destination, datagram.destination)
        to = self._destinations.udp(named)
        if not isinstance(to, Unreachable):
            self._udp.from_guest(packet, datagram, to, now)
        elif self._udp.knows(packet, datagram):
            self._udp.from_guest(packet, datagram, named, now)
        else:
            self._count(packet, to, now)
            ours = to is Unreachable.NOBODY
            code, sender = (icmp.PORT, packet.destination) if ours else (icmp.PROHIBITED, None)
            self._output.send_error(icmp.UNREACHABLE, code, packet.quote, now, sender=sender)

    def datagrams_from_guest(self, frames: list[bytes], at: int, now: float) -> int:
        """As `run_from_guest`, of datagrams that lead to a host outside."""
        return self._udp.run_from_guest(frames, at, self._outside, now)

    def _outside(self, named: Address) -> Address | None:
        to = self._destinations.udp(named)
        return None if isinstance(to, Unreachable | InProcessAddress) else to

    def to_group(self, packet: Ipv4, now: float) -> None:
        self.udp(packet, udp.decode(packet), now)

    def broadcast(self, packet: Ipv4, datagram: Udp, now: float) -> None:
        to = self._destinations.udp((LIMITED_BROADCAST, datagram.destination))
        if isinstance(to, Unreachable):
            self._count(packet, to, now)
        else:
            self._udp.from_guest(packet, datagram, to, now)

    def _icmp(self, packet: Ipv4, message: Icmp, now: float) -> None:
        if message.type != icmp.ECHO_REQUEST:
            self.other_icmp(packet, message, now)
            return
        match self._destinations.echo(packet.destination):
            case bytes(host):
                self._echo.from_guest(packet, message, host, now)
            case Unreachable.NOBODY:  # an address of ours
                ping.answer(self._output, packet, message, now)
            case Unreachable.PROHIBITED:
                self._count(packet, Unreachable.PROHIBITED, now)
                code = icmp.PROHIBITED
                self._output.send_error(icmp.UNREACHABLE, code, packet.quote, now)

    def _count(self, packet: Ipv4, why: Unreachable, now: float) -> None:
        if why is Unreachable.PROHIBITED:
            notices = self._output.notices
            notices.drop(rules.net.RESTRICTED, f"{packet}: `allow` does not have it", now)

    # ------------------------------------------------------------------ refused everywhere
    def other_icmp(self, packet: Ipv4, message: Icmp, now: float) -> None:
        """A reply is to nobody here, or to a script; the linter knows whether anybody asked. An
        error about what came is as RFC 1122 3.2.2.1 and 4.1.3.1 have it."""
        if message.type == icmp.ECHO_REPLY or is_about_its(packet, message):
            return
        about = f" about {versions.named(message.payload)}" if message.type in icmp.ERRORS else ""
        text = f"{address_text(packet.source)}: {message}{about}"
        text += ": only echo requests (type 8) are carried"
        self._output.notices.drop(rules.icmp.TYPE, f"{text} (RFC 792)", now)

    def no_protocol(self, packet: Ipv4, now: float) -> None:
        text = f"{packet}: only 6 (TCP), 17 (UDP) and 1 (ICMP) are known (RFC 1122 3.2.2.1)"
        self._output.notices.drop(rules.net.PROTOCOL, text, now)
        self._output.send_error(icmp.UNREACHABLE, icmp.PROTOCOL, packet.quote, now)


def is_about_its(packet: Ipv4, message: Icmp) -> bool:
    """An error that goes to who sent the packet in question."""
    about = versions.outline(message.payload) if message.type in icmp.ERRORS else None
    return about is not None and about.source == packet.destination
