"""Probes of an idle connection (RFC 9293 3.8.4)."""

from __future__ import annotations

from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.side import Tell
from pynat.rules import tcp_resending as rules
from pynat.rules.occasions import Occasion

_LEAST_IDLE = 7200.0  # seconds
_SLACK = 0.95
_FEW = 2  # probes


class KeepAlive:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.unanswered = 0
        self._told = False

    def probes(self, when: Span, last: Span, tell: Tell) -> None:
        """last: when either end had sent anything."""
        self._tally[Occasion.KEEP_ALIVE] += 1
        self.unanswered += 1
        idle = when.least(last)
        if self.unanswered == 1 and idle < _LEAST_IDLE * _SLACK and not self._told:
            self._told = True
            text = f"keep-alive after {idle:.1f} s of silence, expected {_LEAST_IDLE:g} s"
            tell(rules.KEEP_ALIVE, f"{text} where the program names no other time")

    def gives_up(self, tell: Tell) -> None:
        """With an RST."""
        if 0 < self.unanswered <= _FEW:
            text = f"reset after {self.unanswered} keep-alives without an answer, expected more"
            tell(rules.SHORT_KEEP_ALIVE, text)
