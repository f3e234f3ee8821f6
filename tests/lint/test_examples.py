"""Every rule is committed by one small guest and not by another, and has its page."""

from __future__ import annotations

import re
from functools import cache

import pytest

from pynat.rules import BY_CODE, RULES, Severity
from pynat.rules.standards import PROBLEMS
from tests.lint.examples import CLEAN, EXAMPLES, Example, collect
from tests.lint.pages import LINT, PAGES, lint_page, pages
from tests.test_rules import OF_THE_LINTER

collect()

# Rules that no guest can be made to show: what of the network's own is behind them.
EXEMPT = {
    rule.code: "a limit or setting of the network, or trouble of the host"
    for rule in RULES
    if rule.code.startswith("NET")
}

SECTION = re.compile(r"\((RFC|IEEE) \d+")
OF_THE_CARD = {"ETH026"}  # no frame shows it: tests/link/test_card.py


def name(one: Example) -> str:
    return f"{one.code}-{one.guest.__name__}"


@pytest.mark.parametrize("one", EXAMPLES, ids=name)
def test_who_commits_it_is_told(one: Example) -> None:
    """Each line names the section, and the rule had its chance."""
    lab, rule = one.run(), BY_CODE[one.code]
    assert one.code in lab.found, lab.trace()
    said = [line for line in lab.log if f" {one.code} " in line]
    assert said
    for line in said:
        assert rule.severity is Severity.NOTE or not rule.rfc or SECTION.search(line), line
    assert lab.linter.tally.so_far()[rule.exercised] > 0


@cache
def has_it_and_chances(one: Example) -> tuple[bool, int]:
    lab, rule = one.run(), BY_CODE[one.code]
    return one.code in lab.found, lab.linter.tally.so_far()[rule.exercised]


@pytest.mark.parametrize("one", CLEAN, ids=name)
def test_who_does_not_is_not(one: Example) -> None:
    has_it, _ = has_it_and_chances(one)
    assert not has_it, one.run().trace()


@pytest.mark.parametrize("code", sorted({one.code for one in CLEAN}))
def test_who_does_not_had_the_chance(code: str) -> None:
    """Without one there is no pass."""
    guests = [one for one in CLEAN if one.code == code]
    assert any(chances for _, chances in map(has_it_and_chances, guests))


def test_every_rule_has_an_example() -> None:
    assert BY_CODE.keys() - EXEMPT - OF_THE_CARD - {one.code for one in EXAMPLES} == set()


def test_every_rule_of_the_linter_has_a_clean_guest() -> None:
    """One that comes near it. A reason for dropping has all other tests for that."""
    assert OF_THE_LINTER - {one.code for one in CLEAN} == set()


def test_the_pages_are_up_to_date() -> None:
    wanted = pages()
    found = {path.name: path.read_text() for path in PAGES.glob("*.md")}
    stale = {name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)}
    assert not stale, "run scripts/make-rule-pages"


def test_so_are_the_tables_of_what_others_ask() -> None:
    text = LINT.read_text()
    assert lint_page(text) == text, "run scripts/make-rule-pages"


def test_all_problems_of_rfc_2525_have_a_rule() -> None:
    assert [one.name for one in PROBLEMS] == [f"2.{number}" for number in range(1, 19)]
    assert all(one.rules for one in PROBLEMS)
