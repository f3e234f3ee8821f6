"""A driver that is one frame behind: what came is handled when the next frame comes.

A ping, or a request by ARP, comes; nothing happens for a while; another frame comes, and at once
the answer to the first one is there. That is a sample. A guest that is only slow answers after a
time of its own, so among the samples have to be long waits and short ones; and one answer that
comes before the next frame shows that the driver is right, for good.

Only answers that can be told apart count: pings by identifier and sequence number, requests by ARP
where none is unanswered. Segments, and datagrams on the short way, are counted and not seen here: a
question behind which some came is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import ethernet as rules
from pynat.wire import arp, icmp

MAX_CARDS = 64
MAX_QUESTIONS = 16
QUIET = 0.15  # seconds at least between two frames to the guest
AT_ONCE = 0.2  # of this time, from the second of them to the answer
SAMPLES = 4  # in a row, of which the longest is `APART` times the shortest
APART = 2.0

Key = tuple[bytes, bytes, int, int]  # who is asked, who asks; of a ping identifier and number


@dataclass(slots=True)
class _Question:
    when: Span
    unseen: int  # frames to the guest so far that are not seen here
    next: Span | None = None  # when another frame came
    is_sure: bool = True  # nobody has asked twice


@dataclass(slots=True)
class _Card:
    is_settled: bool = False  # all is said
    questions: Bounded[Key, _Question] = field(default_factory=lambda: Bounded(MAX_QUESTIONS))
    waits: list[float] = field(default_factory=list)  # seconds, of samples

    def comes(self, when: Span) -> None:
        for question in self.questions.values():
            question.next = question.next or when

    def settle(self) -> None:
        self.is_settled = True
        self.questions.clear()


class LaggingChecker:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._cards = Bounded[bytes, _Card](MAX_CARDS)  # by MAC address

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        cards = [card for card in self._reached(frame.destination) if not card.is_settled]
        if cards:
            asked = _asks(frame)
            for card in cards:
                card.comes(frame.when)
                if asked is not None:
                    self._is_asked(card, asked, frame.when)
        return iter(())

    def _reached(self, mac: bytes) -> Iterable[_Card]:
        if mac[0] & 1:
            return self._cards.values()
        card = self._cards.get(mac)
        if card is None:
            card = self._cards[mac] = _Card()
        return (card,)

    def _is_asked(self, card: _Card, asked: Key, when: Span) -> None:
        if (before := card.questions.get(asked)) is not None:
            before.is_sure = False
        else:
            card.questions[asked] = _Question(when, self._tally.segments_and_the_like_came)

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        card = self._cards.get(frame.source)
        return self._answers(card, frame) if card and card.questions else iter(())

    def _answers(self, card: _Card, frame: Frame) -> Iterator[Finding]:
        answered = _answers(frame)
        question = card.questions.get(answered) if answered else None
        if answered and question is not None and question.is_sure:
            del card.questions[answered]
            yield from self._answer(card, question, frame)

    def _answer(self, card: _Card, question: _Question, frame: Frame) -> Iterator[Finding]:
        if question.unseen != self._tally.segments_and_the_like_came:
            return
        if question.next is None:
            card.settle()
            return
        wait, late = question.next.least(question.when), frame.when.most(question.next)
        if wait < QUIET or late > wait * AT_ONCE or not frame.when.follows(question.next):
            return
        card.waits.append(wait)
        if len(card.waits) >= SAMPLES and max(card.waits) >= APART * min(card.waits):
            card.settle()
            text = f"{frame.arp or frame.ip} answers what came {wait + late:.3f} s before, and"
            text += f" {late:.3f} s after another frame: the {len(card.waits)}th such answer, and"
            yield Finding(rules.LAGS, f"{text} none came before another frame")


def _asks(frame: Frame) -> Key | None:
    packet, message, question = frame.ip, frame.icmp, frame.arp
    if packet and message and message.type == icmp.ECHO_REQUEST:
        return packet.destination, packet.source, message.ident, message.sequence
    if question and question.operation == arp.REQUEST:
        return question.target, question.sender, -1, -1
    return None


def _answers(frame: Frame) -> Key | None:
    packet, message, reply = frame.ip, frame.icmp, frame.arp
    if packet and message and message.type == icmp.ECHO_REPLY:
        return packet.source, packet.destination, message.ident, message.sequence
    if reply and reply.operation == arp.REPLY:
        return reply.sender, reply.target, -1, -1
    return None
