"""Looks at every frame on the guest's wire, and says what is legal but wrong.

It only looks on: it knows nothing of the engine, so that a capture can be looked at as well
(`pynat.replay`). One checker for each protocol follows what both sides send. What is no legal frame
is the router's to say.
"""

from __future__ import annotations

from collections import Counter

from pynat.config import Config, Network
from pynat.lint.again import AgainChecker
from pynat.lint.arp import ArpChecker
from pynat.lint.deaf import DeafChecker
from pynat.lint.dhcp import DhcpChecker
from pynat.lint.dns import DnsChecker
from pynat.lint.doubles import Doubles
from pynat.lint.ethernet import EthernetChecker
from pynat.lint.frame import Checker, Finding, decode
from pynat.lint.held import HeldChecker
from pynat.lint.icmp import IcmpChecker
from pynat.lint.igmp import IgmpChecker
from pynat.lint.ipv4 import Ipv4Checker
from pynat.lint.lagging import LaggingChecker
from pynat.lint.lost import LostFrames
from pynat.lint.owned import Owned
from pynat.lint.paths import Paths, is_harmless
from pynat.lint.pieces import Pieces, whole
from pynat.lint.short_ways import ShortWays
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.checker import TcpChecker
from pynat.lint.tcp.ports import served
from pynat.lint.tcp.progress import Stage
from pynat.lint.tftp import TftpChecker
from pynat.lint.told import Told
from pynat.lint.udp import UdpChecker
from pynat.rules.occasions import Occasion

Key = Occasion | tuple[bool, Stage]  # of connections, by whether the guest opened them
NE2000_SPEED = 10  # Mbit/s
_HEADERS = slice(14, 34)  # IPv4's


class Linter:
    def __init__(self, config: Config, *, short_ways: bool = True) -> None:
        """short_ways: of frames like those before only what may be new is looked at."""
        self._short_ways = short_ways
        self._network = config.network
        self._served = served(config)
        self._lost = LostFrames()
        self.tally = Tally()
        self._past = Counter[tuple[bool, Stage]]()  # of connections that are no longer followed
        self._begin()

    def _begin(self) -> None:
        """Nothing has been seen yet."""
        network, tally = self._network, self.tally
        self._doubles = Doubles(tally)
        self._last = b""  # that the guest sent, if nothing has come to it since
        self._sent = NEVER  # when that was
        self._ethernet = EthernetChecker(network.net, tally)
        self._owned = Owned(tally)
        self._arp = ArpChecker(network.net, tally, self._owned)
        self._told = Told(tally)
        self._ipv4 = Ipv4Checker(network, tally, self._owned, self._told)
        self._follow()

    def _follow(self) -> None:
        network, tally = self._network, self.tally
        self._tcp = TcpChecker(
            network.mtu, tally, self._served, self._lost, router=network.router.packed
        )
        self._icmp = IcmpChecker(network.net, tally, self._owned, self._tcp.is_in_flight)
        dhcp = DhcpChecker(tally, self._owned)
        self._again = again = AgainChecker(network, tally)
        steady = (self._ethernet, self._arp, self._ipv4)
        self._paths = Paths((*steady, self._icmp, dhcp, again))
        udp = UdpChecker(tally)
        self._ways = ShortWays(self._paths, *steady, self._tcp, udp, tally)
        # those that TCP's frames say something to
        self._of_segments: list[Checker] = [*steady, self._icmp, self._tcp, dhcp, again]
        self._of_segments_to_guest: list[Checker] = [self._arp, self._tcp]
        services = DnsChecker(tally, self._told), TftpChecker(tally, udp)
        self._lagging = lagging = LaggingChecker(tally)
        self._of_datagrams = [*self._of_segments, udp, *services, HeldChecker()]
        deaf = DeafChecker(tally)
        self._checkers = [*self._of_datagrams, IgmpChecker(tally), lagging, deaf]
        self._to_guest_checkers = [*self._of_datagrams, lagging, deaf]
        self._sent_pieces, self._came_pieces = Pieces(), Pieces()
        self._of_whole: list[Checker] = [self._tcp, dhcp, again, udp, *services]

    def begin_anew(self) -> None:
        """Expect nothing of the guest for what it was sent: it has not come to it."""
        self._arp.expect_nothing()
        self._past.update(self._tcp.reached())
        self._follow()

    def reset(self) -> None:
        """The guest's machine was, and begins from nothing."""
        self._past.update(self._tcp.reached())
        pads = self._ethernet.card_pads
        self._begin()
        self._ethernet.card_pads = pads

    def counts(self) -> Counter[Key]:
        """What rules had a chance by, and how far connections have come."""
        reached = self._past + self._tcp.reached()
        both: list[tuple[Key, int]] = [*self.tally.so_far().items(), *reached.items()]
        return Counter(dict(both))

    def adopt(self, network: Network) -> None:
        """The net of the guest's wire from now on."""
        self._network = network
        self._ethernet.adopt(network.net)
        self._arp.adopt(network.net)
        self._ipv4.adopt(network)
        self._again.adopt(network)
        self._icmp.adopt(network.net)
        self._tcp.adopt(network.router.packed)
        self._paths.unsettle()

    def card_speed(self, megabits: int) -> None:
        """What the guest's card says of itself: an NE2000 sends short frames as they are."""
        self._ethernet.card_pads = megabits != NE2000_SPEED

    # ------------------------------------------------------------------ frames
    def from_guest(self, data: bytes, when: float | Span) -> list[Finding]:
        span = when if isinstance(when, Span) else Span(when, when)
        is_short = self._short_ways and not self._lagging.watches
        found = self._ways.from_guest(data, span) if is_short else None
        if found is None:
            found = self._from_guest(data, span)
        if data == self._last:
            found = [*found, *self._doubles.again(data, self._sent, span)]
        elif len(data) != len(self._last) and data[_HEADERS] == self._last[_HEADERS]:
            found = [*found, *self._doubles.shares(data, self._last, self._sent, span)]
        self._last, self._sent = data, span
        return _causes_first(found) if found else found

    def _from_guest(self, data: bytes, when: Span) -> list[Finding]:
        frame = decode(data, when)
        if frame is None:
            self.tally.no_frame()
            return []
        self.tally.from_guest(frame)
        self._paths.look(frame)
        if self._lagging.watches:
            self._lagging.is_heard(frame)
        others = self._of_datagrams if frame.udp else self._checkers
        checkers = self._of_segments if frame.tcp else others
        if frame.tcp and self._lagging.is_slow:
            checkers = [*checkers, self._lagging]
        found = [one for checker in checkers for one in checker.from_guest(frame)]
        if (joined := whole(frame, self._sent_pieces)) is not None:
            self.tally.joined(joined, from_guest=True)
            found += [one for checker in self._of_whole for one in checker.from_guest(joined)]
        return found

    def to_guest(self, data: bytes, when: float | Span) -> list[Finding]:
        span = when if isinstance(when, Span) else Span(when, when)
        self._last = b""
        self._lost.count += 1
        self._lost.recent.append(data)
        is_short = self._short_ways and not self._lagging.watches
        found = self._ways.to_guest(data, span) if is_short else None
        return self._to_guest(data, span) if found is None else found

    def _to_guest(self, data: bytes, when: Span) -> list[Finding]:
        frame = decode(data, when)
        if frame is None:
            return []
        self.tally.to_guest(frame)
        if not is_harmless(frame):
            self._paths.unsettle()
        if self._lagging.watches:
            self._lagging.comes(frame)
        checkers = self._of_segments_to_guest if frame.tcp else self._to_guest_checkers
        if frame.tcp and self._lagging.is_slow:
            checkers = [*checkers, self._lagging]
        found = [one for checker in checkers for one in checker.to_guest(frame)]
        if (joined := whole(frame, self._came_pieces)) is not None:
            self.tally.joined(joined, from_guest=False)
            found += [one for checker in self._of_whole for one in checker.to_guest(joined)]
        return found

    def overdue(self, now: float) -> list[Finding]:
        """What should have come by now; of no single frame."""
        return [*self._tcp.overdue(now), *self._again.overdue(now)]

    def end(self, now: float) -> list[Finding]:
        """What is left when nothing more comes; of no single frame."""
        return [*self._tcp.end(now), *self._again.overdue(now), *self._ipv4.end()]


def _causes_first(found: list[Finding]) -> list[Finding]:
    """What one frame has against it."""
    follow = {code for one in found for code in one.rule.leads_to}
    return sorted(found, key=lambda one: one.rule.code in follow)
