"""Looks at every frame on the guest's wire, and says what is legal but wrong.

It only looks on: it knows nothing of the engine, so that a capture can be looked at as well
(`pynat.replay`). One checker for each protocol follows what both sides send. What is no legal frame
is the router's to say.
"""

from __future__ import annotations

from pynat.config import Config, Network
from pynat.lint.arp import ArpChecker
from pynat.lint.dhcp import DhcpChecker
from pynat.lint.dns import DnsChecker
from pynat.lint.ethernet import EthernetChecker
from pynat.lint.frame import Checker, Finding, decode
from pynat.lint.icmp import IcmpChecker
from pynat.lint.ipv4 import Ipv4Checker
from pynat.lint.span import Span
from pynat.lint.tcp.checker import TcpChecker
from pynat.lint.udp import UdpChecker

NE2000_SPEED = 10  # Mbit/s


class Linter:
    def __init__(self, config: Config) -> None:
        network = config.network
        self._ethernet = EthernetChecker(network.net)
        self._icmp = IcmpChecker(network.net)
        self._checkers: list[Checker] = [
            self._ethernet,
            ArpChecker(),
            Ipv4Checker(network.mtu),
            self._icmp,
            UdpChecker(),
            TcpChecker(network.mtu),
            DhcpChecker(),
            DnsChecker(),
        ]

    def adopt(self, network: Network) -> None:
        """The net of the guest's wire from now on."""
        self._ethernet.adopt(network.net)
        self._icmp.adopt(network.net)

    def card_speed(self, megabits: int) -> None:
        """What the guest's card says of itself: an NE2000 sends short frames as they are."""
        self._ethernet.card_pads = megabits != NE2000_SPEED

    def from_guest(self, data: bytes, when: float | Span) -> list[Finding]:
        frame = decode(data, when)
        if frame is None:
            return []
        return [one for checker in self._checkers for one in checker.from_guest(frame)]

    def to_guest(self, data: bytes, when: float | Span) -> list[Finding]:
        frame = decode(data, when)
        if frame is None:
            return []
        return [one for checker in self._checkers for one in checker.to_guest(frame)]
