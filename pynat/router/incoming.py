"""What host programs send into the guest's net: which forward it came by, to whom it goes, and
from where the guest sees it."""

from __future__ import annotations

from ipaddress import IPv4Address

from pynat import rules
from pynat.config import Forward, Network, Shown
from pynat.nat.messages import ForwardTrouble, TcpIncoming, UdpIncoming
from pynat.nat.tcp.table import TcpTable
from pynat.nat.udp import UdpTable
from pynat.nat.unreachable import reason
from pynat.notices import Notices
from pynat.wire.addresses import Address, is_host


class Incoming:
    def __init__(self, network: Network, tcp: TcpTable, udp: UdpTable, notices: Notices) -> None:
        self.forwards: dict[int, Forward] = {}  # what is open, by number
        self.network = network
        self._tcp = tcp
        self._udp = udp
        self._notices = notices

    def forget(self, number: int) -> Forward:
        self._udp.forget_forward(number)
        return self.forwards.pop(number)

    def tcp(self, event: TcpIncoming, now: float) -> None:
        rule = self.forwards.get(event.rule)
        if event.guest is not None:
            self._tcp.incoming(event, event.guest, event.peer[0], now)
        elif rule is not None:  # else shut in this very turn
            self._tcp.incoming(event, self._target(rule), self._shown(rule, event.peer), now)

    def udp(self, event: UdpIncoming, now: float) -> None:
        rule = self.forwards.get(event.rule)
        if rule is not None:
            self._udp.incoming(event, self._target(rule), self._shown(rule, event.source), now)

    def trouble(self, event: ForwardTrouble, now: float) -> None:
        rule = self.forwards.get(event.rule, "removed")
        why = f"{event.what} through forward {event.rule} ({rule}): {reason(event.errno)}"
        self._notices.drop(rules.net.FORWARD_SOCKET, why, now)

    def _target(self, rule: Forward) -> Address:
        guest = rule.guest_address or self.network.guest
        return guest.packed, rule.guest_port

    def _shown(self, rule: Forward, peer: Address) -> bytes:
        """The program's own address, if it is to be shown and the guest could answer it."""
        address = peer[0]
        usable = len(address) == 4 and is_host(address)
        wanted = rule.shown is Shown.PEER
        if wanted and usable and IPv4Address(address) not in self.network.net:
            return address
        return self.network.router.packed
