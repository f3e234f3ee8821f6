"""Whose a capture is: which end is the guest, what its net is, and how that was found out.

The capture is read once for this, before it is looked at. What is asked for by options counts
first, then what pynat itself has written into the file, then what the frames show:

    the guest      who asks by DHCP; else who talks to the one that has others behind it, the
                   gateway; else the first sender
    its net        the mask and router of a DHCP server's answer; else whom it has asked for by ARP,
                   where somebody answered, in one of the nets that `network.adopt` knows; else that
                   of the address at which it is answered, or which it says it has
    the router     the MAC address at which the router's address is

On a wire with more hosts, frames between others are left out, and frames of the guest's to others
are not shown to the router. A VLAN's tag is taken off where the guest's frames and those for it
have the same one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TypeVar

from pynat.capture import cooked
from pynat.capture.reading import About, Captured
from pynat.config import (
    LAYOUTS,
    MAX_PREFIX,
    MIN_PREFIX,
    Config,
    HostAlias,
    Network,
    network_of,
)
from pynat.errors import ConfigError, Malformed
from pynat.log.comments import IMPAIRED
from pynat.wire import arp, dhcp, ethernet, versions
from pynat.wire.addresses import address_text
from pynat.wire.ip import UDP

_HOSTS = 4096  # MAC addresses that are told apart
_ENTRIES = 65_536  # of all tables together; some 10 MiB
_OFFERS = 1024  # messages of DHCP servers
_ASKS, _ANSWERS = b"\0\x44\0\x43", b"\0\x43\0\x44"  # DHCP's ports
_UDP = 8  # bytes of its header
_SHORTEST = 14
K = TypeVar("K")
_PRIVATE = [IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


@dataclass(frozen=True)
class Asked:
    """What the options say."""

    guest: bytes | None = None  # MAC or IPv4 address
    router: IPv4Interface | None = None
    net: IPv4Network | None = None
    config: Config | None = None


@dataclass
class _Host:
    """One MAC address."""

    frames: int = 0
    addresses: Counter[bytes] = field(default_factory=Counter)  # that it sends from
    claims: set[bytes] = field(default_factory=set)  # by ARP
    asked: Counter[bytes] = field(default_factory=Counter)  # whom it asks for by ARP
    to: Counter[bytes] = field(default_factory=Counter)  # MAC addresses
    reached: Counter[bytes] = field(default_factory=Counter)  # addresses that it is sent to at
    vlans: Counter[int] = field(default_factory=Counter)

    @property
    def address(self) -> bytes | None:
        known = self.addresses or Counter(self.claims)
        return known.most_common(1)[0][0] if known else None

    @property
    def behind(self) -> int:
        """How many addresses it sends from that cannot be its own."""
        if self.claims:
            return len(self.addresses.keys() - self.claims)
        outside = any(not _is_inside(one) for one in self.addresses)
        return max(len(self.addresses) - 1, int(outside))


class Survey:
    """All that the frames show, in little memory."""

    def __init__(self) -> None:
        self.frames = 0
        self.room = _ENTRIES
        self.dropped = 0  # what there was no room for
        self.cut = 0  # of which only the beginning is here
        self.cooked = False
        self.is_bad = False  # some frames were lost or late or spoilt on purpose
        self.inbound: Counter[bytes] = Counter()  # sources of what the file says is the guest's
        self.outbound: set[bytes] = set()  # of what it says is for the guest
        self.hosts: defaultdict[bytes, _Host] = defaultdict(_Host)
        self.first: bytes | None = None
        self.clients: Counter[bytes] = Counter()  # of DHCP
        self.offers: dict[bytes, dhcp.Message] = {}  # what servers say, by the client's MAC
        self.servers: set[bytes] = set()  # MACs of them

    def look(self, one: Captured) -> None:
        self.frames += 1
        self.cut += not one.whole
        self.is_bad |= IMPAIRED in one.comment
        frame = one.frame
        if len(frame) < _SHORTEST:
            return
        source, destination = frame[6:12], frame[:6]
        if one.from_guest and self._has_room(self.inbound, source):
            self.inbound[source] += 1
        elif one.from_guest is False and self._has_room(self.outbound, source):
            self.outbound.add(source)
        self.cooked |= destination == cooked.UNKNOWN
        if not self._has_room(self.hosts, source, _HOSTS):
            return
        host = self.hosts[source]
        host.frames += 1
        if self.first is None and not source[0] & 1:
            self.first = source
        if self._has_room(host.to, destination):
            host.to[destination] += 1
        vlan = ethernet.vlan_of(frame)
        if self._has_room(host.vlans, vlan):
            host.vlans[vlan] += 1
        self._look_inside(host, source, ethernet.untagged(frame, vlan))

    def _look_inside(self, host: _Host, source: bytes, frame: bytes) -> None:
        packet = versions.in_frame(frame)
        if packet is None:
            with suppress(Malformed):
                self._arp(host, frame)
            return
        if any(packet.source) and self._has_room(host.addresses, packet.source):
            host.addresses[packet.source] += 1
        to = self.hosts.get(frame[:6])
        if to is not None and self._has_room(to.reached, packet.destination):
            to.reached[packet.destination] += 1
        ports = frame[packet.body : packet.body + 4]
        if packet.protocol == UDP and ports in (_ASKS, _ANSWERS):
            self._dhcp(source, frame[packet.body + _UDP :], asks=ports == _ASKS)

    def _arp(self, host: _Host, frame: bytes) -> None:
        if int.from_bytes(frame[12:14], "big") != ethernet.ARP:
            return
        packet = arp.decode(frame[ethernet.HEADER.size :])
        claimed = packet.target if packet.is_probe else packet.sender
        if self._has_room(host.claims, claimed):
            host.claims.add(claimed)
        is_question = packet.operation == arp.REQUEST and not packet.is_announcement
        if is_question and self._has_room(host.asked, packet.target):
            host.asked[packet.target] += 1

    def _dhcp(self, source: bytes, data: bytes, *, asks: bool) -> None:
        if asks:
            if self._has_room(self.clients, source):
                self.clients[source] += 1
            return
        try:
            message = dhcp.decode(data)
        except Malformed:
            return
        is_lease = message.kind in (dhcp.OFFER, dhcp.ACK)
        if is_lease and self._has_room(self.offers, message.mac, _OFFERS):
            self.offers[message.mac] = message
            if self._has_room(self.servers, source):
                self.servers.add(source)

    def _has_room(self, table: Collection[K], key: K, most: int = _ENTRIES) -> bool:
        """For the key, if it is a new one."""
        if key in table:
            return True
        if not self.room or len(table) >= most:
            self.dropped += 1
            return False
        self.room -= 1
        return True


@dataclass(frozen=True)
class Wire:
    """guest: None where the file says of each frame whose it is. others: MACs that are neither."""

    config: Config
    guest: bytes | None
    others: frozenset[bytes]
    networks: frozenset[bytes]  # MACs of the other side
    vlan: int
    is_bad: bool  # frames were lost or late or spoilt on purpose, as their comments say
    dhcp_server: bytes | None  # where that is not the router
    said: str  # what was found out, and how

    def is_guests(self, one: Captured) -> bool | None:
        """None where it is between others."""
        if self.guest is None:
            return bool(one.from_guest)
        source, destination = one.frame[6:12], one.frame[:6]
        if source == self.guest:
            return True
        if destination == self.guest or source in self.networks:
            return False if destination == self.guest or self._to_all(destination) else None
        if destination == self.config.network.mac and not self.others:
            return True  # with a wrong source address
        return False if self._to_all(destination) else None

    def _to_all(self, destination: bytes) -> bool:
        return bool(destination and destination[0] & 1) or destination == cooked.UNKNOWN


def find_out(survey: Survey, about: About, asked: Asked) -> Wire:
    """Raises ConfigError where the guest that is asked for is not there."""
    by_file = about.is_ours and asked.guest is None
    guest, how = _guest(survey, asked.guest, by_file=by_file)
    others = survey.outbound if by_file else _others(survey, guest)
    network, how_net = _network(survey, about, asked, guest, others)
    mac = about.mac if about.mac and asked.config is None else _router_mac(survey, network, others)
    if asked.config is None and mac:
        network = replace(network, mac=mac)
    config = replace(asked.config or _with_hosts(survey, network, guest, others), network=network)
    vlan = _vlan(survey, guest, others)
    text = f"guest {ethernet.text(guest)} ({how}), router {network.router}"
    text += f" at {ethernet.text(network.mac)}, net {network.net} ({how_net})"
    text += f", VLAN {vlan}" if vlan else ""
    server = None
    if guest in survey.offers and not about.is_ours:
        server = survey.offers[guest].options.get(dhcp.SERVER)
    return Wire(
        config,
        None if by_file else guest,
        frozenset() if about.is_ours else frozenset(others - {network.mac}),
        frozenset(others),
        vlan,
        survey.is_bad,
        server if server != network.router.packed else None,
        f"; {text}" if survey.frames else "",
    )


def _is_inside(address: bytes) -> bool:
    """Of a net for private use (RFC 1918 3)."""
    return any(IPv4Address(address) in net for net in _PRIVATE)


# ---------------------------------------------------------------- the guest
def _guest(survey: Survey, asked: bytes | None, *, by_file: bool) -> tuple[bytes, str]:
    if asked is not None:
        return _asked_for(survey, asked), "as asked for"
    if by_file and survey.inbound:
        return survey.inbound.most_common(1)[0][0], "the capture says so"
    if survey.clients:
        return next(iter(survey.clients)), "it asks by DHCP"
    hosts = {mac: host for mac, host in survey.hosts.items() if not mac[0] & 1}
    gateway = max(hosts, key=lambda mac: hosts[mac].behind, default=None)
    if gateway is not None and hosts[gateway].behind:
        talking = {mac: host.to[gateway] for mac, host in hosts.items() if mac != gateway}
        guest = max(talking, key=lambda mac: talking[mac], default=None)
        if guest is not None and talking[guest]:
            return guest, f"it talks to the gateway {ethernet.text(gateway)}"
    return survey.first or bytes(6), "the first sender"


def _asked_for(survey: Survey, asked: bytes) -> bytes:
    """The MAC address of an IPv4 address."""
    if len(asked) == 6:
        found = asked if survey.hosts[asked].frames else None
        return _there(survey, found, ethernet.text(asked))
    users = {mac: host.addresses[asked] for mac, host in survey.hosts.items()}
    by_ip = max(users, key=lambda mac: users[mac], default=b"")
    by_arp = (mac for mac, host in survey.hosts.items() if asked in host.claims)
    return _there(survey, by_ip if users.get(by_ip) else next(by_arp, None), address_text(asked))


def _there(survey: Survey, mac: bytes | None, name: str) -> bytes:
    if mac is None:
        known = ", ".join(ethernet.text(one) for one, host in survey.hosts.items() if host.frames)
        raise ConfigError(f"--guest {name}: no frame is from there; there are {known or 'none'}")
    return mac


def _vlan(survey: Survey, guest: bytes, others: set[bytes]) -> int:
    """That of both directions."""
    for vlan, _ in survey.hosts[guest].vlans.most_common(1):
        if any(survey.hosts[other].vlans[vlan] for other in others):
            return vlan
    return 0


def _others(survey: Survey, guest: bytes) -> set[bytes]:
    """Who talks to the guest, or is talked to, or serves DHCP."""
    talking = {mac for mac, host in survey.hosts.items() if host.to[guest]}
    spoken_to = survey.hosts[guest].to.keys() & survey.hosts.keys()
    return (talking | spoken_to | survey.servers) - {guest}


# ---------------------------------------------------------------- its net
def _network(
    survey: Survey, about: About, asked: Asked, guest: bytes, others: set[bytes]
) -> tuple[Network, str]:
    network, how = _best(survey, about, asked, guest, others)
    if about.mtu and not asked.config:
        network = replace(network, mtu=about.mtu)
    offer = survey.offers.get(guest)
    dns = offer.options.get(dhcp.DNS, b"")[:4] if offer and not asked.config else b""
    if len(dns) == 4 and IPv4Address(dns) in network.net:
        network = replace(network, dns=IPv4Address(dns))
    return network, how


def _best(
    survey: Survey, about: About, asked: Asked, guest: bytes, others: set[bytes]
) -> tuple[Network, str]:
    base = asked.config.network if asked.config else Network()
    if asked.router is not None:
        return _in(asked.router.network, asked.router.ip, base), "as asked for"
    if asked.config is not None:
        return base, "as configured"
    if about.router is not None and is_a_net(about.router.network):
        return _in(about.router.network, about.router.ip, base), "the capture says so"
    found = _by_dhcp(survey, guest, base) or _by_arp(survey, guest, others, base)
    if asked.net is not None:
        inside = found is not None and found[0].router in asked.net
        router = found[0].router if found and inside else asked.net[1]
        return _in(asked.net, router, base), "as asked for"
    if found is None:
        found = _by_address(survey.hosts[guest], [survey.hosts[mac] for mac in others], base)
    return found or (base, "nothing in it says so: the default")


def is_a_net(net: IPv4Network) -> bool:
    """One that a network here can have."""
    return MIN_PREFIX <= net.prefixlen <= MAX_PREFIX


def _in(net: IPv4Network, router: IPv4Address, base: Network) -> Network:
    for known in LAYOUTS.values():
        if (known.net, known.router) == (net, router):
            return replace(base, net=net, router=router, guest=known.guest, dns=known.dns)
    guest = next(one for one in net.hosts() if one != router)
    return replace(base, net=net, router=router, guest=guest, dns=router)


def _by_dhcp(survey: Survey, guest: bytes, base: Network) -> tuple[Network, str] | None:
    offer = survey.offers.get(guest)
    if offer is None:
        return None
    mask = offer.options.get(dhcp.MASK, b"")
    router = (offer.options.get(dhcp.ROUTER) or offer.options.get(dhcp.SERVER) or b"")[:4]
    if len(mask) != 4 or len(router) != 4:
        return None
    try:
        net = IPv4Network((offer.yiaddr, address_text(mask)), strict=False)
    except ValueError:
        return None
    if IPv4Address(router) not in net or not is_a_net(net):
        return None
    return replace(_in(net, IPv4Address(router), base), guest=IPv4Address(offer.yiaddr)), "by DHCP"


def _by_arp(
    survey: Survey, guest: bytes, others: set[bytes], base: Network
) -> tuple[Network, str] | None:
    """The guest's address and one that it asks for and gets an answer from, or the other way."""
    host = survey.hosts[guest]
    claims = {one for mac in others for one in survey.hosts[mac].claims}
    askers = [survey.hosts[mac] for mac in others if survey.hosts[mac].claims]
    pairs: list[tuple[bytes | None, bytes | None]] = []
    pairs += [(host.address, one) for one, _ in host.asked.most_common() if one in claims]
    pairs += [(one, asker.address) for asker in askers for one, _ in asker.asked.most_common(1)]
    for address, gateway in pairs:
        if address and gateway:
            network = network_of(IPv4Address(address), IPv4Address(gateway), base)
            if network is not None:
                return network, "by ARP"
    return None


def _by_address(guest: _Host, others: list[_Host], base: Network) -> tuple[Network, str] | None:
    reached = guest.reached or Counter({guest.address: 1} if guest.address else {})
    for packed, _ in reached.most_common(1):
        address = IPv4Address(packed)
        near = IPv4Network((address, 24), strict=False)
        senders = [IPv4Address(one) for other in others for one in other.addresses]
        routers = [one for one in senders if one in near and one != address]
        known = [layout for layout in LAYOUTS.values() if layout.net == near]
        router = (*routers, *(one.router for one in known), near[1 + (address == near[1])])[0]
        return replace(_in(near, router, base), guest=address), "by its address"
    return None


def _router_mac(survey: Survey, network: Network, others: set[bytes]) -> bytes:
    """b"" where nobody is there."""
    ours = (mac for mac in others if network.router.packed in survey.hosts[mac].claims)
    behind = max(others, key=lambda mac: survey.hosts[mac].behind, default=b"")
    return next(ours, behind)


def _with_hosts(survey: Survey, network: Network, guest: bytes, others: set[bytes]) -> Config:
    """With the addresses of the net at which somebody else answers."""
    claims = {one for mac in others for one in survey.hosts[mac].claims}
    mine = set(survey.hosts[guest].addresses) | survey.hosts[guest].claims
    mine |= {network.router.packed, network.dns.packed}
    taken = sorted(IPv4Address(one) for one in claims - mine)
    served = [one for one in taken if one in network.net]
    return Config(network=network, host_aliases=tuple(HostAlias(one, 0, one, 0) for one in served))
