"""One DHCP client, as the linter follows it (RFC 2131 4.3, 4.4).

    DISCOVER   the OFFERs from here on count, as far as they have its xid
    REQUEST    with an OFFER at hand and its xid or a server: selecting
               with ciaddr, or from the leased address: renewing
               else: init-reboot, of which nothing is known
    ACK        the lease, with its times from here on; of a REQUEST with the same xid only
    NAK        the address must not be used

How fast it repeats what it sends is in dhcp_pace.py.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum

from pynat.lint import dhcp_asking as asking
from pynat.lint.bounded import Bounded
from pynat.lint.dhcp_asking import Lease, Offer, Sent
from pynat.lint.dhcp_pace import Pace, Tell
from pynat.lint.owned import Owned
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.rules import Rule
from pynat.rules import dhcp_client as rules
from pynat.rules import udp as udp_rules
from pynat.rules.occasions import Occasion
from pynat.wire import dhcp
from pynat.wire.dhcp import Message
from pynat.wire.ipv4 import dotted

LATE = 2  # leases in a row
ANEW = 2  # leases in a row
A_WHILE = 5.0  # seconds in which a guest gets round to something
INSTEAD = 4.0  # seconds from the last probe to the announcement; RFC 5227 2.3 has 2
_LONG = 20.0  # seconds until T1, which no other cause is likely to take
OFFERS = 3  # that came one way and were not taken
SOME = 2  # of these, where one that came the other way was taken
AFTER_DECLINE = 9.0  # seconds; RFC 2131 3.1 has 10
EARLY = 3  # renewals in a row, each before half of T1
IN_VAIN = 2  # REQUESTs for what was refused; one may have been on its way
GRACE = 1.0  # seconds that a packet of before may still take
UNHEARD = 60.0  # seconds in which a guest asks again that has not had the ACK (RFC 2131 4.4.5)
_MAX_REMEMBERED = 16  # offers, transactions
_PATIENCE = 2.0  # seconds from the first OFFER on in which a slow guest may still take it
_TIME = 4  # bytes


class Way(Enum):
    """How an answer comes."""

    UNICAST = "to the guest's MAC address"
    BROADCAST = "by broadcast"

    @property
    def other(self) -> Way:
        return Way.BROADCAST if self is Way.UNICAST else Way.UNICAST


_IGNORED = {
    Way.UNICAST: (rules.NO_BROADCAST, "REQUEST, or the broadcast flag (RFC 2131 4.1)"),
    Way.BROADCAST: (rules.IGNORES_BROADCAST, "REQUEST (RFC 2131 4.1)"),
}


_UNREAD = {
    rules.OVERLOAD_UNREAD: ("option 52", "RFC 2132 9.3"),
    rules.SHUFFLED_UNREAD: ("the message type behind other options", "RFC 2132 2"),
}
_ODD = "; each has an odd number of bytes: does the checksum add a zero behind the last (RFC 1071)?"


class Client:
    def __init__(self, tally: Tally, owned: Owned) -> None:
        self._tally = tally
        self._owned = owned
        self.never_had_one = True
        self.source = b""  # MAC address of its frames
        self._discover: Message | None = None  # the last one ...
        self._attempts: dict[int, Message] = {}  # ... and all of this attempt, by xid
        self._asked: Message | None = None
        self._offers: list[Offer] = []
        self._finished: deque[int] = deque(
            maxlen=_MAX_REMEMBERED
        )  # xids of DISCOVERs that succeeded
        self._lease: Lease | None = None
        self._moved: Lease | None = None  # the one before it, of another address
        self._introduced: Message | None = None  # the DISCOVER that the lease came of
        self._is_claimed = False  # the lease's address, by another host
        self._declined: Span | None = None
        # Addresses not to be used any more.
        self._gone = Bounded[bytes, tuple[Span, Rule, str]](_MAX_REMEMBERED)
        self._pace = Pace(tally)
        self._ignored = dict.fromkeys(Way, 0)  # OFFERs since the last REQUEST
        self._ignored_since = NEVER  # when the first of them came
        self._even = 0  # of these, with an even number of bytes
        self._takes_odd = False  # it has taken an OFFER with an odd number of them
        self._told: set[Way] = set()  # of these
        self._offered: tuple[Span, Way] | None = None  # since the last DISCOVER
        self._is_odd = False  # it has an odd number of bytes
        self._unusual: tuple[Span, Rule] | None = None  # the OFFER since the last DISCOVER
        self._unread = dict.fromkeys(_UNREAD, 0)  # such OFFERs since the last REQUEST
        self._others: list[tuple[bytes, Offer]] = []  # to another chaddr, with an xid of ours
        self._early = 0
        self._late = 0  # leases in a row of which it remembered at T2
        self._anew = 0  # leases in a row at whose T1 it began anew ...
        self._last_anew: Lease | None = None  # ... and the last of them
        self._refused = b""  # the address of the last NAK
        self._refused_at = NEVER
        self._in_vain = 0  # REQUESTs for it since
        self._instead: tuple[Lease, Span] | None = None  # when it announced another address

    @property
    def addresses(self) -> set[bytes]:
        """Those of which something could be said when they are used."""
        lease = {self._lease.address} if self._lease else set()
        return lease | self._gone.keys() | {offer.address for offer in self._offers}

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, sent: Sent, tell: Tell) -> None:
        def say(rule: Rule, text: str) -> None:
            tell(rule, f"{sent.message}: {text}")

        message = sent.message
        self._pace.sends(message, sent.when, say)
        match message.kind:
            case dhcp.DISCOVER:
                self._tally[Occasion.DHCP_DISCOVER] += 1
                self._discovers(message, sent.when, say)
            case dhcp.ASK:
                self._tally[Occasion.DHCP_REQUEST] += 1
                self._asks(sent, say)
            case dhcp.DECLINE | dhcp.RELEASE:
                self._tally[Occasion.DHCP_RETURNS] += 1
                self._tally[Occasion.DHCP_DECLINE] += message.kind == dhcp.DECLINE
                if self._lease is not None:
                    self._gives_back(sent, self._lease, say)

    def _gives_back(self, sent: Sent, lease: Lease, tell: Tell) -> None:
        if sent.message.kind == dhcp.DECLINE:
            self._declined, self._lease, self._is_claimed = sent.when, None, False
            self._owned.lasts(lease.address, sent.when.first)
        elif lease.address == sent.message.ciaddr:
            self._tally[Occasion.DHCP_RELEASE] += 1
            self._give_up(lease.address, sent.when, rules.RELEASED, "RELEASE, RFC 2131 4.4.6")
        else:
            return
        _all(asking.giving_back(sent, lease), tell)
        if self._introduced is not None:
            _all(asking.identity(sent.message, self._introduced), tell)

    def is_claimed(self, address: bytes) -> None:
        """The guest has probed for it, and another host answered."""
        if self._lease is not None and self._lease.address == address:
            self._is_claimed = True

    def _discovers(self, message: Message, when: Span, tell: Tell) -> None:
        if len(self._attempts) >= _MAX_REMEMBERED:
            del self._attempts[next(iter(self._attempts))]
        self._attempts[message.xid] = message
        self._has_changed(message, self._discover, tell)
        if self._lease is not None:
            self._begins_anew(self._lease, when, tell)
            self._never_to_all(self._lease, when, tell)
        if self._finished:
            self._tally[Occasion.DHCP_ANEW] += 1
        if message.xid in self._finished:
            text = "expected another xid than the one of an earlier attempt"
            tell(rules.XID_SAME, f"{text} (RFC 2131 4.1)")
            self._finished.clear()
        if self._offered is not None and when.follows(self._offered[0]):
            meant_broadcast = self._offered[1] is Way.UNICAST and message.flags
            if not meant_broadcast:
                self._ignores(*self._offered, when, tell)
        self._leaves_unread(when, tell)
        self._after_conflict(when, tell)
        self._pace.begins(when, tell, refused=bool(self._refused))
        self._refused = b""
        self._offered = None
        self._discover = message

    def _has_changed(self, message: Message, before: Message | None, tell: Tell) -> None:
        """Its identity; a boot ROM and the system behind it may have two."""
        if before is not None and asking.of_one_stack(message, before):
            _all(asking.identity(message, before), tell)

    def _begins_anew(self, lease: Lease, when: Span, tell: Tell) -> None:
        """Once it may have been restarted just then."""
        if lease is self._last_anew:
            return
        knows_how = lease.tried or lease.renewed
        if lease.t1 < _LONG or knows_how or lease.early(lease.t1, when):
            self._anew, self._last_anew = 0, None
        elif not lease.late(lease.t1, when):
            self._tally[Occasion.LEASE_DUE] += 1
            self._anew, self._last_anew = self._anew + 1, lease
            if self._anew == ANEW:
                text = f"DISCOVER at T1, {lease.t1:.0f} s, of {ANEW} leases in a row"
                tell(rules.RENEWS_ANEW, f"{text}; expected REQUEST (RFC 2131 4.4.5)")

    def _never_to_all(self, lease: Lease, when: Span, tell: Tell) -> None:
        """It was awake at T2, and knows when the lease ends."""
        if (
            lease.awake
            and not lease.to_all
            and lease.length - lease.t2 > A_WHILE
            and lease.ends(when)
        ):
            lease.to_all = True  # it is told
            text = f"the lease ends, and no REQUEST to all came at T2, {lease.t2:.0f} s; expected"
            tell(rules.RENEWS_WRONG_WAY, f"{text} one to 255.255.255.255 (RFC 2131 4.4.5)")

    def _ignores(self, since: Span, way: Way, when: Span, tell: Tell) -> None:
        if not any(self._ignored.values()):
            self._ignored_since = since
        self._ignored[way] += 1
        self._even += not self._is_odd
        known = when.least(self._ignored_since) >= _PATIENCE
        if known and self._ignored[way] >= OFFERS and way not in self._told:
            self._told.add(way)
            rule, wanted = _IGNORED[way]
            neither = f", and {way.other.value} too" if self._ignored[way.other] else ""
            hint = "" if self._even else _ODD
            came = f"{self._ignored[way]} OFFERs came {way.value}{neither}"
            tell(rule, f"{came}, expected a {wanted}{hint}")

    def _leaves_unread(self, when: Span, tell: Tell) -> None:
        if self._unusual is not None and when.follows(self._unusual[0]):
            rule = self._unusual[1]
            self._unread[rule] += 1
            if self._unread[rule] == OFFERS:
                what, rfc = _UNREAD[rule]
                tell(rule, f"{OFFERS} OFFERs came with {what}, expected a REQUEST ({rfc})")
        self._unusual = None

    def _takes(self, tell: Tell) -> None:
        """An OFFER at last: which way did it come?"""
        if self._offered is not None:
            self._takes_odd |= self._is_odd
            ignored = sum(self._ignored.values())
            if not (self._takes_odd or self._even) and ignored >= SOME:
                text = f"takes the OFFER with an even number of bytes, and ignored {ignored} with"
                tell(udp_rules.ODD_NOT_TAKEN, f"{text} an odd one (RFC 1071)")
            way = self._offered[1].other
            if self._ignored[way] >= SOME:
                text = f"takes the OFFER that came {way.other.value}, and ignored"
                text += f" {self._ignored[way]} that came {way.value} (RFC 2131 4.1)"
                tell(_IGNORED[way][0], text)
        self._ignored, self._offered = dict.fromkeys(Way, 0), None
        self._unread, self._unusual, self._even = dict.fromkeys(_UNREAD, 0), None, 0
        self._told.clear()

    def _after_conflict(self, when: Span, tell: Tell) -> None:
        if self._is_claimed:
            text = "another host answered the probe for the leased address, expected DECLINE first"
            tell(rules.NOT_DECLINED, f"{text} (RFC 2131 3.1)")
        if self._declined is not None and when.most(self._declined) < AFTER_DECLINE:
            text = f"{when.most(self._declined):.1f} s after the DECLINE, expected at least 10 s"
            tell(rules.AGAIN_TOO_SOON, f"{text} (RFC 2131 3.1)")
        self._is_claimed, self._declined = False, None

    def _asks(self, sent: Sent, tell: Tell) -> None:
        message, before = sent.message, self._asked
        self._asked = message
        self._takes(tell)
        self._after_refusal(message, sent.when, tell)
        if self._moved is not None and message.ciaddr == self._moved.address:
            self._lease, self._moved = self._moved, None  # it has not had the ACK
            self._gone.pop(message.ciaddr, None)
        lease = self._lease
        server = dhcp.SERVER in message.options
        renews = lease and lease.address in (message.ciaddr, sent.source)
        if renews and lease and not (server and self._offers):
            if not lease.tried:
                self._renews_late(lease, sent.when, tell)
            lease.tried = True
            lease.to_all |= sent.to_all
            self._tally[Occasion.DHCP_RENEWS] += 1
            self._tally[Occasion.LEASE_DUE] += 1
            _all(asking.renewing(sent, lease), tell)
            if self._introduced is not None:
                _all(asking.consistent(message, self._introduced), tell)
        elif self._offers and (server or self._has_xid(message.xid)):
            self._selects(sent, tell)
        elif server and (mac := self._chaddr_of(message)):
            self._tally[Occasion.DHCP_SELECTS] += 1
            text = (
                f"takes an OFFER to chaddr {mac.hex(':')}, expected one to {message.mac.hex(':')}"
            )
            tell(rules.TOOK_ANOTHERS, f"{text} (RFC 2131 4.4.1)")
        elif before is not None and before.xid != message.xid:
            _all(asking.rebooting(sent), tell)
            self._has_changed(message, self._introduced, tell)

    def _renews_late(self, lease: Lease, when: Span, tell: Tell) -> None:
        """Its first REQUEST. Once it may have slept at T1."""
        is_late = not lease.early(lease.t2, when) and lease.t2 - lease.t1 > _LONG
        self._late = self._late + 1 if is_late else 0
        if self._late == LATE:
            text = (
                f"the first REQUEST {when.least(lease.since):.0f} s after the lease began, for the"
            )
            text += f" {LATE}nd time in a row; expected one at T1, {lease.t1:.0f} s, to the server"
            tell(rules.RENEWS_LATE, f"{text}; T2 is {lease.t2:.0f} s (RFC 2131 4.4.5)")

    def _after_refusal(self, message: Message, when: Span, tell: Tell) -> None:
        if _wanted(message) != self._refused or when.least(self._refused_at) <= GRACE:
            return
        self._in_vain += 1
        if self._in_vain == IN_VAIN:
            text = f"asks for {dotted(self._refused)} again, {when.least(self._refused_at):.1f} s"
            tell(rules.NAK_IGNORED, f"{text} after a NAK, expected DISCOVER (RFC 2131 3.1)")

    def _has_xid(self, xid: int) -> bool:
        return any(offer.xid == xid for offer in self._offers)

    def _selects(self, sent: Sent, tell: Tell) -> None:
        self._tally[Occasion.DHCP_SELECTS] += 1
        message = sent.message
        if message.flaws:
            return  # what cannot be read is told of as that
        discover = self._attempts.get(message.xid, self._discover)
        if problem := asking.selecting(message, self._offers):
            tell(rules.SELECTING, f"{problem} (RFC 2131 4.3.2)")
            return
        if discover is not None:
            _all(asking.beside_it(sent, discover), tell)
            _all(asking.consistent(message, discover), tell)
        server = message.options.get(dhcp.SERVER)
        taken = [one for one in self._offers if one.server == server]
        mine = [one.xid for one in taken if one.xid in self._attempts]
        if not mine and discover is not None:
            text = f"takes an OFFER with xid {taken[0].xid:#010x}, expected {discover.xid:#010x}"
            tell(rules.TOOK_ANOTHERS, f"{text} (RFC 2131 4.4.1)")
        elif mine and message.xid not in mine:
            text = f"the OFFER has xid {mine[-1]:#010x}, expected the same (RFC 2131 4.4.1)"
            tell(rules.XID_CHANGED, text)

    # ------------------------------------------------------------------ to the guest
    def to_guest(
        self, message: Message, size: int, when: Span, way: Way | None, *, known: bool
    ) -> None:
        """way: None where it does not come to the guest's card. known: it uses the address."""
        self._is_odd = size % 2 == 1
        self._pace.is_answered()
        match message.kind:
            case dhcp.OFFER:
                self._is_offered(message, when, way, known)
            case dhcp.ACK if self._asked and message.xid == self._asked.xid:
                self._is_granted(message, when)
            case dhcp.NAK if self._asked and message.xid == self._asked.xid:
                self._tally[Occasion.DHCP_NAK] += 1
                refused = _wanted(self._asked)
                if refused != self._refused:
                    self._refused, self._in_vain = refused, 0
                self._refused_at = when
                self._offers.clear()
                self._give_up(refused, when, rules.AFTER_NAK, "NAK, RFC 2131 3.1")

    def overhears(self, message: Message) -> None:
        """What comes to its card, and is for a client that there is not."""
        server = message.options.get(dhcp.SERVER)
        if message.kind == dhcp.OFFER and server and message.xid in self._attempts:
            del self._others[: 1 - _MAX_REMEMBERED]
            offer = Offer(message.xid, server, message.yiaddr, known=False)
            self._others.append((message.mac, offer))

    def _chaddr_of(self, message: Message) -> bytes:
        """Of the OFFER that it takes, if that was made to another."""
        taken = (message.options.get(dhcp.WANTED), message.options[dhcp.SERVER])
        found = (mac for mac, offer in self._others if (offer.address, offer.server) == taken)
        return next(found, b"")

    def _is_offered(self, message: Message, when: Span, way: Way | None, known: bool) -> None:
        server = message.options.get(dhcp.SERVER)
        if server is None or self._discover is None:
            return
        whole = {dhcp.LEASE, dhcp.MASK} <= message.options.keys()
        mine = way is not None and whole and message.xid == self._discover.xid
        if mine and (rule := _unusual(message)):
            self._tally[rule.exercised] += 1
            self._unusual, mine = (when, rule), False
        self._offered = (when, way) if mine and way else None
        self._tally[Occasion.DHCP_OFFER] += 1
        self._tally[Occasion.DHCP_OFFER_UNICAST] += mine and way is Way.UNICAST
        self._tally[Occasion.DHCP_OFFER_TO_ALL] += mine and way is Way.BROADCAST
        del self._offers[: 1 - _MAX_REMEMBERED]
        self._offers.append(Offer(message.xid, server, message.yiaddr, known))

    def _is_granted(self, message: Message, when: Span) -> None:
        if message.yiaddr == dhcp.ZERO:
            return  # of INFORM
        before, self._lease = self._lease, _lease(message, when)
        self._lease.renewed = before is not None and before.tried
        self._owned.lasts(message.yiaddr, when.first + self._lease.length)
        self._is_claimed, self._moved = False, None
        if before and before.address != message.yiaddr:
            if self._asked and self._asked.ciaddr == before.address:
                self._moved = before
            self._gone[before.address] = (when, rules.EXPIRED, "lease of another, RFC 2131 4.4.5")
        is_early = before and before.tried and when.most(before.since) < before.t1 / 2
        self._early = self._early + 1 if is_early else 0
        self._tally[Occasion.DHCP_ACK] += 1
        self._gone.pop(message.yiaddr, None)
        if self._discover is not None:
            self._finished.extend(self._attempts)
            self._introduced = self._discover
        self._attempts.clear()
        self._discover, self.never_had_one = None, False
        for offer in self._offers:
            if offer.address not in (message.yiaddr, *self._gone) and not offer.known:
                why = "lease of another, RFC 2131 4.4.1"
                self._gone[offer.address] = when, rules.NOT_LEASED, why
        self._offers.clear()
        self._others.clear()

    def _give_up(self, address: bytes, when: Span, rule: Rule, why: str) -> None:
        self._gone[address] = (when, rule, why)
        self._owned.lasts(address, when.first)
        if self._lease and self._lease.address == address:
            self._lease = None

    def no_longer_had(self, address: bytes) -> None:
        """It is another's."""
        self._gone.pop(address, None)

    def probes(self, address: bytes, when: Span) -> None:
        self.takes(address)
        if self._lease is not None and self._lease.address == address:
            self._lease.probed = when

    def takes_instead(self, address: bytes, when: Span) -> bool:
        """It has probed for its lease, and announces this one, which nobody knew: a stack that
        probes announces what it has probed for. No boot ROM does, and a second address comes
        beside the first."""
        lease = self._lease
        if lease is None or lease.probed is None or when.most(lease.probed) >= INSTEAD:
            return False
        if lease.used or self._is_claimed or not lease.is_near(address):
            return False
        self._instead = lease, when
        return True

    def uses_instead(self, address: bytes, when: Span, tell: Tell) -> bool:
        """Whether there is nothing more to find out."""
        lease, since = self._instead or (None, NEVER)
        is_over = lease is not self._lease or self._is_claimed
        if lease is None or is_over or lease.used or lease.tried:
            return True
        if when.least(since) <= A_WHILE:
            return False
        text = f"{dotted(address)} is used, and was never given to the guest: expected"
        text += f" {dotted(lease.address)}, its lease's, for which it has probed"
        tell(rules.NEVER_GIVEN, f"{text} (RFC 2131 3.1)")
        return True

    def takes(self, address: bytes) -> None:
        """Its ARP probes for it."""
        lease = self._lease
        if lease is not None and lease.address == address:
            self._tally[Occasion.LEASE_USED] += not lease.taken
            lease.taken = True

    def has(self, address: bytes) -> None:
        """As its ARP says, or a packet from there."""
        self.takes(address)
        lease = self._lease
        if lease is not None and lease.address == address:
            lease.used = True

    # ------------------------------------------------------------------ a packet of the guest's
    def uses(self, address: bytes, when: Span, tell: Tell) -> None:
        """From this address, and not a message to a DHCP server."""
        lease = self._lease
        if lease is not None and lease.address == address:
            self.has(address)
            lease.awake |= lease.is_due(when) and when.least(lease.since) > lease.t2
            if self._early >= EARLY:
                text = f"{dotted(address)} was renewed {self._early} times long before T1"
                tell(rules.RENEWS_ALWAYS, f"{text}, {lease.t1:.0f} s (RFC 2131 4.4.5)")
                self._early = 0
            self._in_time(lease, when, tell)
        elif gone := self._gone.get(address):
            since, rule, why = gone
            self._tally[Occasion.LEASE_DUE] += rule is rules.EXPIRED
            is_moved = self._moved is not None and self._moved.address == address
            if when.least(since) > (UNHEARD if is_moved else GRACE):
                del self._gone[address]
                text = f"{dotted(address)} is used {when.least(since):.1f} s after a"
                tell(rule, f"{text} {why.partition(',')[0]} ({why.partition(', ')[2]})")
        else:
            self._unleased(address, tell)

    def is_settled(self, address: bytes, until: Span) -> bool:
        """Up to then `uses` has nothing to say of the address, and nothing to keep."""
        lease = self._lease
        if lease is not None and lease.address == address:
            lasts = lease.length if lease.tried else min(lease.t2, lease.length)
            waits = lease.late(lasts, until) or lease.is_due(until)
            return lease.used and self._early < EARLY and not waits
        return address not in self.addresses

    def _unleased(self, address: bytes, tell: Tell) -> None:
        new = [one for one in self._offers if one.address == address and not one.known]
        if new:
            text = f"{dotted(address)} is used, and was only offered; expected a REQUEST"
            tell(rules.NOT_LEASED, f"{text} and its ACK first (RFC 2131 4.4.1)")
            self._offers = [one._replace(known=True) for one in self._offers]

    def _in_time(self, lease: Lease, when: Span, tell: Tell) -> None:
        name = dotted(lease.address)
        ago = when.least(lease.since)
        if lease.late(lease.length, when):
            if not lease.told:
                self._tally[Occasion.LEASE_DUE] += 1
                text = f"{name} is used {ago - lease.length:.0f} s after its lease ended"
                tell(rules.EXPIRED, f"{text} (RFC 2131 4.4.5){_never_renewed(lease)}")
            lease.told = lease.tried = True
        elif not lease.tried and lease.late(lease.t2, when):
            lease.tried = lease.to_all = True  # it is told
            self._tally[Occasion.LEASE_DUE] += 1
            text = f"{name}: no REQUEST since the lease began {ago:.0f} s ago"
            due = f"T1 {lease.t1:.0f} s and T2 {lease.t2:.0f} s"
            tell(rules.NOT_RENEWED, f"{text}, expected one at {due} (RFC 2131 4.4.5)")


def _never_renewed(lease: Lease) -> str:
    if lease.tried:
        return ""
    backwards = int.from_bytes(int(lease.length).to_bytes(4, "big"), "little")
    text = f": it never renews, no REQUEST came at T1, {lease.t1:.0f} s, or behind it; is the byte"
    return f"{text} order of the lease time right ({lease.length:.0f} s backwards: {backwards})?"


def _unusual(message: Message) -> Rule | None:
    if message.overloaded:
        return rules.OVERLOAD_UNREAD
    return None if next(iter(message.options)) == dhcp.KIND else rules.SHUFFLED_UNREAD


def _wanted(message: Message) -> bytes:
    """The address that a REQUEST is for."""
    return message.options.get(dhcp.WANTED, message.ciaddr)


def _all(found: asking.Wrong, tell: Tell) -> None:
    for rule, text in found:
        tell(rule, text)


def _lease(message: Message, when: Span) -> Lease:
    seconds = _seconds(message, dhcp.LEASE, math.inf)
    t1 = _seconds(message, dhcp.T1, seconds / 2)
    t2 = _seconds(message, dhcp.T2, seconds * 7 / 8)
    server = message.options.get(dhcp.SERVER)
    mask = message.options.get(dhcp.MASK, b"")
    return Lease(message.yiaddr, server, when, t1, t2, seconds, mask)


def _seconds(message: Message, code: int, otherwise: float) -> float:
    option = message.options.get(code, b"")
    value = int.from_bytes(option, "big") if len(option) == _TIME else 0
    return math.inf if value == dhcp.FOREVER else float(value) if value else otherwise
