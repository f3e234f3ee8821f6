"""What a client's REQUEST, RELEASE and DECLINE must say, and to whom (RFC 2131 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from pynat.lint.span import Span
from pynat.rules import Rule
from pynat.rules import dhcp_client as rules
from pynat.wire import dhcp, mistakes
from pynat.wire.addresses import in_one_net
from pynat.wire.dhcp import Message
from pynat.wire.ipv4 import dotted

VENDOR_CLASS, CLIENT_ID = 60, 61
Wrong = Iterator[tuple[Rule, str]]


class Sent(NamedTuple):
    message: Message
    source: bytes  # of the packet
    to_all: bool
    when: Span


class Offer(NamedTuple):
    xid: int
    server: bytes
    address: bytes
    known: bool  # the guest has sent from the address before


@dataclass(slots=True)
class Lease:
    address: bytes
    server: bytes | None
    since: Span
    t1: float  # seconds from there
    t2: float
    length: float
    mask: bytes = b""
    taken: bool = False  # it is used, or probed for
    used: bool = False
    probed: Span | None = None  # last
    tried: bool = False  # a REQUEST was sent to renew it ...
    to_all: bool = False  # ... to all
    awake: bool = False  # it was used after T2, and before such a one
    told: bool = False
    renewed: bool = False  # it came of such a REQUEST

    def is_near(self, address: bytes) -> bool:
        """In the net that came with it."""
        return len(self.mask) == len(address) and in_one_net(address, self.address, self.mask)

    def late(self, lasts: float, when: Span) -> bool:
        """Clocks differ a little, and a packet may be on its way."""
        return when.least(self.since) > lasts + 2 + lasts / 100

    def is_due(self, when: Span) -> bool:
        """A REQUEST to all is, perhaps, and nothing is known of whether the guest sleeps."""
        return self.tried and not (self.to_all or self.awake) and when.most(self.since) > self.t2

    def ends(self, when: Span) -> bool:
        """Just then, if ever."""
        if not isfinite(self.length):
            return False
        slack = 3 + self.length / 1000
        is_early = when.least(self.since) < self.length - slack
        return not is_early and when.most(self.since) < self.length + slack

    def early(self, lasts: float, when: Span) -> bool:
        return when.most(self.since) < lasts * 0.99 - 2


def selecting(message: Message, taken: list[Offer]) -> str:
    """What is wrong with a REQUEST that takes one of these OFFERs."""
    server = message.options.get(dhcp.SERVER)
    wanted = message.options.get(dhcp.WANTED)
    if server is None:
        return "option 54 is missing, expected the server of the OFFER"
    if wanted is None:
        return "option 50 is missing, expected the address of the OFFER"
    if message.ciaddr != dhcp.ZERO:
        return f"ciaddr {dotted(message.ciaddr)}, expected 0.0.0.0"
    if any((one.address, one.server) == (server, wanted) for one in taken):
        return f"option 50 is {dotted(wanted)}, option 54 {dotted(server)}: they are exchanged"
    from_there = [one for one in taken if one.server == server]
    if not from_there:
        return f"{_server(server, taken[-1].server)}, which has made the OFFER"
    offered = from_there[-1].address
    if all(one.address != wanted for one in from_there):
        hint = mistakes.address_order(wanted, offered.__eq__)
        return f"option 50 is {dotted(wanted)}, expected {dotted(offered)}, the offered one{hint}"
    return ""


def beside_it(sent: Sent, discover: Message) -> Wrong:
    """The REQUEST that takes an OFFER, compared with its DISCOVER."""
    message = sent.message
    if not sent.to_all:
        text = "not sent to all, expected 255.255.255.255 (RFC 2131 4.4.1)"
        yield rules.NOT_TO_ALL, text
    if message.seconds != discover.seconds:
        text = f"secs {message.seconds}, expected {discover.seconds}, as in the DISCOVER"
        yield rules.OTHER_SECONDS, f"{text} (RFC 2131 4.4.1)"


def consistent(message: Message, discover: Message) -> Wrong:
    """A REQUEST, compared with the DISCOVER that its lease came of."""
    yield from identity(message, discover)
    if message.options.get(dhcp.PARAMETERS) != discover.options.get(dhcp.PARAMETERS):
        lists = (one.options.get(dhcp.PARAMETERS, b"") for one in (message, discover))
        seen, wanted = map(_listed, lists)
        text = f"option 55 is {seen}, expected {wanted}, as in the DISCOVER (RFC 2131 3.5)"
        yield rules.PARAMETERS, text


def identity(message: Message, discover: Message) -> Wrong:
    seen, wanted = (one.options.get(CLIENT_ID) for one in (message, discover))
    if seen != wanted:
        text = f"option 61 is {_hex(seen)}, expected {_hex(wanted)}, as in the DISCOVER"
        yield rules.CLIENT_ID, f"{text} (RFC 2131 2)"


def of_one_stack(message: Message, other: Message) -> bool:
    """By all that is known: two stacks of one machine ask for other things."""
    said, wanted = (
        (one.options.get(dhcp.PARAMETERS), one.options.get(VENDOR_CLASS))
        for one in (message, other)
    )
    return message.xid == other.xid or (said == wanted and said[0] is not None)


def renewing(sent: Sent, lease: Lease) -> Wrong:
    message = sent.message
    wrong = [f"option {c}" for c in (dhcp.WANTED, dhcp.SERVER) if c in message.options]
    if message.ciaddr != lease.address:
        wrong.append(f"ciaddr {dotted(message.ciaddr)}")
    if wrong:
        text = f"{', '.join(wrong)}; expected ciaddr {dotted(lease.address)} alone"
        yield rules.RENEWING, f"{text} (RFC 2131 4.3.6)"
    if sent.to_all and lease.early(lease.t2, sent.when):
        text = f"to all before T2, {lease.t2:.0f} s, expected to the server alone"
        yield rules.RENEWS_WRONG_WAY, f"{text} (RFC 2131 4.4.5)"
    elif not sent.to_all and lease.late(lease.t2, sent.when):
        text = f"to one host after T2, {lease.t2:.0f} s, expected to 255.255.255.255"
        yield rules.RENEWS_WRONG_WAY, f"{text} (RFC 2131 4.4.5)"


def rebooting(sent: Sent) -> Wrong:
    """With nothing offered, and no lease to renew."""
    message = sent.message
    wanted = message.options.get(dhcp.WANTED)
    server = message.options.get(dhcp.SERVER)
    if server is not None:
        text = f"option 54 is {dotted(server)}, expected none where nothing was offered"
        yield rules.INIT_REBOOT, f"{text} (RFC 2131 4.3.2)"
    elif wanted is not None and message.ciaddr != dhcp.ZERO:
        text = f"option 50 and ciaddr {dotted(message.ciaddr)}, expected one of them"
        yield rules.INIT_REBOOT, f"{text} (RFC 2131 4.3.2)"
    elif wanted is not None and not sent.to_all:
        text = "option 50, and sent to one host, expected 255.255.255.255"
        yield rules.INIT_REBOOT, f"{text} (RFC 2131 4.3.6)"


def giving_back(sent: Sent, lease: Lease) -> Wrong:
    """RELEASE or DECLINE (RFC 2131 table 5)."""
    message = sent.message
    server = message.options.get(dhcp.SERVER)
    if server is None:
        text = "option 54 is missing, expected the server's address"
        yield rules.GIVES_BACK, f"{text} (RFC 2131 4.4.4)"
    elif lease.server not in (None, server):
        assert lease.server is not None
        yield rules.GIVES_BACK, f"{_server(server, lease.server)} (RFC 2131 4.4.4)"
    if sent.to_all != (message.kind == dhcp.DECLINE):
        wanted = "to all" if message.kind == dhcp.DECLINE else "to the server alone"
        yield rules.GIVES_BACK, f"expected {wanted} (RFC 2131 4.4.4)"


def _server(seen: bytes, wanted: bytes) -> str:
    hint = mistakes.address_order(seen, wanted.__eq__)
    return f"option 54 is {dotted(seen)}, expected {dotted(wanted)}{hint}"


def _listed(codes: bytes) -> str:
    return ", ".join(map(str, codes)) or "missing"


def _hex(value: bytes | None) -> str:
    return "missing" if value is None else value.hex()
