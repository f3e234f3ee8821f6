"""One DHCP client, as the linter follows it (RFC 2131 4.3, 4.4).

    DISCOVER   the OFFERs from here on count, as far as they have its xid
    REQUEST    with an OFFER at hand and its xid or a server: selecting
               with ciaddr, or from the leased address: renewing
               else: init-reboot, of which nothing is known
    ACK        the lease, with its times from here on; of a REQUEST with the same xid only
    NAK        the address must not be used

Whoever sends the same kind of message again, with nothing that came between, repeats it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import Rule
from pynat.rules import dhcp_client as rules
from pynat.rules.occasions import Occasion
from pynat.wire import dhcp
from pynat.wire.dhcp import Message
from pynat.wire.ipv4 import dotted

Tell = Callable[[Rule, str], None]

REPEATS = 5  # messages of which the last two are compared; boot ROMs begin fast
SHORTEST_PAUSE = 2.0  # seconds before the fifth one; RFC 2131 4.1 has 32
SLOW = 5.0  # seconds in which secs must have grown
OFFERS = 3  # that came by unicast and were not taken
EARLY = 3  # renewals in a row, each before half of T1
GRACE = 1.0  # seconds that a packet of before may still take
_REMEMBERED = 16  # offers, transactions
_FOREVER = 2**32 - 1


@dataclass(slots=True)
class _Offer:
    xid: int
    server: bytes
    address: bytes
    known: bool  # the guest has sent from the address before


@dataclass(slots=True)
class _Lease:
    address: bytes
    since: Span
    t1: float  # seconds from there
    t2: float
    length: float
    used: bool = False
    tried: bool = False  # a REQUEST was sent to renew it
    told: bool = False

    def late(self, lasts: float, when: Span) -> bool:
        """Clocks differ a little, and a packet may be on its way."""
        return when.least(self.since) > lasts + 2 + lasts / 100


@dataclass(slots=True)
class _Repeats:
    kind: int = 0
    sent: deque[tuple[Span, int]] = field(default_factory=lambda: deque(maxlen=REPEATS))
    told: set[str] = field(default_factory=set)


class Client:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.never_had_one = True
        self._discover: Message | None = None
        self._asked: Message | None = None
        self._offers: list[_Offer] = []
        self._finished: deque[int] = deque(maxlen=_REMEMBERED)  # xids of DISCOVERs that succeeded
        self._lease: _Lease | None = None
        self._gone: dict[bytes, tuple[Span, Rule, str]] = {}  # addresses not to be used any more
        self._repeats = _Repeats()
        self._untaken = 0  # offers by unicast since the last REQUEST
        self._offered: Span | None = None  # by unicast, since the last DISCOVER
        self._early = 0

    @property
    def addresses(self) -> set[bytes]:
        """Those of which something could be said when they are used."""
        lease = {self._lease.address} if self._lease else set()
        return lease | self._gone.keys() | {offer.address for offer in self._offers}

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, message: Message, source: bytes, when: Span, tell: Tell) -> None:
        self._repeated(message, when, tell)
        match message.kind:
            case dhcp.DISCOVER:
                self._tally[Occasion.DHCP_DISCOVER] += 1
                self._discovers(message, when, tell)
            case dhcp.ASK:
                self._tally[Occasion.DHCP_REQUEST] += 1
                self._asks(message, source, tell)
            case dhcp.DECLINE:
                self._tally[Occasion.DHCP_RETURNS] += 1
                self._tally[Occasion.DHCP_DECLINE] += 1
            case dhcp.RELEASE:
                self._tally[Occasion.DHCP_RETURNS] += 1
                self._releases(message, when)

    def _releases(self, message: Message, when: Span) -> None:
        if self._lease and self._lease.address == message.ciaddr:
            self._tally[Occasion.DHCP_RELEASE] += 1
            self._give_up(message.ciaddr, when, rules.RELEASED, "RELEASE, RFC 2131 4.4.6")

    def _discovers(self, message: Message, when: Span, tell: Tell) -> None:
        if self._discover is None or self._discover.xid != message.xid:
            self._offers.clear()
        if self._finished:
            self._tally[Occasion.DHCP_ANEW] += 1
        if message.xid in self._finished:
            text = f"{message}: expected another xid than the one of an earlier attempt"
            tell(rules.XID_SAME, f"{text} (RFC 2131 4.1)")
            self._finished.clear()
        offered = self._offered
        if offered and when.follows(offered) and not message.flags & dhcp.BROADCAST:
            self._untaken += 1
            if self._untaken == OFFERS:
                text = f"{message}: {OFFERS} OFFERs came to the guest's MAC address, expected a"
                tell(rules.NO_BROADCAST, f"{text} REQUEST, or the broadcast flag (RFC 2131 4.1)")
        self._offered = None
        self._discover = message

    def _asks(self, message: Message, source: bytes, tell: Tell) -> None:
        self._asked = message
        self._untaken, self._offered = 0, None
        lease = self._lease
        server = dhcp.SERVER in message.options
        renews = lease and lease.address in (message.ciaddr, source)
        if renews and lease and not (server and self._offers):
            lease.tried = True
            self._renews(message, lease, tell)
        elif self._offers and (server or self._has_xid(message.xid)):
            self._selects(message, tell)

    def _has_xid(self, xid: int) -> bool:
        return any(offer.xid == xid for offer in self._offers)

    def _selects(self, message: Message, tell: Tell) -> None:
        self._tally[Occasion.DHCP_SELECTS] += 1
        server = message.options.get(dhcp.SERVER)
        wanted = message.options.get(dhcp.WANTED)
        taken = [one for one in self._offers if server in (one.server, None)]
        if problem := _not_selecting(message, server, wanted, taken):
            tell(rules.SELECTING, f"{message}: {problem} (RFC 2131 4.3.2)")
            return
        xid = self._discover.xid if self._discover else message.xid
        if all(one.xid != xid for one in taken):
            text = f"{message} takes an OFFER with xid {taken[0].xid:#010x}, expected {xid:#010x}"
            tell(rules.TOOK_ANOTHERS, f"{text} (RFC 2131 4.4.1)")
        elif message.xid != xid:
            text = f"{message}: the OFFER has xid {xid:#010x}, expected the same (RFC 2131 4.4.1)"
            tell(rules.XID_CHANGED, text)

    def _renews(self, message: Message, lease: _Lease, tell: Tell) -> None:
        self._tally[Occasion.DHCP_RENEWS] += 1
        self._tally[Occasion.LEASE_DUE] += 1
        wrong = [f"option {c}" for c in (dhcp.WANTED, dhcp.SERVER) if c in message.options]
        if message.ciaddr != lease.address:
            wrong.append(f"ciaddr {dotted(message.ciaddr)}")
        if wrong:
            text = f"{message}: {', '.join(wrong)}; expected ciaddr {dotted(lease.address)} alone"
            tell(rules.RENEWING, f"{text} (RFC 2131 4.3.6)")

    def _repeated(self, message: Message, when: Span, tell: Tell) -> None:
        repeats = self._repeats
        if repeats.kind != message.kind:
            repeats = self._repeats = _Repeats(message.kind)
        sent = repeats.sent
        sent.append((when, message.seconds))
        if message.kind not in (dhcp.DISCOVER, dhcp.ASK):
            return
        if len(sent) > 1:
            self._tally[Occasion.DHCP_AGAIN] += 1
        pause = when.most(sent[-2][0]) if len(sent) == REPEATS else SHORTEST_PAUSE
        if pause < SHORTEST_PAUSE and "" not in repeats.told:
            repeats.told.add("")
            text = f"{message}: sent again after {pause:.3f} s, the fifth time at least"
            tell(rules.TOO_FAST, f"{text}; expected pauses of 4, 8, 16, 32 s (RFC 2131 4.1)")
        slow = len(sent) >= 3 and when.least(sent[0][0]) >= SLOW
        if slow and len({secs for _, secs in sent}) == 1 and "secs" not in repeats.told:
            repeats.told.add("secs")
            text = f"{message}: secs is {message.seconds}, as {when.least(sent[0][0]):.0f} s ago"
            tell(rules.SECONDS, f"{text} (RFC 2131 2)")

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, message: Message, when: Span, *, unicast: bool, known: bool) -> None:
        self._repeats = _Repeats()
        match message.kind:
            case dhcp.OFFER:
                self._is_offered(message, when, unicast, known)
            case dhcp.ACK if self._asked and message.xid == self._asked.xid:
                self._is_granted(message, when)
            case dhcp.NAK if self._asked and message.xid == self._asked.xid:
                self._tally[Occasion.DHCP_NAK] += 1
                refused = self._asked.options.get(dhcp.WANTED, self._asked.ciaddr)
                self._offers.clear()
                self._give_up(refused, when, rules.AFTER_NAK, "NAK, RFC 2131 3.1")

    def _is_offered(self, message: Message, when: Span, unicast: bool, known: bool) -> None:
        server = message.options.get(dhcp.SERVER)
        if server is None or self._discover is None:
            return
        whole = {dhcp.LEASE, dhcp.MASK} <= message.options.keys()
        mine = unicast and whole and message.xid == self._discover.xid
        self._offered = when if mine else None
        self._tally[Occasion.DHCP_OFFER] += 1
        self._tally[Occasion.DHCP_OFFER_UNICAST] += mine
        del self._offers[: 1 - _REMEMBERED]
        self._offers.append(_Offer(message.xid, server, message.yiaddr, known))

    def _is_granted(self, message: Message, when: Span) -> None:
        if message.yiaddr == dhcp.ZERO:
            return  # of INFORM
        before, self._lease = self._lease, _lease(message, when)
        is_early = before and before.tried and when.most(before.since) < before.t1 / 2
        self._early = self._early + 1 if is_early else 0
        self._tally[Occasion.DHCP_ACK] += 1
        self._gone.pop(message.yiaddr, None)
        if self._discover is not None:
            self._finished.append(self._discover.xid)
        self._discover, self.never_had_one = None, False
        self._offers.clear()

    def _give_up(self, address: bytes, when: Span, rule: Rule, why: str) -> None:
        if len(self._gone) >= _REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self._gone[address] = (when, rule, why)
        if self._lease and self._lease.address == address:
            self._lease = None

    # ------------------------------------------------------------------ a packet of the guest's
    def uses(self, address: bytes, when: Span, tell: Tell) -> None:
        """From this address, and not a message to a DHCP server."""
        lease = self._lease
        if lease is not None and lease.address == address:
            self._tally[Occasion.LEASE_USED] += not lease.used
            lease.used = True
            if self._early >= EARLY:
                text = f"{dotted(address)} was renewed {self._early} times long before T1"
                tell(rules.RENEWS_ALWAYS, f"{text}, {lease.t1:.0f} s (RFC 2131 4.4.5)")
                self._early = 0
            self._in_time(lease, when, tell)
        elif gone := self._gone.get(address):
            since, rule, why = gone
            if when.least(since) > GRACE:
                del self._gone[address]
                text = f"{dotted(address)} is used {when.least(since):.1f} s after a"
                tell(rule, f"{text} {why.partition(',')[0]} ({why.partition(', ')[2]})")
        else:
            self._unleased(address, tell)

    def _unleased(self, address: bytes, tell: Tell) -> None:
        new = [one for one in self._offers if one.address == address and not one.known]
        if new:
            text = f"{dotted(address)} is used, and was only offered; expected a REQUEST"
            tell(rules.NOT_LEASED, f"{text} and its ACK first (RFC 2131 4.4.1)")
        for offer in new:
            offer.known = True

    def _in_time(self, lease: _Lease, when: Span, tell: Tell) -> None:
        name = dotted(lease.address)
        ago = when.least(lease.since)
        if lease.late(lease.length, when):
            if not lease.told:
                self._tally[Occasion.LEASE_DUE] += 1
                text = f"{name} is used {ago - lease.length:.0f} s after its lease ended"
                tell(rules.EXPIRED, f"{text} (RFC 2131 4.4.5)")
            lease.told = lease.tried = True
        elif not lease.tried and lease.late(lease.t2, when):
            lease.tried = True
            self._tally[Occasion.LEASE_DUE] += 1
            text = f"{name}: no REQUEST since the lease began {ago:.0f} s ago"
            due = f"T1 {lease.t1:.0f} s and T2 {lease.t2:.0f} s"
            tell(rules.NOT_RENEWED, f"{text}, expected one at {due} (RFC 2131 4.4.5)")


def _not_selecting(
    message: Message, server: bytes | None, wanted: bytes | None, taken: list[_Offer]
) -> str:
    """What is wrong with a REQUEST that takes an OFFER."""
    if server is None:
        return "option 54 is missing, expected the server of the OFFER"
    if wanted is None:
        return "option 50 is missing, expected the address of the OFFER"
    if message.ciaddr != dhcp.ZERO:
        return f"ciaddr {dotted(message.ciaddr)}, expected 0.0.0.0"
    if taken and all(one.address != wanted for one in taken):
        return (
            f"option 50 is {dotted(wanted)}, expected {dotted(taken[-1].address)}, the offered one"
        )
    return "" if taken else f"option 54 is {dotted(server)}, which has offered nothing"


def _lease(message: Message, when: Span) -> _Lease:
    seconds = _seconds(message, dhcp.LEASE, math.inf)
    t1 = _seconds(message, dhcp.T1, seconds / 2)
    t2 = _seconds(message, dhcp.T2, seconds * 7 / 8)
    return _Lease(message.yiaddr, when, t1, t2, seconds)


def _seconds(message: Message, code: int, otherwise: float) -> float:
    value = int.from_bytes(message.options.get(code, b""), "big")
    return math.inf if value == _FOREVER else float(value) if value else otherwise
