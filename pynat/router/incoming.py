"""What host programs send into the guest's net: which forward it came by, to whom it goes, and
from where the guest sees it."""

from __future__ import annotations

from ipaddress import ip_address

from pynat import rules
from pynat.config import Forward, Network, ShownSource
from pynat.nat.guest_output import GuestOutput
from pynat.nat.messages import (
    ForwardTrouble,
    GuestDatagram,
    PortNotKept,
    TcpIncoming,
    UdpIncoming,
)
from pynat.nat.tcp.table import TcpTable
from pynat.nat.udp import UdpTable
from pynat.nat.unreachable import reason
from pynat.wire import ip, udp
from pynat.wire.addresses import Address, is_host


class IncomingFlows:
    def __init__(self, network: Network, tcp: TcpTable, udp: UdpTable, output: GuestOutput) -> None:
        self.forwards: dict[int, Forward] = {}  # what is open, by number
        self.adopt(network)
        self._tcp = tcp
        self._udp = udp
        self._output = output
        self._notices = output.notices
        self.ports_not_kept = 0  # though nat.keep_ports asks for it

    def adopt(self, network: Network) -> None:
        self._network = network

    def open(self, number: int, forward: Forward) -> None:
        self.forwards[number] = forward

    def forget(self, number: int) -> Forward:
        self._udp.forget_forward(number)
        return self.forwards.pop(number)

    def tcp(self, event: TcpIncoming, now: float) -> None:
        forward = self.forwards.get(event.forward)
        if event.guest is not None:
            self._tcp.incoming(event, event.guest, event.peer[0], now)
        elif forward is not None:  # else shut in this very turn
            self._tcp.incoming(event, self._target(forward), self._shown(forward, event.peer), now)

    def udp(self, event: UdpIncoming, now: float) -> None:
        forward = self.forwards.get(event.forward)
        if forward is not None:
            self._udp.incoming(
                event, self._target(forward), self._shown(forward, event.source), now
            )

    def datagram(self, event: GuestDatagram, now: float) -> None:
        """Of a host within the process."""
        source, guest = event.source, event.guest
        payload = udp.encode(*source, *guest, event.payload)
        self._output.send_packet(source[0], guest[0], ip.UDP, payload, now)

    def port_not_kept(self, event: PortNotKept, now: float) -> None:
        self.ports_not_kept += 1
        text = f"port {event.port} of the guest's is another of the host's: {reason(event.errno)}"
        self._notices.limited("port not kept", f"{text} (nat.keep_ports)", now)

    def trouble(self, event: ForwardTrouble, now: float) -> None:
        forward = self.forwards.get(event.forward, "removed")
        why = f"{event.what} through forward {event.forward} ({forward}): {reason(event.errno)}"
        self._notices.drop(rules.net.FORWARD_SOCKET, why, now)

    def _target(self, forward: Forward) -> Address:
        guest = forward.guest_address or self._network.guest
        return guest.packed, forward.guest_port

    def _shown(self, forward: Forward, peer: Address) -> bytes:
        """The program's own address, if it is to be shown and the guest could answer it."""
        address = peer[0]
        router = self._network.router.packed
        usable = len(address) == len(router) and is_host(address)
        wanted = forward.shown is ShownSource.PEER
        if wanted and usable and ip_address(address) not in self._network.net:
            return address
        return router
