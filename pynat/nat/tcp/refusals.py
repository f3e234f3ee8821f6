"""Why a segment's text is not taken: the rule, what the field says, and what was expected."""

from __future__ import annotations

from typing import NamedTuple

from pynat import rules
from pynat.nat.tcp.receive import Receiver, TextOutcome
from pynat.nat.tcp.seq import wrap
from pynat.rules import Rule
from pynat.wire.tcp import Segment


class Refusal(NamedTuple):
    rule: Rule
    why: str


BEFORE_OPEN = Refusal(
    rules.tcp.BEFORE_OPEN, "expected nothing but SYN before the SYN-ACK (RFC 9293 3.10.7.3)"
)
SYN_ACK_MISSING = Refusal(
    rules.tcp.BEFORE_OPEN,
    "acknowledges a SYN that came again, expected the SYN-ACK again (RFC 9293 3.8.1)",
)
SYN_INSIDE = Refusal(
    rules.tcp.SYN_INSIDE, "SYN set, expected clear in an open connection (RFC 5961 4.2)"
)
WITHOUT_ACK = Refusal(rules.tcp.WITHOUT_ACK, "ACK clear, expected set (RFC 9293 3.10.7.4)")


def ack_of_nothing(segment: Segment, top: int) -> Refusal:
    """top: the number behind the last byte that was sent."""
    expected = f"ack {segment.ack}, expected {wrap(top)} at most (RFC 9293 3.10.7.4)"
    return Refusal(rules.tcp.ACK_OF_NOTHING, expected)


def reset_beside(segment: Segment, receiver: Receiver) -> Refusal:
    return Refusal(rules.tcp.RESET_BESIDE, f"{_number(segment, receiver)} (RFC 5961 3.2)")


def old_timestamp(stamp: int, recent: int) -> Refusal:
    expected = f"TSval {stamp}, expected {recent} or later (RFC 7323 5.3)"
    return Refusal(rules.tcp.OLD_TIMESTAMP, expected)


def window_closed(segment: Segment, receiver: Receiver) -> Refusal:
    edge = wrap(receiver.told)
    expected = f"number {segment.seq}, the window ends at {edge} (RFC 9293 3.8.6.1)"
    return Refusal(rules.tcp.WINDOW_CLOSED, expected)


def duplicate(segment: Segment, receiver: Receiver) -> Refusal:
    why = f"{_number(segment, receiver)}: it came before (RFC 9293 3.10.7.4)"
    return Refusal(rules.tcp.DUPLICATE, why)


def outside(segment: Segment, receiver: Receiver) -> Refusal:
    window = f"{wrap(receiver.nxt)} to {wrap(receiver.edge - 1)}"
    expected = f"number {segment.seq}, expected {window} (RFC 9293 3.10.7.4)"
    return Refusal(rules.tcp.OUTSIDE, expected)


def of_text(text: TextOutcome, segment: Segment, receiver: Receiver) -> Refusal | None:
    match text:
        case TextOutcome.SMOOTH | TextOutcome.GAP:
            return None
        case TextOutcome.NO_ROOM:
            why = f"{_number(segment, receiver)} first (RFC 9293 3.10.7.4)"
            return Refusal(rules.tcp.NO_ROOM, why)
        case TextOutcome.BEHIND_FIN:
            fin = f"the FIN was {wrap(receiver.nxt - 1)} (RFC 9293 3.10.7.4)"
            return Refusal(rules.tcp.BEHIND_FIN, f"number {segment.seq}, {fin}")
        case TextOutcome.NO_MEMORY:
            why = f"{_number(segment, receiver)}: all flows hold much (tcp.memory)"
            return Refusal(rules.net.TCP_MEMORY, why)


def _number(segment: Segment, receiver: Receiver) -> str:
    return f"number {segment.seq}, expected {wrap(receiver.nxt)}"
