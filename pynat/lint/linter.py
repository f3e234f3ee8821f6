"""Looks at every frame on the guest's wire, and says what is legal but wrong.

It only looks on: it knows nothing of the engine, so that a capture made elsewhere can be looked at
as well. One checker for each protocol follows what both sides send.
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
from pynat.lint.tally import Tally
from pynat.lint.tcp.checker import TcpChecker
from pynat.lint.udp import UdpChecker

NE2000_SPEED = 10  # Mbit/s


class Linter:
    def __init__(self, config: Config, *, with_malformed: bool = False) -> None:
        """with_malformed: also say what is no legal frame, where no router does so."""
        self._with_malformed = with_malformed
        network = config.network
        self.tally = tally = Tally()
        self._ethernet = EthernetChecker(network.net, tally)
        self._icmp = IcmpChecker(network.net, tally)
        self._tcp = TcpChecker(network.mtu, tally)
        self._of_segments: list[Checker] = [  # those that TCP's frames say something to
            self._ethernet,
            ArpChecker(tally),
            Ipv4Checker(network.mtu, tally),
            self._icmp,
            self._tcp,
            DhcpChecker(tally),
        ]
        self._checkers = [*self._of_segments, UdpChecker(), DnsChecker(tally)]

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
            self.tally.no_frame()
            return []
        self.tally.from_guest(frame)
        checkers = self._of_segments if frame.tcp else self._checkers
        found = [one for checker in checkers for one in checker.from_guest(frame)]
        if frame.malformed and self._with_malformed:
            found.append(Finding(frame.malformed.rule, frame.malformed.detail))
        return _causes_first(found) if len(found) > 1 else found

    def to_guest(self, data: bytes, when: float | Span) -> list[Finding]:
        frame = decode(data, when)
        if frame is None:
            return []
        self.tally.to_guest(frame)
        checkers = self._of_segments if frame.tcp else self._checkers
        return [one for checker in checkers for one in checker.to_guest(frame)]

    def end(self) -> list[Finding]:
        """What is left when nothing more comes; of no single frame."""
        return list(self._tcp.end())


def _causes_first(found: list[Finding]) -> list[Finding]:
    """What one frame has against it."""
    follow = {code for one in found for code in one.rule.leads_to}
    return sorted(found, key=lambda one: one.rule.code in follow)
