"""A driver whose last frame waits until the next one is sent.

A question leaves only when the stack asks again. The answer comes; the stack goes on, and what it
sends pushes out the copy: so the question is asked once more at once behind its answer. A stack
that has not taken the answer asks again when its timer says so, and one that asks without end is
left out. Once may be chance; with two protocols, which have timers of their own, it is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import NEVER, Span
from pynat.rules import ethernet as rules
from pynat.wire import arp, dhcp, ethernet
from pynat.wire.arp import Arp
from pynat.wire.udp import Udp

MAX_QUESTIONS = 64
MAX_CARDS = 64
AT_ONCE = 0.005  # seconds behind the answer
APART = 0.5  # seconds between two questions of a stack that waits for answers
_SERVER, _CLIENT = 67, 68
_ASKED_BY = {dhcp.OFFER: dhcp.DISCOVER, dhcp.ACK: dhcp.ASK}

Key = tuple[str, bytes, bytes]  # protocol, card, what is asked


@dataclass(slots=True)
class _Question:
    sent: Span
    before: Span = NEVER  # when it was sent the time before
    answered: Span | None = None  # since


class HeldChecker:
    def __init__(self) -> None:
        self._questions = Bounded[Key, _Question](MAX_QUESTIONS)
        self._seen = Bounded[bytes, set[str]](MAX_CARDS)  # protocols in which it happened, by card

    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        key = _asked(frame)
        return self._asks(key, frame) if key else iter(())

    def _asks(self, key: Key, frame: Frame) -> Iterator[Finding]:
        question, when = self._questions.get(key), frame.when
        if question is None:
            self._questions[key] = _Question(when)
            return
        answered, waits = question.answered, question.sent.least(question.before) >= APART
        question.before, question.sent, question.answered = question.sent, when, None
        protocol, card, _ = key
        seen = self._seen.get(card, set())
        if not waits:
            seen.discard(protocol)
        elif answered and when.follows(answered) and when.most(answered) <= AT_ONCE:
            self._seen[card] = seen
            seen.add(protocol)
            if len(seen) > 1:
                text = f"{ethernet.text(card)} asks again by {protocol}"
                text += f" {when.most(answered) * 1000:.3f} ms behind the answer, as it did by"
                text += f" {' and '.join(sorted(seen - {protocol}))}: the first question seems to"
                text += " have waited in the card until this one was sent"
                yield Finding(rules.HELD, text)

    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        key = _answered(frame) if self._questions else None
        question = self._questions.get(key) if key else None
        if question is not None:
            question.answered = frame.when
        return iter(())


def _asked(frame: Frame) -> Key | None:
    question, datagram = frame.arp, frame.udp
    if question and question.operation == arp.REQUEST and question.sender != question.target:
        return _by_arp(question, question.sender_mac, question.target)
    if datagram and (datagram.source, datagram.destination) == (_CLIENT, _SERVER):
        return _by_dhcp(datagram, {kind: kind for kind in _ASKED_BY.values()})
    return None


def _answered(frame: Frame) -> Key | None:
    reply, datagram = frame.arp, frame.udp
    if reply and reply.operation == arp.REPLY:
        return _by_arp(reply, reply.target_mac, reply.sender)
    if datagram and (datagram.source, datagram.destination) == (_SERVER, _CLIENT):
        return _by_dhcp(datagram, _ASKED_BY)
    return None


def _by_arp(packet: Arp, card: bytes, target: bytes) -> Key | None:
    return ("ARP", card, target) if any(packet.sender) else None


def _by_dhcp(datagram: Udp, kinds: dict[int, int]) -> Key | None:
    try:
        message = dhcp.decode(datagram.payload)
    except Malformed:
        return None
    kind = kinds.get(message.kind)
    return ("DHCP", message.mac, bytes((kind, *message.xid.to_bytes(4, "big")))) if kind else None
