"""A guest that was set up for another net: it says so by whom it asks for by ARP.

A compiled-in 10.0.2.15 behind 10.0.2.2 gets no answer in our net, and nothing would tell its author
why. He is told once for each such address, with the key that makes it work; or, with
`network.adopt`, the router becomes that guest's gateway, and its net becomes ours, once.

It stands before all else that hears ARP, and hands on what is of our net.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network

from pynat import rules
from pynat.config import LAYOUTS, Config, Network, network_of
from pynat.faults.arp import FaultyArp
from pynat.log.notices import Level, Notices
from pynat.router.neighbors import Neighbors
from pynat.wire import arp
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import dotted

MAX_GUESTS = 64  # guests that have been told of


class ForeignGuests:
    def __init__(
        self,
        config: Config,
        notices: Notices,
        neighbors: Neighbors,
        listener: FaultyArp,
        adopt: Sequence[Callable[[Network], None]],
    ) -> None:
        """listener: hears what is of our net. adopt: have another network from now on."""
        self._network = config.network
        self._has_forwards = any(forward.guest_address is None for forward in config.forwards)
        self._notices = notices
        self._neighbors = neighbors
        self._listener = listener
        self._adopting = adopt
        self._may_adopt = config.network.adopt
        self._told: set[bytes] = set()

    def from_guest(self, packet: Arp, now: float) -> None:
        wanted = self._wanted(packet)
        if wanted is not None and not self._may_adopt:
            self._tell(packet, wanted, now)
            return
        if wanted is not None:
            self._adopt(packet, wanted)
        self._listener.from_guest(packet, now)

    def _adopt(self, packet: Arp, wanted: Network) -> None:
        """As if the configuration had said so, from now on."""
        self._may_adopt = False
        self._network = wanted
        for adopt in self._adopting:
            adopt(wanted)
        self._notices.say(
            Level.INFO,
            f"adopted the net of {packet}: network {wanted.net}, router {wanted.router}, guest"
            f" {wanted.guest}, DNS {wanted.dns}",
        )

    def hint(self, source: bytes) -> str:
        """For a packet of such a guest, which may not have asked for anybody."""
        address = IPv4Address(source)
        if not address.is_private or address.is_loopback or not int(address):
            return ""
        net = IPv4Network((address, 24), strict=False)
        return f'; for a guest of that net write network.net = "{net}"'

    def _wanted(self, packet: Arp) -> Network | None:
        """The network in which this question has an answer, where that is not ours."""
        ends = IPv4Address(packet.sender), IPv4Address(packet.target)
        is_question = packet.operation == arp.REQUEST and not packet.is_announcement
        is_question &= self._neighbors.may_be_a_card(packet.sender_mac)
        if not is_question or any(end in self._network.net for end in ends):
            return None
        return network_of(*ends, self._network)

    def _tell(self, packet: Arp, wanted: Network, now: float) -> None:
        """At once and once; what follows is counted."""
        first = packet.sender not in self._told
        if first and len(self._told) < MAX_GUESTS:
            self._told.add(packet.sender)
        text = (
            f"{packet}: the guest's address {dotted(packet.sender)} and its gateway"
            f" {dotted(packet.target)} are of another net than this network's"
            f" {self._network.net} (RFC 1122 3.3.1.1): write {self._keys(wanted)} into"
            " the file that script= names, or network.adopt = true, or let the guest use DHCP"
        )
        self._notices.drop(rules.arp.OTHER_NET, text, now, Level.ERROR if first else Level.DEBUG)

    def _keys(self, wanted: Network) -> str:
        addresses = (wanted.net, wanted.router, wanted.dns)
        for layout, known in LAYOUTS.items():
            if addresses == (known.net, known.router, known.dns):
                keys, guest = [f'layout = "{layout}"'], known.guest
                break
        else:
            keys, guest = [f'network.net = "{wanted.net}"'], wanted.net[2]
            if wanted.router != wanted.net[1]:
                keys.append(f'network.router = "{wanted.router}"')
        if wanted.guest != guest and self._has_forwards:
            keys.append(f'network.guest = "{wanted.guest}"')
        return " and ".join(keys)
