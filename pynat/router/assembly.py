"""The parts of a router, each made of what it needs: the first need nothing that comes later.

A network in Python is there before all of them, and says in `Program` what they are to ask it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from pynat.config import Broadcast, Config, Network
from pynat.faults.active import ActiveFaults
from pynat.faults.arp import FaultyArp
from pynat.faults.dhcp import FaultyDhcp
from pynat.faults.dns import FaultyDns
from pynat.faults.hosts import FaultyHosts
from pynat.faults.icmp import FaultyPaths
from pynat.inprocess.hosts import FlowPolicy, InProcessHosts, TcpService, UdpService
from pynat.log.notices import Notices
from pynat.nat.echo import EchoTable
from pynat.nat.flow_numbers import Ended, FlowNumbers
from pynat.nat.tcp.memory import MemoryBudget
from pynat.nat.tcp.table import TcpTable
from pynat.nat.udp import UdpTable
from pynat.router.destination_map import DestinationMap
from pynat.router.foreign_guests import ForeignGuests
from pynat.router.guest_net import GuestNet
from pynat.router.incoming import IncomingFlows
from pynat.router.ip_output import IpOutput
from pynat.router.outbound import Outbound
from pynat.router.own_addresses import OwnAddresses
from pynat.router.reassembly import Reassembly
from pynat.router.refusals import Refusals
from pynat.router.router import Router
from pynat.services.dhcp import DhcpServer
from pynat.services.dns import DnsForwarder, Lookup
from pynat.services.dns_tcp import DnsStreams
from pynat.services.ping import Pings
from pynat.services.tftp import TftpServer
from pynat.wire.addresses import Address


@dataclass(frozen=True, slots=True)
class Program:
    """What a network in Python has a say in."""

    tcp: Mapping[Address, TcpService] = field(default_factory=dict)
    udp: Mapping[Address, UdpService] = field(default_factory=dict)
    policy: FlowPolicy | None = None  # asked about each flow
    ended: Ended | None = None  # told of the end of each
    lookup: Lookup | None = None  # asked for each name


@dataclass(frozen=True, slots=True)
class Parts:
    """Those that can be others: where a network is only looked at (pynat.replay)."""

    tcp: type[TcpTable] = TcpTable
    tftp: type[TftpServer] = TftpServer


NO_PROGRAM = Program()
PARTS = Parts()


def assemble(
    config: Config,
    notices: Notices,
    dice: Random,
    program: Program = NO_PROGRAM,
    adopt: Sequence[Callable[[Network], None]] = (),
    parts: Parts = PARTS,
) -> Router:
    """adopt: who else is to know of another net."""
    network = config.network
    forwards_groups = config.udp.broadcast is Broadcast.FORWARD
    net = GuestNet(network, config.claimed, groups=forwards_groups)
    guest = IpOutput(config, notices, dice)
    numbers, memory = FlowNumbers(program.ended), MemoryBudget(config.tcp.memory)
    dhcp = DhcpServer(config, notices, guest.neighbors.fresh_mac)
    dns = DnsForwarder(config, notices, dhcp.guests, guest.ask, program.lookup)
    destinations = DestinationMap(config)
    faulty_hosts = FaultyHosts(config, guest, destinations, dns.name)
    tcp = parts.tcp(config, guest, numbers, net.as_guest_sees, memory, faulty_hosts.parameters)
    udp = UdpTable(config, guest, numbers, net.as_guest_sees)
    echo = EchoTable(config, guest, numbers, net.as_guest_sees)
    incoming = IncomingFlows(network, tcp, udp, guest)
    outbound = Outbound(destinations, guest, tcp, udp, echo)
    hosts = (address.packed for address in config.virtual.hosts)
    in_process = InProcessHosts(tcp.unhold, memory, faulty_hosts.services, program.policy, hosts)
    _serve(in_process, program)
    tftp, pings = parts.tftp(config, guest, numbers), Pings(guest, network, guest.replied)

    def move(mac: bytes) -> None:
        """The router is at this MAC address from now on."""
        tcp.move(mac)
        udp.move(mac)
        guest.move(mac)

    faults = ActiveFaults(notices)
    names = FaultyDns(dns, faults, guest, network)
    streams = DnsStreams(names, in_process, network)
    arp = FaultyArp(guest.neighbors, faults, guest.timers, move)
    leasing = FaultyDhcp(dhcp, faults, guest)
    paths = FaultyPaths(outbound, faults, guest, net)
    for one in config.faults:
        faults.add(one)

    movable = (net, guest, destinations, incoming, udp, dhcp, dns, names, streams, tftp, pings)
    adopting = [*(part.adopt for part in movable), *adopt]
    foreign = ForeignGuests(config, notices, guest.neighbors, arp, adopting)
    return Router(
        notices=notices,
        net=net,
        output=guest,
        arp=foreign,
        reassembly=Reassembly(guest),
        refusals=Refusals(net, guest, foreign),
        own=OwnAddresses(
            config, net, guest, outbound, tcp, leasing, names, tftp, pings, in_process
        ),
        outbound=paths,
        incoming=incoming,
        destinations=destinations,
        tcp=tcp,
        udp=udp,
        echo=echo,
        dhcp=dhcp,
        dns=dns,
        tftp=tftp,
        pings=pings,
        in_process=in_process,
        faulty_hosts=faulty_hosts,
        faults=faults,
        numbers=numbers,
    )


def _serve(in_process: InProcessHosts, program: Program) -> None:
    for place, stream in program.tcp.items():
        in_process.serve_tcp(place, stream)
    for place, datagram in program.udp.items():
        in_process.serve_udp(place, datagram)
