"""Who gets this packet: the demux of everything that the guest sends, and the way back to it.

One `match` per layer; what no arm takes is dropped under a named rule, an event of ours that none
knows is a fault. Malformed is caught here and nowhere else. `parts.py` has what it is made of;
`guest_net.py` says where addresses lead, `refusals.py` why some lead nowhere. Our own are served in
`own_addresses.py`; the rest of the world goes through `outbound.py` to `nat`, which names hosts as
the guest does; `destination_map.py` says where such a name really leads.
"""

from __future__ import annotations

from typing import assert_never

from pynat import rules
from pynat.errors import Malformed
from pynat.nat import messages as host
from pynat.router.guest_net import Where
from pynat.router.parts import Parts
from pynat.wire import arp, ethernet, icmp, ip, ipv4, plain, tcp, udp
from pynat.wire.addresses import is_unicast
from pynat.wire.ipv4 import Ipv4


class Router(Parts):
    # ------------------------------------------------------------------ from the guest
    def run_from_guest(self, frames: list[bytes], at: int, now: float) -> int:
        """The frame `at`, and those behind it that only carry its flow on: how many they were."""
        frame = frames[at]
        protocol, taken = frame[plain.PROTOCOL_AT], 0
        if protocol == tcp.PROTOCOL:
            taken = self.outbound.run_from_guest(frames, at, now)
        elif protocol == udp.PROTOCOL:
            taken = self.outbound.datagrams_from_guest(frames, at, now)
        elif protocol == icmp.IN_FRAME:
            taken = self.own.ping(frame, now)
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
            case _ if to_all and (not destination[0] & 1 or self.refusals.means_us(destination)):
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
            case Where.NEIGHBOR if self.own.answers_stranger(packet, now):
                pass
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
