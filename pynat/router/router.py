"""Who gets this packet: the demux of everything that the guest sends, and the way back to it.

One `match` per layer; what no arm takes is dropped under a named rule. Malformed is caught here and
nowhere else. Addresses of our own are served in `own_addresses.py`; the rest of the world goes
through `outbound.py` to `nat`, which names hosts as the guest does; `ways.py` says where such a
name really leads. 127.0.0.0/8 leads nowhere: the router's own loopback is not the guest's to name.
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
from pynat.faults.peers import PeerHosts
from pynat.faults.standing import Faults
from pynat.inner.hosts import InnerHosts
from pynat.nat import messages as host
from pynat.nat.echo import EchoTable
from pynat.nat.holds import ANSWER
from pynat.nat.numbers import Numbers
from pynat.nat.rows import Row, tcp_row
from pynat.nat.tcp.table import TcpTable
from pynat.nat.udp import UdpTable
from pynat.notices import Level, Notices
from pynat.peer import Peer
from pynat.router.foreign import Foreign
from pynat.router.guest_net import GuestNet
from pynat.router.guest_side import GuestSide
from pynat.router.incoming import Incoming
from pynat.router.outbound import Outbound
from pynat.router.own_addresses import OwnAddresses
from pynat.router.reassembly import Reassembly
from pynat.router.ways import Ways
from pynat.services.dhcp import DhcpServer
from pynat.services.dns import DnsForwarder
from pynat.services.dns_tcp import DnsStreams
from pynat.services.ping import Pings
from pynat.services.tftp import TftpServer
from pynat.wire import arp, ethernet, icmp, ipv4, versions
from pynat.wire.addresses import (
    UNSPECIFIED,
    address_text,
    is_group_of_link,
    is_host,
    is_multicast,
    is_unicast,
)
from pynat.wire.ipv4 import Ipv4


class Router:
    def __init__(self, config: Config, notices: Notices, dice: Random) -> None:
        self.notices = notices
        self.net = GuestNet(config.network, config.claimed)
        self.numbers = numbers = Numbers()
        self.faults = faults = Faults(notices)
        self._foreign = Foreign(config, notices, self._adopt)
        self.guest = outlet = GuestSide(config, notices, dice, self._foreign)
        self.tcp = TcpTable(config, outlet, numbers)
        self.udp = UdpTable(config, outlet, numbers, self.net.as_guest_sees)
        self.echo = EchoTable(config, outlet, numbers, self.net.as_guest_sees)
        self.dhcp = DhcpServer(config, notices, outlet.neighbors.fresh_mac)
        self.dns = DnsForwarder(config, notices, self.dhcp.guests)
        self.tftp = TftpServer(config, outlet, numbers)
        self.reassembly = Reassembly(outlet)
        self.ways = Ways(config)
        self.incoming = Incoming(config.network, self.tcp, self.udp, outlet)
        self.peers = PeerHosts(outlet.timers, self.tcp.memory)
        outbound = Outbound(self.ways, outlet, self.tcp, self.udp, self.echo)
        leasing = FaultyDhcp(self.dhcp, faults, outlet)
        names = FaultyDns(self.dns, faults, outlet, config.network)
        self.inner = InnerHosts(self._unhold, self.tcp.memory)
        streams = DnsStreams(names, self.inner.tcp, config.network)
        self._arp = FaultyArp(outlet.neighbors, faults, outlet.timers, self._move)
        self._outbound = FaultyPaths(outbound, faults, outlet)
        self.pings = Pings(outlet, config.network)
        self._own = OwnAddresses(
            config, self.net, outlet, outbound, self.tcp, leasing, names, self.tftp, self.pings
        )
        self._parts = (
            *(self.net, outlet, self.ways, self.incoming, self.udp),
            *(self.dhcp, self.dns, names, streams, self.tftp, self.pings),
        )
        self._mac = config.network.mac
        self._forwards_to_all = config.udp.broadcast is Broadcast.FORWARD
        self.on_adopt: list[Callable[[Network], None]] = []
        for one in config.faults:
            faults.add(one)

    def _adopt(self, network: Network, _: float) -> None:
        """As if the configuration had said so, from now on."""
        for part in self._parts:
            part.adopt(network)
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
        taken = self._outbound.take_run(frames, at, now)
        if not taken:
            self.from_guest(frames[at], now)
        return taken or 1

    def from_guest(self, frame: bytes, now: float) -> None:
        """One Ethernet frame. Never raises for what is in it."""
        frame = ethernet.untagged(frame)
        try:
            self._ethernet(frame, now)
        except Malformed as error:
            name = versions.named_in(frame)
            self.notices.drop(error.rule, f"{name}: {error.detail}" if name else error.detail, now)
            if isinstance(error, ipv4.BadOption) and not frame[0] & 1:
                self._bad_option(error, now)

    def _ethernet(self, frame: bytes, now: float) -> None:
        if len(frame) < ethernet.HEADER.size:
            raise Malformed(rules.ethernet.LENGTH, f"{len(frame)} bytes, a header has 14 (RFC 894)")
        destination, source, kind = ethernet.HEADER.unpack_from(frame)
        if destination != self._mac and not destination[0] & 1:
            text = (
                f"frame to {ethernet.text(destination)}, the router is {ethernet.text(self._mac)}"
            )
            self.notices.drop(rules.ethernet.NOT_OURS, f"{text} (RFC 894)", now)
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
                rule = rules.ethernet.TYPE
                if ethernet.is_swapped(kind):
                    rule = rules.ethernet.TYPE_SWAPPED
                sent = f"{ethernet.text(source)} sent type {ethernet.named(frame)}"
                self.notices.drop(rule, sent, now)

    def _from_neighbor(self, packet: arp.Arp, now: float) -> None:
        if answer := self._arp.from_guest(packet, now):
            self.guest.neighbors.send_arp(answer, packet.sender_mac)

    def _ipv4(self, packet: Ipv4, now: float, *, to_all: bool) -> None:
        """to_all: the frame was a broadcast or multicast."""
        net, destination = self.net, packet.destination
        if not ipv4.SOURCE_ROUTES.isdisjoint(packet.options):
            self._source_routed(packet, now)
        elif packet.source in UNSPECIFIED or destination in net.broadcasts:
            self._own.to_all(packet, now)
        elif not net.is_guest(packet.source):
            source = address_text(packet.source)
            text = f"{packet}: source {source}, expected a guest's in {net.net}"
            hint = self._foreign.hint(packet.source)
            self.notices.drop(rules.ipv4.SOURCE, f"{text} (RFC 1122 3.2.1.3, RFC 2827){hint}", now)
        elif to_all and is_unicast(destination):
            text = f"{packet}: the frame went to all, expected it to {ethernet.text(self._mac)}"
            self.notices.drop(rules.ipv4.HOST_IN_BROADCAST, f"{text} (RFC 1812 5.3.4)", now)
        elif packet.is_fragment:
            whole = self.reassembly.from_guest(packet, now)
            if whole is not None:
                self._ipv4(whole, now, to_all=to_all)
        elif destination in net.own:
            self._own.from_guest(packet, now)
        else:
            self._forward(packet, now)

    def _bad_option(self, error: ipv4.BadOption, now: float) -> None:
        about = versions.outline(error.quote)
        if about is not None and self.net.is_guest(about.source):
            kind = icmp.PARAMETER_PROBLEM
            self.guest.send_error(kind, 0, error.quote, now, pointer=error.pointer)

    def _source_routed(self, packet: Ipv4, now: float) -> None:
        """Nobody but attackers routes by source (RFC 7126 4.3, 4.4)."""
        text = f"{packet}: the way is ours to choose (RFC 7126 4.3)"
        self.notices.drop(rules.ipv4.SOURCE_ROUTE, text, now)
        if self.net.is_guest(packet.source):
            code = icmp.SOURCE_ROUTE_FAILED
            self.guest.send_error(icmp.UNREACHABLE, code, packet.quote, now)

    def _forward(self, packet: Ipv4, now: float) -> None:
        """To the rest of the world, if it can go there."""
        net, destination = self.net, packet.destination
        if net.is_guest(destination):
            text = f"{packet}: destination {address_text(destination)} is on the guest's own wire,"
            text += f" in {net.net}: ask for it by ARP (RFC 1122 3.3.1.1)"
            self.notices.drop(rules.ipv4.NEIGHBOUR, text, now)
            self.guest.send_error(icmp.UNREACHABLE, icmp.HOST, packet.quote, now)
        elif self._is_forwarded_group(packet) and packet.ttl > 1:
            self._outbound.to_group(packet, now)
        elif not is_host(destination) or destination == net.zero:
            text = f"{packet}: {address_text(destination)} is no address of a host out there"
            self.notices.drop(rules.ipv4.DESTINATION, f"{text} (RFC 6890)", now)
        elif packet.ttl <= 1 and destination not in net.claimed:  # those are on the wire
            self.guest.send_error(icmp.TIME_EXCEEDED, icmp.TRANSIT, packet.quote, now)
        else:
            self._outbound.from_guest(packet, now)

    def _is_forwarded_group(self, packet: Ipv4) -> bool:
        """UDP to a group that is not of the guest's wire alone (RFC 5771 4)."""
        group = packet.destination
        wanted = self._forwards_to_all and packet.protocol == ipv4.UDP
        return wanted and is_multicast(group) and not is_group_of_link(group)

    # ------------------------------------------------------------------ from the host
    def from_host(self, event: host.Event, now: float) -> None:
        match event:
            case host.UdpReceived():
                self.udp.from_host(event, now)
            case host.EchoReply() | host.EchoDenied():
                self.echo.from_host(event, now)
            case host.SocketError():
                if not self.udp.on_error(event, now):
                    self.echo.on_error(event, now)
            case host.Resolved():
                self.dns.from_host(event, now)
            case host.FileOpened() | host.FileData() | host.FileWritten() | host.FileFailed():
                self.tftp.from_host(event, now)
            case host.TcpIncoming():
                self.incoming.tcp(event, now)
            case host.UdpIncoming():
                self.incoming.udp(event, now)
            case host.GuestDatagram():
                self.incoming.datagram(event, now)
            case host.ForwardTrouble():
                self.incoming.trouble(event, now)
            case host.PortNotKept():
                self.incoming.port_not_kept(event, now)
            case host.TcpFailed():
                if event.offender is not None:
                    event.offender = self.net.as_guest_sees(event.offender)
                self.tcp.from_host(event, now)
            case (
                host.TcpConnected()
                | host.TcpSent()
                | host.TcpWritable()
                | host.TcpUrgent()
                | host.TcpReceived()
                | host.TcpEof()
            ):
                self.tcp.from_host(event, now)

    # ------------------------------------------------------------------ once a turn
    def on_timer(self, now: float) -> None:
        self.guest.timers.run(now)

    def next_timer(self) -> float | None:
        return self.guest.timers.next()

    def hold_until(self, now: float) -> float:
        """Guest time in seconds up to which the guest may not outrun wall time; 0 = free."""
        until = self.guest.holds.until()
        return max(until, now + ANSWER) if self.dns.pending else until

    def to_host(self, now: float) -> list[host.Action]:
        """What the host is to do."""
        flows = self.udp.to_host() + self.echo.to_host() + self.tcp.to_host(now)
        return flows + self.dns.to_host() + self.tftp.to_host()

    def to_guest(self, now: float) -> list[bytes]:
        """Frames for the guest, in order."""
        self.tcp.to_guest(now)
        self.numbers.tell()
        return self.guest.frames()

    def flows(self, now: float) -> list[Row]:
        """For those who look on."""
        tcp = [tcp_row(flow, now) for flow in self.tcp.flows()]
        return tcp + self.udp.rows(now) + self.echo.rows(now)

    def _unhold(self, flow: int) -> None:
        self.tcp.unhold(flow)
        self.guest.holds.settle(flow)
