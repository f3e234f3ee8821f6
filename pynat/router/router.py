"""Who gets this packet: the demux of everything that the guest sends, and the way back to it.

One `match` per layer; what no arm takes is dropped under a named rule, an event of ours that none
knows is a fault. Malformed is caught here and nowhere else. `assembly.py` makes the parts;
`guest_net.py` says where addresses lead, `refusals.py` why some lead nowhere. Our own are served in
`own_addresses.py`; the rest of the world goes through `outbound.py` to `nat`, which names hosts as
the guest does; `destination_map.py` says where such a name really leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from pynat import rules
from pynat.errors import Malformed
from pynat.faults.active import ActiveFaults
from pynat.faults.hosts import FaultyHosts
from pynat.faults.icmp import FaultyPaths
from pynat.inprocess.hosts import InProcessHosts
from pynat.log.notices import Notices
from pynat.nat import messages as host
from pynat.nat.echo import EchoTable
from pynat.nat.flow_numbers import FlowNumbers
from pynat.nat.rows import Row, tcp_row
from pynat.nat.tcp.table import TcpTable
from pynat.nat.time_hold import MAX_ANSWER_TIME
from pynat.nat.udp import UdpTable
from pynat.router.destination_map import DestinationMap
from pynat.router.foreign_guests import ForeignGuests
from pynat.router.guest_net import GuestNet, Where
from pynat.router.incoming import IncomingFlows
from pynat.router.ip_output import IpOutput
from pynat.router.own_addresses import OwnAddresses
from pynat.router.reassembly import Reassembly
from pynat.router.refusals import Refusals
from pynat.services.dhcp import DhcpServer
from pynat.services.dns import DnsForwarder
from pynat.services.ping import Pings
from pynat.services.tftp import TftpServer
from pynat.wire import arp, ethernet, ip, ipv4, plain, tcp, udp
from pynat.wire.addresses import is_unicast
from pynat.wire.frame_run import Sendable
from pynat.wire.ipv4 import Ipv4


@dataclass(eq=False)
class Router:
    notices: Notices
    net: GuestNet
    output: IpOutput
    arp: ForeignGuests
    reassembly: Reassembly
    refusals: Refusals
    own: OwnAddresses
    outbound: FaultyPaths
    incoming: IncomingFlows
    destinations: DestinationMap
    tcp: TcpTable
    udp: UdpTable
    echo: EchoTable
    dhcp: DhcpServer
    dns: DnsForwarder
    tftp: TftpServer
    pings: Pings
    in_process: InProcessHosts
    faulty_hosts: FaultyHosts
    faults: ActiveFaults
    numbers: FlowNumbers

    # ------------------------------------------------------------------ from the guest
    def run_from_guest(self, frames: list[bytes], at: int, now: float) -> int:
        """The frame `at`, and those behind it that only carry its flow on: how many they were."""
        frame = frames[at]
        protocol, taken = frame[plain.PROTOCOL_AT], 0
        if protocol == tcp.PROTOCOL:
            taken = self.outbound.run_from_guest(frames, at, now)
        elif protocol == udp.PROTOCOL:
            taken = self.outbound.datagrams_from_guest(frames, at, now)
        if taken:
            return taken
        self.from_guest(frame, now)
        return 1

    def from_guest(self, frame: bytes, now: float) -> None:
        """One Ethernet frame. Never raises for what is in it."""
        try:
            self._ethernet(frame, now)
        except Malformed as error:
            self.refusals.malformed(frame, error, now)

    def _ethernet(self, frame: bytes, now: float) -> None:
        if len(frame) < ethernet.HEADER.size:
            raise Malformed(rules.ethernet.LENGTH, f"{len(frame)} bytes, a header has 14 (RFC 894)")
        destination, source, kind = ethernet.HEADER.unpack_from(frame)
        to_all = destination != self.output.mac
        match kind:
            case _ if to_all and not destination[0] & 1:
                self.refusals.other_mac(frame, now)
            case ethernet.IPV4:
                self._ipv4(ipv4.decode(memoryview(frame)[ethernet.HEADER.size :]), to_all, now)
            case ethernet.ARP:
                self.arp.from_guest(arp.decode(memoryview(frame)[ethernet.HEADER.size :]), now)
            case ethernet.IPV6:
                self.refusals.ipv6(now)
            case _ if (bare := ethernet.untagged(frame)) is not frame:
                self._ethernet(bare, now)
            case _:
                self.refusals.other_type(frame, source, kind, now)

    def _ipv4(self, packet: Ipv4, to_all: bool, now: float) -> None:
        """to_all: the frame was a broadcast or multicast."""
        match self.net.where(packet.source, packet.destination):
            case _ if packet.options and not ipv4.SOURCE_ROUTES.isdisjoint(packet.options):
                self.refusals.source_routed(packet, now)
            case Where.EVERYBODY:
                self.own.to_all(packet, now)
            case Where.FROM_STRANGER:
                self.refusals.from_stranger(packet, now)
            case _ if to_all and is_unicast(packet.destination):
                self.refusals.host_in_broadcast(packet, now)
            case _ if packet.is_fragment:
                if (whole := self.reassembly.from_guest(packet, now)) is not None:
                    self._ipv4(whole, to_all, now)
            case Where.HOST if packet.ttl > 1 or packet.destination in self.net.claimed:
                self.outbound.from_guest(packet, now)  # what is claimed is on the wire
            case Where.HOST:
                self.refusals.time_exceeded(packet, now)
            case Where.ROUTER:
                self.own.from_guest(packet, now)
            case Where.GROUP if packet.ttl > 1 and packet.protocol == ip.UDP:
                self.outbound.to_group(packet, now)
            case Where.GROUP | Where.NOBODY:
                self.refusals.no_host(packet, now)
            case Where.NEIGHBOR:
                self.refusals.neighbor(packet, now)
            case never:
                assert_never(never)

    def end(self, now: float) -> None:
        """What still waits is told: it never will be whole."""
        self.reassembly.end(now)

    # ------------------------------------------------------------------ from the host
    def from_host(self, event: host.Event, now: float) -> None:
        match event:
            case host.UdpReceived():
                self.udp.from_host(event, now)
            case host.UdpReceivedRun():
                self.udp.run_from_host(event, now)
            case host.TcpSent() | host.TcpReceived() | host.TcpConnected() | host.TcpWritable():
                self.tcp.from_host(event, now)
            case host.TcpEof() | host.TcpFailed() | host.TcpUrgent():
                self.tcp.from_host(event, now)
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
            case never:
                assert_never(never)

    # ------------------------------------------------------------------ once a turn
    def on_timer(self, now: float) -> None:
        self.output.timers.run(now)

    def is_due(self, now: float) -> bool:
        return self.output.timers.is_due(now)

    def next_timer(self) -> float | None:
        return self.output.timers.next()

    def hold_until(self, now: float) -> float:
        """Seconds of guest time up to which the guest may not outrun wall time; 0 = free."""
        until = self.output.time_hold.until()
        return max(until, now + MAX_ANSWER_TIME) if self.dns.pending else until

    def set_bulk_aside(self) -> bool:
        """Flows that carry much, until `take_bulk_up`. Whether there is anything beside them."""
        return self.tcp.set_bulk_aside(self.output.queued)

    def take_bulk_up(self) -> None:
        self.tcp.take_bulk_up()

    @property
    def asks(self) -> bool:
        """Whether there may be anything `to_host`."""
        return self.output.asks or self.tcp.asks

    def to_host(self, now: float) -> list[host.Action]:
        return self.output.asked() + self.tcp.to_host(now)

    def to_guest(self, now: float) -> list[Sendable]:
        """Frames for the guest, in order; some of them as runs."""
        items = self.answers(now)
        self.rest(now)
        return items

    def answers(self, now: float) -> list[Sendable]:
        """As `to_guest`, before `rest`."""
        self.tcp.to_guest(now)
        return self.output.frames()

    def rest(self, now: float) -> None:
        """What is left to be done once the guest has its frames."""
        self.tcp.settle(now)
        self.numbers.tell(now)

    def flows(self, now: float) -> list[Row]:
        streams = [tcp_row(flow, now) for flow in self.tcp.flows() if not flow.is_probe]
        return streams + self.udp.rows(now) + self.echo.rows(now)

    def link_speed(self, megabits: int) -> None:
        """What the guest's card says of itself."""
        self.tcp.link_speed(megabits)
        self.tftp.link_speed(megabits)

    def wall_time(self, now: float) -> None:
        """The time on the wall. Once it is told, what is idle must be so by both clocks."""
        self.output.wall.tell(now)
