"""A driver that is one frame behind: what came is handled when the next frame comes.

A ping, or a request by ARP, comes; nothing happens for a while; another frame comes, and at once
the answer to the first one is there. That is a sample. A guest that is only slow answers after a
time of its own, so among the samples have to be long waits and short ones; and one answer that
comes before the next frame shows that the driver is right, for good.

Only answers that can be told apart count: pings by identifier and sequence number, requests by ARP
where none is unanswered. From a question to the next frame everything is looked at (`watches`).
A driver that looks again after a while answers late, but before the next frame: that settles
nothing, and from then on data of TCP count, too: each is a question, and the acknowledgement of all
up to its end is the answer.

A driver that takes one frame for each interrupt falls back by one each time that two come at once.
Its answers, too, come at once behind another frame, after a silence; but which one, and how long
after the question, is different each time. So that it was once in time says nothing.

On a busy wire the next frame soon comes, so it takes more samples there, in a row. A guest that
polls its card answers after a frame that its own, of the same moment, has brought about; so it must
have sent nothing in between, but for what it sends at once when the question comes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.side import SPACE
from pynat.rules import ethernet as rules
from pynat.wire import arp, icmp

MAX_CARDS = 64
MAX_QUESTIONS = 16
QUIET = 0.15  # seconds at least between two frames to the guest
AT_ONCE = 0.2  # of this time, from the second of them to the answer
BUSY = 0.002  # the same, where it takes MANY samples
MANY = 8
CLOSE = 0.0003  # seconds, between segments of TCP
SEGMENTS = 16  # in a row, which need not be apart: the card was slow when nothing else came
IN_QUEUE = 6  # samples in a row of a driver that falls back ...
DEEP = 2  # ... with more than one frame in between in so many of them
BEHIND = 0.05  # of the silence before the other frame, from that to the answer
SAMPLES = 4  # in a row, of which the longest is `APART` times the shortest
APART = 2.0
PATIENCE = 5.0  # seconds for which the next frame is looked for

# Who is asked, who asks; of a ping identifier and number, of a segment ports and end.
Key = tuple[bytes, bytes, int, int]


@dataclass(slots=True)
class _Question:
    when: Span
    heard: Span | None = None  # when the guest last sent anything else, before that
    next: Span | None = None  # when another frame came
    last: Span | None = None  # when the last one did
    silence: float = 0.0  # seconds before that, from and to the guest
    frames: int = 0  # that came
    is_sure: bool = True  # nobody has asked twice


@dataclass(slots=True)
class _Waits:
    """Seconds, of samples. They may be alike for as long as the guest runs."""

    count: int = 0
    shortest: float = math.inf
    longest: float = 0.0

    def add(self, wait: float) -> None:
        self.count += 1
        self.shortest, self.longest = min(self.shortest, wait), max(self.longest, wait)

    def are_enough(self, count: int) -> bool:
        return self.count >= count and self.longest >= APART * self.shortest


@dataclass(slots=True)
class _Card:
    is_settled: bool = False  # all is said
    is_right: bool = False  # it is not one frame behind
    is_slow: bool = False  # it has answered late, and before the next frame
    segments: int = 0  # acknowledged behind the next frame, in a row
    in_time: int = 0  # answers before the next frame, in a row
    questions: Bounded[Key, _Question] = field(default_factory=lambda: Bounded(MAX_QUESTIONS))
    waits: _Waits = field(default_factory=_Waits)
    short: _Waits = field(default_factory=_Waits)  # on a busy wire, in a row
    queue: _Waits = field(default_factory=_Waits)  # behind any frame, in a row
    deep: int = 0  # of these, with more than one frame in between
    last: Span = NEVER  # when a frame was there, from or to the guest

    def comes(self, when: Span) -> None:
        for question in self.questions.values():
            question.next = question.next or when
            question.last, question.silence = when, when.least(self.last)
            question.frames += 1
        self.last = when

    def is_heard(self, when: Span) -> None:
        self.last = when
        for question in self.questions.values():
            if question.next is None:
                question.heard = when

    @property
    def is_behind(self) -> bool:
        few, many = self.waits.are_enough(SAMPLES), self.short.are_enough(MANY)
        return few or many or self.segments == SEGMENTS

    def is_in_time(self) -> None:
        self.waits, self.short, self.segments = _Waits(), _Waits(), 0
        self.queue, self.deep = _Waits(), 0
        self.in_time += 1
        self.is_right |= not self.is_slow
        if self.in_time == MANY:
            self.settle()

    def settle(self) -> None:
        self.is_settled = self.is_right = True
        self.questions.clear()


class LaggingChecker:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.watches = False  # a question has come, and nothing since; or a card is slow
        self.is_slow = False  # one is, and not all is said of it
        self._cards = Bounded[bytes, _Card](MAX_CARDS)  # by MAC address

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        cards = [card for card in self._reached(frame.destination) if not card.is_settled]
        asked = _asks(frame) if cards else None
        if asked is not None:
            for card in cards:
                if frame.tcp is None or (card.is_slow and not card.is_right):
                    self.watches = True
                    self._is_asked(card, asked, frame.when)
        return iter(())

    def comes(self, frame: Frame) -> None:
        """Whatever it is, after a question."""
        for card in self._reached(frame.destination):
            card.comes(frame.when)
        self._watch(frame.when)

    def _watch(self, when: Span) -> None:
        cards = self._cards.values()
        self.is_slow = any(card.is_slow and not card.is_right for card in cards)
        self.watches = self.is_slow or any(
            when.least(question.when) < PATIENCE
            for card in cards
            for question in card.questions.values()
        )

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
            card.questions[asked] = _Question(when)
        card.last = when

    # ------------------------------------------------------------------ from the guest
    def is_heard(self, frame: Frame) -> None:
        """Of whatever it is, after a question."""
        card = self._cards.get(frame.source)
        if card is not None and _answers(frame) not in card.questions:
            card.is_heard(frame.when)

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
        if question.next is None:
            card.is_slow |= frame.when.least(question.when) >= QUIET
            card.is_in_time()
            self._watch(frame.when)
            return
        if frame.tcp is None and question.last is not None and question.silence >= QUIET:
            yield from self._falls_back(card, question, question.last, frame)
        if card.is_right:
            return
        wait, late = question.next.least(question.when), frame.when.most(question.next)
        is_behind = late <= wait * AT_ONCE and frame.when.follows(question.next)
        heard = question.heard
        if wait < (CLOSE if frame.tcp else BUSY) or (
            heard and heard.most(question.when) > wait * AT_ONCE
        ):
            return
        if not is_behind:
            card.short, card.segments = _Waits(), 0
            return
        card.in_time = 0
        if frame.tcp:
            card.segments += 1
        else:
            card.short.add(wait)
            if wait >= QUIET:
                card.waits.add(wait)
        if card.is_behind:
            card.settle()
            times = max(card.waits.count, card.short.count, card.segments)
            text = f"{frame.arp or frame.ip} answers what came {wait + late:.3f} s before, and"
            text += f" {late:.3f} s after another frame: the {times}th such answer"
            none = "none came before another frame" if not card.is_slow else "no other came sooner"
            yield Finding(rules.LAGS, f"{text}, and {none}")

    def _falls_back(
        self, card: _Card, question: _Question, last: Span, frame: Frame
    ) -> Iterator[Finding]:
        late = frame.when.most(last)
        if late > question.silence * BEHIND or not frame.when.follows(last):
            card.queue, card.deep = _Waits(), 0
            return
        card.queue.add(ago := frame.when.least(question.when))
        card.deep += question.frames > 1
        if card.deep >= DEEP and card.queue.are_enough(IN_QUEUE):
            card.settle()
            text = f"{frame.arp or frame.ip} answers what came {ago:.3f} s and {question.frames}"
            text += f" frames before, and {late:.3f} s after another frame: the {IN_QUEUE}th such"
            text += " answer in a row, each after another time: is one frame taken for each"
            yield Finding(rules.LAGS, f"{text} interrupt?")


def _asks(frame: Frame) -> Key | None:
    packet, message, question, segment = frame.ip, frame.icmp, frame.arp, frame.tcp
    if packet and segment and segment.payload:
        ports = segment.destination << 16 | segment.source
        return packet.destination, packet.source, ports, segment.seq + segment.length & SPACE
    if packet and message and message.type == icmp.ECHO_REQUEST:
        return packet.destination, packet.source, message.ident, message.sequence
    if question and question.operation == arp.REQUEST:
        return question.target, question.sender, -1, -1
    return None


def _answers(frame: Frame) -> Key | None:
    packet, message, reply, segment = frame.ip, frame.icmp, frame.arp, frame.tcp
    if packet and segment:
        ports = segment.source << 16 | segment.destination
        return packet.source, packet.destination, ports, segment.ack
    if packet and message and message.type == icmp.ECHO_REPLY:
        return packet.source, packet.destination, message.ident, message.sequence
    if reply and reply.operation == arp.REPLY:
        return reply.sender, reply.target, -1, -1
    return None
