"""`impair add`, `list`, `remove`, `clear`: the rules of a bad wire, while the network runs."""

from __future__ import annotations

from pynat.control.protocol import Answer, Refused
from pynat.impair.active_rule import ActiveRule
from pynat.impair.rule import BadRule
from pynat.link.impair import ImpairLink


class ImpairCommands:
    def __init__(self, link: ImpairLink) -> None:
        self._link = link

    def add(self, rule: object) -> Answer:
        try:
            number = self._link.add(str(rule))
        except BadRule as error:
            raise Refused(f"{rule!r}: {error}") from None
        return self._answer([one for one in self._link.rules if one.number == number])

    def all(self) -> Answer:
        return self._answer(self._link.rules)

    def remove(self, number: object) -> Answer:
        for rule in self._link.rules:
            if type(number) is int and rule.number == number:
                self._link.remove(number)
                return self._answer([rule])
        raise Refused(f"no rule {number!r}; impair list tells those that there are")

    def clear(self) -> Answer:
        rules = self._link.rules
        self._link.clear()
        return self._answer(rules)

    def _answer(self, rules: list[ActiveRule]) -> Answer:
        return {"seed": self._link.seed, "rules": [_row(rule) for rule in rules]}


def _row(rule: ActiveRule) -> Answer:
    return {
        "number": rule.number,
        "rule": str(rule.rule),
        "treated": rule.treated,
        "lost": rule.lost,
    }
