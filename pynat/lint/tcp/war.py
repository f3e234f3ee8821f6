"""Acknowledgements that answer each other, as fast as the network goes."""

from __future__ import annotations

from pynat.lint.span import NEVER, Span
from pynat.lint.tcp.side import Tell
from pynat.rules import tcp_acking as rules

_MANY = 100  # in a row; then it is told again when there are ten times as many
_FAST = 5.0  # seconds in which the first come


class War:
    def __init__(self) -> None:
        self.count = 0  # in a row, with nothing new in between
        self._began = NEVER
        self._next = _MANY

    def answered(self, when: Span, tell: Tell) -> None:
        """The guest has answered acknowledgements with one that says nothing new."""
        self.count += 1
        if self.count == 1:
            self._began, self._next = when, _MANY
        if self.count < self._next:
            return
        took = when.most(self._began)
        if self._next == _MANY and took > _FAST:
            self.count = 0
            return
        self._next *= 10
        text = f"{self.count} acknowledgements without news in {took:.3g} s, each answered by one"
        tell(rules.WAR, text)
