"""Who gets this packet: the demux of everything that the guest sends, and the way back to it.

One `match` per layer; what no arm takes is dropped under a named reason. Malformed is caught here
and nowhere else. Addresses of our own are served by `services`; the rest of the world goes through
`pynat.router.world` to `nat`, which names hosts as the guest does; `pynat.router.ways` says where
such a name really leads. 127.0.0.0/8 leads nowhere: the router's own loopback is not the guest's
to name.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pynat import rules
from pynat.config import Broadcast, Config, Network
from pynat.errors import Malformed
from pynat.faults.arp import FaultyArp
from pynat.faults.dhcp import FaultyDhcp
from pynat.faults.dns import FaultyDns
from pynat.faults.icmp import FaultyPaths
from pynat.faults.standing import Faults
from pynat.inner.hosts import InnerHosts
from pynat.nat.echo import EchoTable
from pynat.nat.holds import ANSWER
from pynat.nat.messages import (
    Action,
    EchoDenied,
    EchoReply,
    Event,
    FileData,
    FileFailed,
    FileOpened,
    FileWritten,
    ForwardTrouble,
    GuestDatagram,
    Inner,
    PortNotKept,
    Resolved,
    SocketError,
    TcpFailed,
    TcpIncoming,
    UdpIncoming,
    UdpReceived,
)
from pynat.nat.numbers import Numbers
from pynat.nat.rows import Row, tcp_row
from pynat.nat.tcp.table import TcpTable
from pynat.nat.udp import UdpTable
from pynat.nat.unreachable import reason
from pynat.notices import Level, Notices
from pynat.peer import Peer
from pynat.router.foreign import Foreign
from pynat.router.guest_side import GuestSide
from pynat.router.incoming import Incoming
from pynat.router.reassembly import Reassembly
from pynat.router.ways import Ways
from pynat.router.world import LIMITED_BROADCAST, World
from pynat.services import ping
from pynat.services.dhcp import DhcpServer, Reply
from pynat.services.dns import DnsForwarder, by_udp
from pynat.services.dns_tcp import DnsStreams
from pynat.services.peers import PeerHosts
from pynat.services.tftp import TftpServer
from pynat.wire import arp, ethernet, icmp, ipv4, mistakes, udp
from pynat.wire.addresses import is_host, is_loopback, is_multicast, is_unicast
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4, dotted
from pynat.wire.udp import Udp

NO_ADDRESS = b"\0" * 4
LOCAL_GROUPS = bytes((224, 0, 0))  # .0 to .255: routers let them nowhere

DNS_PORT = 53
DHCP_SERVER = 67


class Router:
    def __init__(self, config: Config, notices: Notices, dice: Random) -> None:
        self.notices = notices
        self._foreign = Foreign(config, notices, self._adopt)
        self.guest = GuestSide(config, notices, dice, self._foreign)
        self._config = config
        self.ports_not_kept = 0  # though nat.keep_ports asks for it
        self._mac = config.network.mac
        self._claimed = {address.packed for address in config.claimed}
        self._forwards_to_all = config.udp.broadcast is Broadcast.FORWARD
        self._begin(config.network)
        self.numbers = numbers = Numbers()
        self.tcp = TcpTable(config, self.guest, numbers)
        self.udp = UdpTable(config, self.guest, numbers, self._as_guest_sees)
        self.echo = EchoTable(config, self.guest, numbers, self._as_guest_sees)
        self.ways = Ways(config)
        self._world = World(self.ways, self.guest, self.tcp, self.udp, self.echo)
        self.incoming = Incoming(self.network, self.tcp, self.udp, notices)
        self.dhcp = DhcpServer(config, notices, self.guest.neighbors.fresh_mac)
        self.dns = DnsForwarder(config, notices, self.dhcp.guests)
        self.inner = InnerHosts(self._unhold, self.tcp.memory)
        self.peers = PeerHosts(self.guest.timers, self.tcp.memory)
        self.reassembly = Reassembly(self.guest.timers, notices, self._incomplete)
        self.tftp = TftpServer(config, self.guest, numbers)
        self.faults = faults = Faults(notices)
        self._arp = FaultyArp(self.guest.neighbors, faults, self.guest.timers, self._move)
        self._paths = FaultyPaths(self._world, faults, self.guest)
        self._leasing = FaultyDhcp(self.dhcp, faults, self.guest, self._send_dhcp)
        self._names = FaultyDns(self.dns, faults, self.guest, _nobody(self.network))
        self.inner.tcp[self._dns_address, DNS_PORT] = DnsStreams(self._names).serve
        self.on_adopt: list[Callable[[Network], None]] = []
        for one in config.faults:
            faults.add(one)

    def _begin(self, network: Network) -> None:
        self.network = network
        self._net = network.net
        self._address = network.router.packed
        self._dns_address = network.dns.packed
        self._own = frozenset((self._address, self._dns_address))
        self._broadcast = network.net.broadcast_address.packed
        self._zero = network.net.network_address.packed
        self._not_guests = self._own | self._claimed | {self._broadcast, self._zero}
        self._mask = int(network.net.netmask)
        self._prefix = int(network.net.network_address)

    def _adopt(self, network: Network, now: float) -> None:
        """As if the configuration had said so, from now on."""
        serve = self.inner.tcp.pop((self._dns_address, DNS_PORT))
        self._begin(network)
        self.inner.tcp[self._dns_address, DNS_PORT] = serve
        self.udp.router = self.tftp.router = self._address
        self.incoming.network = network
        self._names.elsewhere = _nobody(network)
        for one in (self.guest, self.ways, self.dhcp, self.dns):
            one.adopt(network)
        for tell in self.on_adopt:
            tell(network)

    def _move(self, mac: bytes) -> None:
        """The router's MAC address from now on."""
        self._mac = self.tcp.mac = mac
        self.guest.move(mac)

    def link_speed(self, megabits: int) -> None:
        """What the guest's card says of itself."""
        self.tcp.link_speed(megabits)
        self.tftp.link_speed(megabits)

    def wall_time(self, now: float) -> None:
        """The time on the wall. Once it is told, what is idle must be so by both clocks."""
        self.guest.wall.now = now

    def set_peer(self, peer: Peer) -> None:
        """One more, or another behaviour of a known one; its name is known to the DNS at once."""
        self.ways.set_peer(peer)
        if peer.name:
            self.dns.name(peer.name, peer.address)

    # ------------------------------------------------------------------ from the guest
    def take(self, frames: list[bytes], at: int, now: float) -> int:
        """The frame `at`, and those behind it that only carry its flow on: how many they were."""
        taken = self._paths.take_run(frames, at, now)
        if not taken:
            self.from_guest(frames[at], now)
        return taken or 1

    def from_guest(self, frame: bytes, now: float) -> None:
        """One Ethernet frame. Never raises for what is in it."""
        frame = ethernet.untagged(frame)
        try:
            self._ethernet(frame, now)
        except Malformed as error:
            who = f"{ipv4.named(memoryview(frame)[14:])}: " if ethernet.is_ipv4(frame) else ""
            self.notices.drop(error.rule, who + error.detail, now)
            if isinstance(error, ipv4.BadOption) and not frame[0] & 1:
                self._bad_option(error, now)

    def _ethernet(self, frame: bytes, now: float) -> None:
        if len(frame) < ethernet.HEADER.size:
            raise Malformed(rules.ethernet.LENGTH, f"{len(frame)} bytes, a header has 14 (RFC 894)")
        destination, source, kind = ethernet.HEADER.unpack_from(frame)
        if destination != self._mac and not destination[0] & 1:
            text = (
                f"frame to {ethernet.text(destination)}, the router is {ethernet.text(self._mac)}"
                " (RFC 894)"
            )
            self.notices.drop(rules.ethernet.NOT_OURS, text, now)
            return
        payload = memoryview(frame)[ethernet.HEADER.size :]
        match kind:
            case ethernet.IPV4:
                self._ipv4(ipv4.decode(payload), now, to_all=destination != self._mac)
            case ethernet.ARP:
                self._from_neighbor(arp.decode(payload), now)
            case ethernet.IPV6:
                self.notices.drop(rules.net.IPV6, "this network is IPv4 only", now, Level.DEBUG)
            case _:
                sent = f"{ethernet.text(source)} sent type {ethernet.named(frame)}"
                swapped = ethernet.is_swapped(kind)
                self.notices.drop(
                    rules.ethernet.TYPE_SWAPPED if swapped else rules.ethernet.TYPE, sent, now
                )

    def _from_neighbor(self, packet: arp.Arp, now: float) -> None:
        if answer := self._arp.from_guest(packet, now):
            self.guest.neighbors.send_arp(answer, packet.sender_mac)

    def _ipv4(self, packet: Ipv4, now: float, *, to_all: bool) -> None:
        """to_all: the frame was a broadcast or multicast."""
        destination = packet.destination
        if not ipv4.SOURCE_ROUTES.isdisjoint(packet.options):
            self._source_routed(packet, now)
        elif packet.source == NO_ADDRESS or destination in (LIMITED_BROADCAST, self._broadcast):
            self._broadcasts(packet, now)
        elif not self._is_guest(packet.source):
            self.notices.drop(
                rules.ipv4.SOURCE,
                f"{packet}: source {dotted(packet.source)}, expected a guest's in {self._net}"
                f" (RFC 1122 3.2.1.3, RFC 2827){self._foreign.hint(packet.source)}",
                now,
            )
        elif to_all and is_unicast(destination):
            text = f"{packet}: the frame went to all, expected it to {ethernet.text(self._mac)}"
            self.notices.drop(rules.ipv4.HOST_IN_BROADCAST, f"{text} (RFC 1812 5.3.4)", now)
        elif packet.is_fragment:
            whole = self.reassembly.from_guest(packet, now)
            if whole is not None:
                self._ipv4(whole, now, to_all=to_all)
        elif destination in self._own:
            self._local(packet, now)
        else:
            self._forward(packet, now)

    def _bad_option(self, error: ipv4.BadOption, now: float) -> None:
        if self._is_guest(error.quote[12:16]):
            self.guest.send_error(
                icmp.PARAMETER_PROBLEM, 0, error.quote, now, pointer=error.pointer
            )

    def _source_routed(self, packet: Ipv4, now: float) -> None:
        """Nobody but attackers routes by source (RFC 7126 4.3, 4.4)."""
        self.notices.drop(
            rules.ipv4.SOURCE_ROUTE, f"{packet}: the way is ours to choose (RFC 7126 4.3)", now
        )
        if self._is_guest(packet.source):
            code = icmp.SOURCE_ROUTE_FAILED
            self.guest.send_error(icmp.UNREACHABLE, code, packet.quote, now)

    def _is_guest(self, address: bytes) -> bool:
        return (
            int.from_bytes(address, "big") & self._mask == self._prefix
            and address not in self._not_guests
        )

    def _broadcasts(self, packet: Ipv4, now: float) -> None:
        """To everybody on the wire, or from somebody without an address yet."""
        if packet.protocol == ipv4.UDP and not packet.is_fragment:
            datagram = udp.decode(packet)
            if datagram.destination == DHCP_SERVER:
                self._dhcp(datagram, now)
                return
            if self._forwards_to_all and self._is_guest(packet.source):
                self._world.broadcast(packet, datagram, now)
                return
        text = f"{packet}: only DHCP, UDP port {DHCP_SERVER}, is served so (RFC 2131 4.1)"
        if packet.protocol == ipv4.UDP and not packet.is_fragment:
            text += mistakes.byte_order(datagram.destination, (DHCP_SERVER,))
        self.notices.drop(rules.ipv4.BROADCAST, text, now)

    def _is_forwarded_group(self, packet: Ipv4) -> bool:
        """UDP to a group that is not of the guest's wire alone (RFC 5771 4)."""
        group = packet.destination
        wanted = self._forwards_to_all and packet.protocol == ipv4.UDP
        return wanted and is_multicast(group) and group[:3] != LOCAL_GROUPS

    # ------------------------------------------------------------------ to our own addresses
    def _local(self, packet: Ipv4, now: float) -> None:
        match packet.protocol:
            case ipv4.ICMP:
                self._icmp_to_router(packet, icmp.decode(packet.payload, packet.ends), now)
            case ipv4.UDP:
                self._udp_to_router(packet, udp.decode(packet), now)
            case ipv4.TCP:
                self._tcp_to_router(packet, now)
            case _:
                self._world.no_protocol(packet, now)

    def _icmp_to_router(self, packet: Ipv4, message: Icmp, now: float) -> None:
        if message.type == icmp.ECHO_REQUEST:
            ping.answer(self.guest, packet, message, now)
        else:
            self._world.other_icmp(packet, message, now)

    def _udp_to_router(self, packet: Ipv4, datagram: Udp, now: float) -> None:
        match datagram.destination:
            case 67:
                self._dhcp(datagram, now)
            case 53 if packet.destination == self._dns_address:
                self._dns(packet, datagram, now)
            case 69 if packet.destination == self._address:
                self.tftp.request(packet.source, datagram, now)
            case port if packet.destination == self._address and self.tftp.owns(port):
                self.tftp.from_guest(packet.source, datagram, now)
            case _:
                self._world.udp(packet, datagram, now)

    def _tcp_to_router(self, packet: Ipv4, now: float) -> None:
        port = int.from_bytes(packet.payload[2:4], "big")
        if port == DNS_PORT and packet.destination == self._dns_address:
            self.tcp.from_guest(packet, Inner(self._dns_address, DNS_PORT), now)
        else:
            self._world.tcp(packet, now)

    def _dhcp(self, datagram: Udp, now: float) -> None:
        if reply := self._leasing.from_guest(datagram.payload, now):
            self._send_dhcp(reply)

    def _send_dhcp(self, reply: Reply) -> None:
        payload = udp.encode(self._address, DHCP_SERVER, reply.to_ip, reply.to_port, reply.payload)
        since = self.guest.queued
        self.guest.send_to_mac(reply.to_mac, reply.to_ip, ipv4.UDP, payload)
        self.guest.remark(since, *reply.remarks)

    def _dns(self, packet: Ipv4, question: Udp, now: float) -> None:
        source = self._names.source(question.payload, (packet.destination, DNS_PORT), now)
        answer = by_udp(self.guest, source, (packet.source, question.source))
        self._names.ask(question.payload, tcp=False, now=now, answer=answer)

    # ------------------------------------------------------------------ to the rest of the world
    def _forward(self, packet: Ipv4, now: float) -> None:
        destination = packet.destination
        if self._is_guest(destination):
            self._unreachable(
                packet,
                icmp.HOST,
                f"is on the guest's own wire, in {self._net}: ask for it by ARP (RFC 1122 3.3.1.1)",
                now,
            )
        elif self._is_forwarded_group(packet) and packet.ttl > 1:
            self._world.from_guest(packet, now)
        elif not is_host(destination) or destination == self._zero:
            self.notices.drop(
                rules.ipv4.DESTINATION,
                f"{packet}: {dotted(destination)} is no address of a host out there (RFC 6890)",
                now,
            )
        elif packet.ttl <= 1 and destination not in self._claimed:  # those are on the wire
            self.guest.send_error(icmp.TIME_EXCEEDED, icmp.TRANSIT, packet.quote, now)
        else:
            self._paths.from_guest(packet, now)

    def _incomplete(self, quote: bytes, now: float) -> None:
        self.guest.send_error(icmp.TIME_EXCEEDED, icmp.REASSEMBLY, quote, now)

    def _unreachable(self, packet: Ipv4, code: int, why: str, now: float) -> None:
        self.notices.drop(
            rules.ipv4.NEIGHBOUR, f"{packet}: destination {dotted(packet.destination)} {why}", now
        )
        self.guest.send_error(icmp.UNREACHABLE, code, packet.quote, now)

    # ------------------------------------------------------------------ from the host
    def from_host(self, event: Event, now: float) -> None:
        match event:
            case UdpReceived():
                self.udp.from_host(event, now)
            case EchoReply() | EchoDenied():
                self.echo.from_host(event, now)
            case SocketError():
                if not self.udp.on_error(event, now):
                    self.echo.on_error(event, now)
            case PortNotKept(_, port, number):
                self.ports_not_kept += 1
                text = f"port {port} of the guest's is another of the host's: {reason(number)}"
                self.notices.limited("port not kept", f"{text} (nat.keep_ports)", now)
            case Resolved():
                self.dns.from_host(event, now)
            case FileOpened() | FileData() | FileWritten() | FileFailed():
                self.tftp.from_host(event, now)
            case TcpIncoming():
                self.incoming.tcp(event, now)
            case UdpIncoming():
                self.incoming.udp(event, now)
            case ForwardTrouble():
                self.incoming.trouble(event, now)
            case GuestDatagram(source, guest, payload):
                datagram = udp.encode(*source, *guest, payload)
                self.guest.send_ipv4(source[0], guest[0], ipv4.UDP, datagram, now)
            case TcpFailed(offender=bytes(offender)):
                event.offender = self._as_guest_sees(offender)
                self.tcp.from_host(event, now)
            case _:
                self.tcp.from_host(event, now)

    # ------------------------------------------------------------------ for those who look on
    def flows(self, now: float) -> list[Row]:
        tcp = [tcp_row(flow, now) for flow in self.tcp.flows()]
        return tcp + self.udp.rows(now) + self.echo.rows(now)

    # ------------------------------------------------------------------ once a turn
    def on_timer(self, now: float) -> None:
        self.guest.timers.run(now)

    def next_timer(self) -> float | None:
        return self.guest.timers.next()

    def hold_until(self, now: float) -> float:
        """Guest time in seconds up to which the guest may not outrun wall time; 0 = free."""
        until = self.guest.holds.until()
        return max(until, now + ANSWER) if self.dns.pending else until

    def to_host(self, now: float) -> list[Action]:
        """What the host is to do. What hosts within the process do is done here."""
        actions: list[Action] = []
        while True:
            new = self.udp.to_host() + self.echo.to_host() + self.tcp.to_host(now)
            actions += self.peers.take(self.inner.take(new, now), now)
            events = self.inner.events() + self.peers.events()
            if not events:
                return actions + self.dns.to_host() + self.tftp.to_host()
            for event in events:
                self.from_host(event, now)

    def to_guest(self, now: float) -> list[bytes]:
        """Frames for the guest, in order."""
        self.tcp.to_guest(now)
        self.numbers.tell()
        return self.guest.frames()

    def _unhold(self, flow: int) -> None:
        self.tcp.unhold(flow)
        self.guest.holds.settle(flow)

    def _as_guest_sees(self, host: bytes) -> bytes:
        """How the guest names a host's address."""
        return self._address if is_loopback(host) else host


def _nobody(network: Network) -> bytes:
    """An address at which there is no name server."""
    return next(one for one in (network.net[-2], network.net[-3]) if one != network.dns).packed
