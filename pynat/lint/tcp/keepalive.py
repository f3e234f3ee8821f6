"""Probes of an idle connection (RFC 9293 3.8.4)."""

from __future__ import annotations

from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.often import Often
from pynat.lint.tcp.side import Tell
from pynat.rules import tcp_resending as rules
from pynat.rules.occasions import Occasion

_LEAST_IDLE = 7200.0  # seconds
_SLACK = 0.95
_FEW = 2  # probes
_QUIET = 10.0  # seconds in which neither end has said anything
_TIMES = 3


class KeepAlive:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._unanswered = 0
        self._at = NEVER  # when the last one was sent
        self._told = False

    def probes(self, when: Span, last: Span, heard: Span, tell: Tell) -> None:
        """last: when the guest had sent anything. heard: when the other end had."""
        self._tally[Occasion.KEEP_ALIVE] += 1
        first = heard >= self._at
        self._unanswered = 1 if first else self._unanswered + 1
        self._at = when
        idle = when.least(max(last, heard))
        if first and idle < _LEAST_IDLE * _SLACK and not self._told:
            self._told = True
            text = f"keep-alive after {idle:.1f} s of silence, expected {_LEAST_IDLE:g} s"
            tell(rules.KEEP_ALIVE, f"{text} where the program names no other time")

    def waits(self, heard: Span) -> bool:
        return heard < self._at

    def gives_up(self, heard: Span, tell: Tell) -> None:
        """With an RST."""
        if self.waits(heard) and 0 < self._unanswered <= _FEW:
            text = f"reset after {self._unanswered} keep-alives without an answer, expected more"
            tell(rules.SHORT_KEEP_ALIVE, text)


class Unasked:
    """Segments of an idle guest that say nothing new and ask for no answer."""

    def __init__(self) -> None:
        self._number = 0  # of what was sent
        self._count = 0  # in a row

    def says_nothing(self, number: int, last: Span, when: Span, often: Often, tell: Tell) -> None:
        """last: when the guest had sent anything; nothing has come since."""
        idle = when.least(last)
        if idle < _QUIET:
            return
        self._count = self._count + 1 if number == self._number else 1
        self._number = number
        if self._count == _TIMES:
            text = f"nothing new, at {number}, after {idle:.1f} s of silence, the {_TIMES}rd time"
            text = f"{text}; nobody answers that, expected a keep-alive at {number - 1}"
            often.once(rules.ASKS_NOTHING, text, tell)
