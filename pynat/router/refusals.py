"""What the router does not take of the guest's, by headers alone: the words and the ICMP errors."""

from __future__ import annotations

from pynat import rules
from pynat.errors import Malformed
from pynat.log.notices import Level
from pynat.router.foreign_guests import ForeignGuests
from pynat.router.guest_net import GuestNet
from pynat.router.ip_output import IpOutput
from pynat.wire import ethernet, icmp, ip, ipv4, mistakes, versions
from pynat.wire.addresses import address_text, is_group_of_link, is_multicast
from pynat.wire.ipv4 import Ipv4

_TAGGED = ": tagged on purpose, or the header is four bytes longer than meant"
_MOVED = "the router's new MAC address"
_MISLED = "a wrong MAC address that ARP told"
_MOST_TOLD = 256  # guests
_AGED = 1200.0  # seconds in which entries of ARP have aged (RFC 1122 2.3.2.1), a BSD's the last


class Refusals:
    def __init__(self, net: GuestNet, guest: IpOutput, foreign: ForeignGuests) -> None:
        self._net = net
        self._guest = guest
        self._foreign = foreign
        self._drop = guest.notices.drop
        self._told: dict[bytes, bytes] = {}  # the router's MAC address, by guest that knew
        self._astray: dict[tuple[bytes, bytes], float] = {}  # likewise, who may not know it; since

    # ------------------------------------------------------------------ frames
    def malformed(self, frame: bytes, error: Malformed, now: float) -> None:
        frame = ethernet.untagged(frame)
        name = versions.named_in(frame)
        detail = f"{name}: {error.detail}" if name else error.detail
        if error.rule in (rules.arp.SENDER, rules.dhcp.HARDWARE):
            detail += _from_card(frame)
        self._drop(error.rule, detail, now)
        if isinstance(error, ipv4.BadOption) and not frame[0] & 1:
            self._bad_option(error, now)

    def _bad_option(self, error: ipv4.BadOption, now: float) -> None:
        about = versions.outline(error.quote)
        if about is not None and self._net.is_guest(about.source):
            kind = icmp.PARAMETER_PROBLEM
            self._guest.send_error(kind, 0, error.quote, now, pointer=error.pointer)

    def means_us(self, destination: bytes) -> bool:
        """The router's MAC address in another order, which may look like that of a group."""
        return mistakes.mac_order(destination, self._guest.mac) != ""

    def other_mac(self, frame: bytes, now: float) -> None:
        destination, source, kind = ethernet.HEADER.unpack_from(frame)
        text = f"frame to {ethernet.text(destination)}, the router is"
        text += f" {ethernet.text(self._guest.mac)} (RFC 894)"
        text += mistakes.mac_order(destination, self._guest.mac)
        if not any(destination):
            text += ": the address was never set"
            text += "; ARP asks all, ff:ff:ff:ff:ff:ff" if kind == ethernet.ARP else ""
        self._drop(
            rules.ethernet.NOT_OURS, text, now, because=self._moved(source, destination, now)
        )

    def _moved(self, source: bytes, destination: bytes, now: float) -> str:
        """Why the guest may think that the router is there (RFC 826); "" where it may not."""
        guest = self._guest
        if destination in guest.neighbors.misled.values():
            return _MISLED
        if destination != guest.former_mac:
            return ""
        if guest.notices.hides_mac(self._net.router, guest.mac):
            if len(self._astray) >= _MOST_TOLD:
                self._astray.clear()
            return _MOVED if now - self._astray.setdefault((source, guest.mac), now) < _AGED else ""
        is_first = self._told.get(source) != guest.mac  # what a driver or a card still had
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[source] = guest.mac
        return _MOVED if is_first else ""

    def ipv6(self, now: float) -> None:
        self._drop(rules.net.IPV6, "this network is IPv4 only", now, Level.DEBUG)

    def other_type(self, frame: bytes, source: bytes, kind: int, now: float) -> None:
        text = f"{ethernet.text(source)} sent type {ethernet.named(frame)}"
        if ethernet.is_swapped(kind):
            self._drop(rules.ethernet.TYPE_SWAPPED, text, now)
        elif packet := ethernet.hidden(frame):
            why = _TAGGED if ethernet.is_tagged(frame) else ""
            self._drop(rules.ethernet.TYPE_HIDES, f"{text}; {packet} follows (RFC 894){why}", now)
        else:
            self._drop(rules.ethernet.TYPE, text, now)

    # ------------------------------------------------------------------ packets
    def source_routed(self, packet: Ipv4, now: float) -> None:
        """Nobody but attackers routes by source (RFC 7126 4.3, 4.4)."""
        text = f"{packet}: the way is ours to choose (RFC 7126 4.3)"
        self._drop(rules.ipv4.SOURCE_ROUTE, text, now)
        if self._net.is_guest(packet.source):
            code = icmp.SOURCE_ROUTE_FAILED
            self._guest.send_error(icmp.UNREACHABLE, code, packet.quote, now)

    def from_stranger(self, packet: Ipv4, now: float) -> None:
        source = address_text(packet.source)
        text = f"{packet}: source {source}, expected a guest's in {self._net.net}"
        hint = mistakes.address_order(packet.source, self._net.is_guest)
        hint = hint or self._foreign.hint(packet.source)
        self._drop(rules.ipv4.SOURCE, f"{text} (RFC 1122 3.2.1.3, RFC 2827){hint}", now)

    def host_in_broadcast(self, packet: Ipv4, now: float) -> None:
        ours = ethernet.text(self._guest.mac)
        text = f"{packet}: the frame went to all, expected it to {ours}"
        self._drop(rules.ipv4.HOST_IN_BROADCAST, f"{text} (RFC 1812 5.3.4)", now)

    def neighbor(self, packet: Ipv4, now: float) -> None:
        destination = address_text(packet.destination)
        text = f"{packet}: destination {destination} is on the guest's own wire, in"
        text += f" {self._net.net}: ask for it by ARP (RFC 1122 3.3.1.1)"
        self._drop(rules.ipv4.NEIGHBOR, text, now)
        self._guest.send_error(icmp.UNREACHABLE, icmp.HOST, packet.quote, now)

    def no_host(self, packet: Ipv4, now: float) -> None:
        if is_multicast(packet.destination) and packet.protocol != ip.TCP:
            self._drop(rules.ipv4.MULTICAST, f"{packet}: {_to_nobody(packet)}", now)
            return
        destination = address_text(packet.destination)
        text = f"{packet}: {destination} is no address of a host out there (RFC 6890)"
        self._drop(rules.ipv4.DESTINATION, text, now)

    def time_exceeded(self, packet: Ipv4, now: float) -> None:
        self._guest.send_error(icmp.TIME_EXCEEDED, icmp.TRANSIT, packet.quote, now)


def _to_nobody(packet: Ipv4) -> str:
    """Of a packet to a group."""
    if is_group_of_link(packet.destination):
        return "the group is of this wire alone, and nobody else is on it (RFC 5771 4)"
    return 'nobody here is in the group; udp.broadcast = "forward" carries UDP to the host\'s net'


def _from_card(frame: bytes) -> str:
    """The address that the message should have, if the frame has it."""
    source = frame[6:12]
    return "" if source[0] & 1 or not any(source) else f": {ethernet.text(source)}, as the frame's"
