"""A mutation test of the linter: right traffic, spoilt in the way that one rule names.

The guests of tests/lint/examples are such mutants. What is found of each, in all, is kept in
mistakes.txt: the rule itself, and what is declared to follow from it. Anything else would be a
false alarm, or a consequence that nobody has declared. `scripts/make-mistakes` writes the table
anew.

Two notes are left out, for these guests are short and begin in the middle: that the router was not
asked for by ARP, and that the address was not announced. So are limits and faults of the network.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.lint.examples import EXAMPLES, Example, collect

TABLE = Path(__file__).with_suffix(".txt")
BEGIN_IN_THE_MIDDLE = {"ARP020", "ARP028"}


class Found(NamedTuple):
    code: str  # of the rule that the guest is to break
    guest: str
    roots: tuple[str, ...]
    follow: tuple[tuple[str, str], ...]  # with their causes

    def __str__(self) -> str:
        because = [f"{code} because of {cause}" for code, cause in self.follow]
        return f"{self.code} {self.guest}: {', '.join([*self.roots, *because])}"


def of(one: Example) -> Found:
    records = [
        record for record in one.run().router.notices.verdict if _counts(record.rule.code, one)
    ]
    roots = sorted(record.rule.code for record in records if record.count)
    follow = {(record.rule.code, code) for record in records for code in record.because}
    return Found(one.code, one.guest.__name__, tuple(roots), tuple(sorted(follow)))


def _counts(code: str, one: Example) -> bool:
    return not code.startswith("NET") and (code == one.code or code not in BEGIN_IN_THE_MIDDLE)


def all_found() -> list[Found]:
    collect()
    return sorted([of(one) for one in EXAMPLES])


def text(found: list[Found]) -> str:
    return "".join(f"{one}\n" for one in found)


def main() -> None:
    TABLE.write_text(text(all_found()))


if __name__ == "__main__":
    main()
