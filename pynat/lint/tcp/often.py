"""What is said once of a connection, and what only when it has happened several times."""

from __future__ import annotations

from pynat.lint.tcp.side import Tell
from pynat.rules import Rule


class Often:
    def __init__(self) -> None:
        self._told: set[str] = set()
        self._counts: dict[str, int] = {}

    def once(self, rule: Rule, text: str, tell: Tell) -> None:
        if rule.code not in self._told:
            self._told.add(rule.code)
            tell(rule, text)

    def tell(self, rule: Rule, times: int, text: str, tell: Tell) -> None:
        """When it has happened so often, once."""
        count = self._counts[rule.code] = self._counts.get(rule.code, 0) + 1
        if count >= times:
            self.once(rule, text, tell)

    def forget(self, rule: Rule) -> None:
        self._counts.pop(rule.code, None)
