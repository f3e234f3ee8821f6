"""A network over again, from its capture: the linter and the router as they were, and no more.

Every frame is shown to the linter, and the guest's then to the router, in the order and at the
times of the capture, so what is dropped is dropped by the code that drops it in a network that
runs. But this router has no host, and nothing of what it sends goes anywhere: what the network did
is in the capture. Where the router's judgment depends on that, it is told (`_seen`): connections
follow the other end's segments (pynat.replay.tcp), transfers by TFTP likewise, leases what the
server has granted, and its ARP asks when the capture's does.

Behind a bad wire the window may have moved on before a segment came: what came outside it is what
the comments say, and everything else was taken.

Where the capture does not begin with the network, what would need to know what was before is left
out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address
from math import inf
from random import Random

from pynat import rules
from pynat.capture import cooked
from pynat.capture.reading import About, Captured
from pynat.errors import Malformed
from pynat.lint.frame import Finding, Frame, decode
from pynat.lint.linter import Linter
from pynat.lint.pieces import Pieces
from pynat.lint.span import CardWire, Span
from pynat.lint.summary import Summary, summary
from pynat.log.comments import IGNORED, IMPAIRED, NOT_DELIVERED, RESET, seconds_waited
from pynat.log.notices import JournalEntry, Level, Notices
from pynat.nat.host_backend import settle
from pynat.nat.messages import Action, Event, Resolve, Resolved
from pynat.replay.mending import mended
from pynat.replay.tcp import SeenTable
from pynat.replay.tftp import SeenTftp
from pynat.replay.wire import Wire
from pynat.router.assembly import NO_PROGRAM, Parts, assemble
from pynat.router.reassembly import LIFETIME
from pynat.rules import Rule
from pynat.wire import arp, dhcp, ethernet, icmp, ipv4, versions
from pynat.wire.addresses import FourTuple
from pynat.wire.ip import TCP, Packet
from pynat.wire.udp import Udp

_CLIENT_PORT = 68
# What waits for ARP here has not been sent at all.
_UNSENT = {rules.net.ARP_QUESTIONS, rules.net.ARP_QUEUE}
# What may be right because of something before the capture: for so many seconds of it.
NEED_THE_BEGINNING: dict[Rule, float] = {
    rules.arp.UNASKED: inf,
    rules.arp.NOT_ANNOUNCED: inf,
    rules.arp.NOT_WANTED: 10,
    rules.arp.WRONG_TARGET: 10,
    rules.icmp.NOT_ASKED: 10,
    rules.ipv4.FRAGMENTS_TIMED_OUT: LIFETIME + 1,
    rules.ipv4.NOT_ITS_ADDRESS: inf,  # it has several
    rules.dhcp.NOT_ITS_LEASE: inf,
    rules.dhcp_client.DECLINED: 10,
}


_LOST_BY = re.compile(rf"^({IMPAIRED} \d+) \(.*\): (?:lost|dropped)", re.MULTILINE)
# What depends on when a segment comes, which behind a bad wire the network alone has seen.
_BY_ARRIVAL = {rule.code: rule for rule in (rules.tcp.OUTSIDE, rules.tcp.WINDOW_CLOSED)}
_REFUSED = re.compile(
    rf"^dropped: ({'|'.join(_BY_ARRIVAL)}) [^:]*: (.*?)(?:; because of .*)?$", re.MULTILINE
)
_SPOILT_BY = re.compile(rf"^dropped: .*; because of ({IMPAIRED} \d+)", re.MULTILINE)
_EATEN = re.compile(rf"{rules.net.FAULT.code} .*: fault \d+, (\w+) ")  # by a fault of the service


class _NoHost:
    """It answers no question, so that none waits."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def carry_out(self, actions: list[Action], now: float) -> list[Action]:
        asked = (one for one in actions if isinstance(one, Resolve))
        self._events += [Resolved(one.query_id, None) for one in asked]
        return []

    def events(self) -> list[Event]:
        events, self._events = self._events, []
        return events


class Replay:
    def __init__(
        self,
        wire: Wire,
        about: About,
        tell: Callable[[JournalEntry], None],
        *,
        begins: bool,
        cut: bool = False,
    ) -> None:
        """tell: gets all that is found. begins: nothing was on the wire before the capture.

        cut: of some frames only the beginning is there.
        """
        self._wire, self._about, self._begins = wire, about, begins
        self._cut = cut
        config = replace(wire.config, warnings=())
        self.notices = Notices(_nowhere, config.lint.silence)
        self.notices.keep_in(tell)
        self.notices.doubt(self._doubts)
        self._linter = Linter(config)
        if about.megabits:
            self._linter.card_speed(about.megabits)
        parts, adopt = Parts(SeenTable, SeenTftp), [self._linter.adopt]
        self._router = router = assemble(config, self.notices, Random(0), NO_PROGRAM, adopt, parts)
        assert isinstance(router.tcp, SeenTable)
        assert isinstance(router.tftp, SeenTftp)
        self._tcp, self._tftp = router.tcp, router.tftp
        self._tcp.begins, self._tcp.takes_all = begins, wire.is_bad
        if wire.dhcp_server is not None:
            server = IPv4Address(wire.dhcp_server)
            router.dhcp.adopt(replace(config.network, router=server))
        router.output.neighbors.asks = False
        self._mac = config.network.mac
        self._card = CardWire()
        self._pieces = Pieces()  # of what a bad wire has cut on its way to the guest
        self._host = _NoHost()
        self._first = inf  # when the capture begins
        self._eaten = Counter[str]()  # as the comments of frames say
        self._last = 0.0  # when the last frame came

    # ------------------------------------------------------------------ one frame after the other
    def take(self, one: Captured) -> bool | None:
        """Whether it is the guest's; None where it was left out."""
        self._first = min(self._first, one.when)
        self._eaten.update(_EATEN.findall(one.comment))
        from_guest = self._wire.is_guests(one)
        frame = None if from_guest is None else self._whole(one, from_guest=from_guest)
        self.pass_until(one.when)
        self._last = one.when
        if RESET in one.comment.split("\n"):
            self._linter.reset()
            self._router.reset_guest(one.when)
        if frame is None:
            return None
        self.notices.comments.number(frame, one.number)
        if from_guest:
            self._from_guest(frame, one)
        else:
            self._to_guest(frame, one)
        self._settle(one.when)
        return from_guest

    def pass_until(self, now: float) -> None:
        """Time without frames."""
        while (due := self._router.next_timer()) is not None and due <= now:
            self._router.on_timer(due)
            self._settle(due)

    def end(self, ended: float | None) -> None:
        """No more frames. ended: when the network did, if it did; else the capture alone."""
        if ended is not None:
            self.pass_until(ended)
            self._router.end(ended)
        for finding in self._linter.end(self._last if ended is None else ended):
            self.notices.finding(finding.rule, finding.text, self._last, None)

    def _from_guest(self, frame: bytes, one: Captured) -> None:
        when = Span(one.when - seconds_waited(one.comment), one.when)
        self._look(self._linter.from_guest(frame, when), frame, one, from_guest=True)
        spoilt = _SPOILT_BY.search(one.comment)  # it came to the router, but not as it is here
        if one.lost or spoilt or IGNORED in one.comment:
            by = spoilt or _LOST_BY.search(one.comment)
            self.notices.bad_wire.lose(frame, (by and by[1]) or "a script", one.when)
        elif frame[:6] not in self._wire.others:
            self.notices.comments.deal_with(frame)
            if self._wire.is_bad and (refused := _REFUSED.search(one.comment)):
                self.notices.drop(_BY_ARRIVAL[refused[1]], refused[2], one.when)
            else:
                self._router.from_guest(frame, one.when)
            self.notices.comments.deal_with(None)

    def _to_guest(self, frame: bytes, one: Captured) -> None:
        if one.lost:
            self.notices.bad_wire.carry(frame)
        else:
            self.notices.bad_wire.come(frame, one.number)
        if NOT_DELIVERED in one.comment:
            self._linter.begin_anew()
        elif not one.lost:
            after = one.when + seconds_waited(one.comment)
            when = self._card.span(len(frame), self._about.megabits, one.when, after)
            self._look(self._linter.to_guest(frame, when), frame, one, from_guest=False)
        if seen := self._as_sent(frame, one.when):
            self._seen(seen, one.when)

    def _as_sent(self, frame: bytes, now: float) -> Frame | None:
        """By the network, which sends no fragments; None while something is missing."""
        seen = decode(frame, now)
        if seen is None or seen.ip is None or not seen.ip.is_fragment:
            return seen
        packet = seen.ip
        payload = self._pieces.add(packet)
        if payload is None:
            return None
        whole = ipv4.encode(packet.source, packet.destination, packet.protocol, payload)
        return decode(frame[: ethernet.HEADER.size] + whole, now)

    def _settle(self, now: float) -> None:
        settle(self._router, (self._host,), now)
        self._router.to_guest(now)

    def _whole(self, one: Captured, *, from_guest: bool) -> bytes | None:
        """As it was on the wire; None where that cannot be told."""
        frame = ethernet.untagged(one.frame, self._wire.vlan)
        is_unknown = frame[:6] == cooked.UNKNOWN and not self._about.is_ours
        if is_unknown and len(frame) >= ethernet.HEADER.size:
            mac = self._wire.config.network.mac if from_guest else self._wire.guest
            frame = (mac or cooked.UNKNOWN) + frame[6:]
        return mended(frame, one.length) if self._cut else frame

    # ------------------------------------------------------------------ what is found
    def summary(self) -> Summary:
        verdict, silenced = self.notices.verdict, self.notices.silenced
        return summary(
            self._linter, verdict, silenced, bad_wire=self._wire.is_bad, eaten=self._eaten
        )

    def _look(self, found: list[Finding], frame: bytes, one: Captured, *, from_guest: bool) -> None:
        for finding in found:
            rule, text = finding.rule, finding.text
            self.notices.finding(rule, text, one.when, frame, from_guest=from_guest)

    def _doubts(self, rule: Rule, now: float) -> bool:
        unsure = 0.0 if self._begins else NEED_THE_BEGINNING.get(rule, 0.0)
        return now < self._first + unsure or rule in _UNSENT

    # ------------------------------------------------------------------ what the network did
    def _seen(self, frame: Frame, now: float) -> None:
        """A frame to the guest."""
        if frame.arp is not None:
            self._arp_seen(frame.arp, frame.source, now)
        elif frame.icmp is not None and frame.icmp.type == icmp.ECHO_REQUEST:
            self._ping_seen(frame, now)
        elif frame.ip is not None and frame.tcp is not None:
            self._tcp.seen(frame.ip, frame.tcp, now)
        elif frame.ip is not None and frame.udp is not None:
            self._datagram_seen(frame.ip, frame.udp, now)
        elif frame.icmp is not None and frame.icmp.type in icmp.ERRORS:
            self._error_seen(frame.icmp.payload, now)

    def _ping_seen(self, frame: Frame, now: float) -> None:
        """From a host of the net, at the router's card."""
        packet, net = frame.ip, self._router.net
        if packet is not None and frame.source == self._mac and net.is_guest(packet.source):
            self._router.output.neighbors.lend(packet.source, now)

    def _datagram_seen(self, packet: Packet, datagram: Udp, now: float) -> None:
        if packet.source == self._router.net.router:
            self._tftp.seen((packet.destination, datagram.destination), datagram.source, now)
        if datagram.destination == _CLIENT_PORT:
            with suppress(Malformed):
                self._dhcp_seen(dhcp.decode(datagram.payload), now)

    def _arp_seen(self, packet: arp.Arp, source: bytes, now: float) -> None:
        if source == self._mac:
            self._router.output.neighbors.told(packet)
        if packet.sender != self._router.net.router:
            return
        if source == packet.sender_mac != self._mac:  # else it only says so
            self._mac = source
            self._router.tcp.move(source)
            self._router.output.move(source)
        is_question = packet.operation == arp.REQUEST and not packet.is_announcement
        if is_question and self._router.net.is_guest(packet.target):
            self._router.output.neighbors.asked(packet.target, now)

    def _dhcp_seen(self, message: dhcp.Message, now: float) -> None:
        guests = self._router.dhcp.guests
        lease = guests.table.get(message.yiaddr)
        if message.kind not in (0, dhcp.ACK) or not any(message.yiaddr):
            return
        seconds = int.from_bytes(message.options.get(dhcp.LEASE, b""), "big")
        until = now + seconds if 0 < seconds < dhcp.FOREVER else inf
        if lease is None or lease.mac != message.mac or not lease.live(now):
            guests.bind(message.yiaddr, message, until)
        else:  # this router has granted it, too, for as long as it thinks fit
            guests.end(lease, until)

    def _error_seen(self, quote: bytes, now: float) -> None:
        found = versions.outline(quote)
        if found is not None and found.protocol == TCP:
            ports = quote[found.body : found.body + 4]
            ends = (found.source, ports[:2]), (found.destination, ports[2:])
            guest, remote = ((end, int.from_bytes(port, "big")) for end, port in ends)
            self._tcp.failed(FourTuple(guest, remote), now)


def _nowhere(level: Level, text: str) -> None:
    """What a network says in its log."""
