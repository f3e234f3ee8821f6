"""What a router is made of, and what its parts do once a turn, whoever has sent what.

`assembly.py` makes the parts; `router.py` says who of them gets a packet.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from pynat.router.guest_net import GuestNet
from pynat.router.incoming import IncomingFlows
from pynat.router.ip_output import IpOutput
from pynat.router.own_addresses import OwnAddresses
from pynat.router.reassembly import Reassembly
from pynat.router.refusals import Refusals
from pynat.services.dhcp import DhcpServer
from pynat.services.dns import DnsForwarder
from pynat.services.ping import Pings
from pynat.services.tftp import TftpServer
from pynat.wire.frame_run import Sendable


@dataclass(eq=False)
class Parts:
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

    def is_bulk(self, key: bytes) -> bool:
        """Whether the flow of that `FourTuple.key` carries much."""
        return self.tcp.is_bulk(key)

    def take_bulk_up(self) -> None:
        self.tcp.take_bulk_up()

    @property
    def asks(self) -> bool:
        """Whether there may be anything `to_host`."""
        return self.output.asks or self.tcp.asks

    def to_host(self, now: float) -> list[host.Action]:
        return self.output.asked() + self.tcp.to_host(now)

    def ready(self) -> list[Sendable]:
        """Frames for the guest that wait for nothing."""
        return self.output.frames()

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

    def reset_guest(self, now: float) -> None:
        """Its machine was: what it had under way is gone. Forwards, leases and names stay."""
        self.tcp.reset_guest(now)
        self.udp.reset_guest(now)
        self.echo.reset_guest()
        self.tftp.reset_guest(now)
        self.dns.reset_guest()
        self.reassembly.reset_guest()
        self.dhcp.guests.reset_machine()

    def link_speed(self, megabits: int) -> None:
        """What the guest's card says of itself."""
        self.tcp.link_speed(megabits)
        self.tftp.link_speed(megabits)

    def wall_time(self, now: float) -> None:
        """The time on the wall. Once it is told, what is idle must be so by both clocks."""
        self.output.wall.tell(now)
