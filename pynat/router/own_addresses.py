"""What guests send to the router's own addresses, to one that is lent, and to everybody: each
service by its port.
"""

from __future__ import annotations

from pynat import rules
from pynat.config import Broadcast, Config
from pynat.faults.dhcp import FaultyDhcp
from pynat.faults.dns import FaultyDns
from pynat.inprocess.hosts import InProcessHosts
from pynat.nat.messages import InProcessAddress
from pynat.nat.tcp.table import TcpTable
from pynat.router.guest_net import GuestNet
from pynat.router.ip_output import IpOutput
from pynat.router.outbound import Outbound, is_about_its
from pynat.services import ping
from pynat.services.dns import by_udp
from pynat.services.tftp import TftpServer
from pynat.wire import icmp, ipv4, mistakes, plain, udp, versions
from pynat.wire.icmp import Icmp
from pynat.wire.ipv4 import Ipv4
from pynat.wire.udp import Udp

DNS_PORT = 53
DHCP_SERVER, DHCP_CLIENT = 67, 68
IGMP = 2  # may come from 0.0.0.0 (RFC 3376 4.2.13)
NO_ADDRESS = bytes(4)
TFTP_PORT = 69


class OwnAddresses:
    def __init__(
        self,
        config: Config,
        net: GuestNet,
        output: IpOutput,
        outbound: Outbound,
        tcp: TcpTable,
        dhcp: FaultyDhcp,
        dns: FaultyDns,
        tftp: TftpServer,
        pings: ping.Pings,
        in_process: InProcessHosts,
    ) -> None:
        """outbound: gets what no service of ours takes."""
        self._net = net
        self._output = output
        self._outbound = outbound
        self._tcp = tcp
        self._dhcp = dhcp
        self._dns = dns
        self._tftp = tftp
        self._pings = pings
        self._in_process = in_process
        self._forwards_to_all = config.udp.broadcast is Broadcast.FORWARD

    def ping(self, frame: bytes, now: float) -> int:
        """The short way of a plain ping: 0 leaves the frame to `from_guest`."""
        source = frame[plain.SOURCE_AT]
        is_ours = self._net.is_to_router(source, frame[plain.DESTINATION_AT])
        return int(is_ours and self._output.send_back(frame, source, now))

    def from_guest(self, packet: Ipv4, now: float) -> None:
        match packet.protocol:
            case ipv4.ICMP:
                self._icmp(packet, now)
            case ipv4.UDP:
                self._udp(packet, udp.decode(packet), now)
            case ipv4.TCP:
                self._streams(packet, now)
            case _:
                self._outbound.no_protocol(packet, now)

    def answers_stranger(self, packet: Ipv4, now: float) -> bool:
        """The reply to a ping from an address that is lent, or that it is refused."""
        is_lent = self._output.neighbors.is_lent(packet.destination, now)
        if not is_lent or packet.protocol != ipv4.ICMP:
            return False
        message = icmp.decode(packet.payload, packet.ends, packet.around)
        self._output.replied(packet.source, message, now)
        return message.type == icmp.ECHO_REPLY or message.type in icmp.ERRORS

    def to_all(self, packet: Ipv4, now: float) -> None:
        """To everybody on the wire, or from somebody without an address yet."""
        rule = rules.ipv4.BROADCAST
        if packet.source == NO_ADDRESS and packet.protocol != IGMP:
            rule = rules.ipv4.FROM_NOBODY
        text = f"{packet}: only DHCP, UDP port {DHCP_SERVER}, is served so (RFC 2131 4.1)"
        if packet.protocol == ipv4.UDP and not packet.is_fragment:
            datagram = udp.decode(packet)
            if datagram.destination == DHCP_SERVER:
                self._dhcp.from_guest(datagram.payload, now)
                return
            if self._forwards_to_all and self._net.is_guest(packet.source):
                self._outbound.broadcast(packet, datagram, now)
                return
            text += mistakes.byte_order(datagram.destination, (DHCP_SERVER,))
            if datagram.destination == DHCP_CLIENT:
                text += f": port {DHCP_CLIENT} is the client's own, {DHCP_SERVER} is meant"
        self._output.notices.drop(rule, text, now)

    def _icmp(self, packet: Ipv4, now: float) -> None:
        message = icmp.decode(packet.payload, packet.ends, packet.around)
        if message.type == icmp.ECHO_REQUEST:
            ping.answer(self._output, packet, message, now)
        elif message.type == icmp.ECHO_REPLY:
            self._pings.from_guest(packet, message, now)
        elif is_about_its(packet, message):
            self._refused(message)
        else:
            self._outbound.other_icmp(packet, message, now)

    def _refused(self, error: Icmp) -> None:
        """A service within the process is told; nobody else here asks for it."""
        if (error.type, error.code) == (icmp.UNREACHABLE, icmp.PORT):
            ends = versions.ends(error.payload, ipv4.UDP)
            if ends is not None:
                self._in_process.udp_refused(*ends)

    def _udp(self, packet: Ipv4, datagram: Udp, now: float) -> None:
        to_router = packet.destination == self._net.router
        match datagram.destination:
            case 67:
                self._dhcp.from_guest(datagram.payload, now)
            case 53 if packet.destination == self._net.dns:
                self._question(packet, datagram, now)
            case 69 if to_router:
                self._tftp.request(packet.source, datagram, now)
            case port if to_router and self._tftp.owns(port):
                self._tftp.from_guest(packet.source, datagram, now)
            case _:
                self._outbound.udp(packet, datagram, now)

    def _question(self, packet: Ipv4, question: Udp, now: float) -> None:
        source = self._dns.source(question.payload, (packet.destination, DNS_PORT), now)
        answer = by_udp(self._output, source, (packet.source, question.source))
        self._dns.ask(question.payload, tcp=False, now=now, answer=answer)

    def _streams(self, packet: Ipv4, now: float) -> None:
        port = int.from_bytes(packet.payload[2:4], "big")
        if port == DNS_PORT and packet.destination == self._net.dns:
            self._tcp.from_guest(packet, InProcessAddress(packet.destination, DNS_PORT), now)
        else:
            self._outbound.tcp(packet, now)
