"""Acknowledgements that answer each other, as fast as the network goes."""

from __future__ import annotations

from pynat.lint.span import NEVER, Span
from pynat.lint.tcp.side import Tell
from pynat.rules import tcp_acking as rules

_MANY = 100  # in a row; then it is told, and how many there were when it is over
_FAST = 5.0  # seconds in which these come


class War:
    def __init__(self) -> None:
        self._count = 0  # in a row, with nothing new in between
        self._began = self._last = NEVER
        self._over = ""  # what is to be told of one that is

    def answered(self, when: Span, tell: Tell) -> None:
        """The guest has answered acknowledgements with one that says nothing new."""
        self.look_back(tell)
        self._count += 1
        self._last = when
        if self._count == 1:
            self._began = when
        elif self._count == _MANY and when.most(self._began) > _FAST:
            self._count = 0
        elif self._count == _MANY:
            tell(rules.WAR, self._text)

    @property
    def _text(self) -> str:
        took = self._last.most(self._began)
        return f"{self._count} acknowledgements without news in {took:.3g} s, each answered by one"

    def ends(self) -> None:
        """Something new has come, or been said."""
        if self._count > _MANY:
            self._over = f"{self._text}, until it was over"
        self._count = 0

    def look_back(self, tell: Tell) -> None:
        if self._over:
            tell(rules.WAR, self._over)
            self._over = ""
