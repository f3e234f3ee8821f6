"""What each rule's chance is, and that it is counted: without one there is no pass."""

from __future__ import annotations

import pytest

from pynat.lint.steps import PROTOCOLS
from pynat.rules import BY_CODE, RULES, Rule, Severity
from pynat.rules.occasions import Occasion
from tests.lint.examples import CLEAN, collect
from tests.lint.test_examples import EXEMPT

collect()


def test_the_catalogue_takes_no_rule_that_does_not_say_what_exercises_it() -> None:
    texts = ("TCP999", "tcp nothing", Severity.NOTE, "It is.", "", "It is.", "Let it be.")
    with pytest.raises(TypeError, match="exercised"):
        Rule(*texts)  # type: ignore[call-arg]


def test_only_rules_that_no_guest_can_break_have_no_occasion() -> None:
    assert {rule.code for rule in RULES if rule.exercised is Occasion.NONE} == EXEMPT.keys()


def test_every_occasion_is_the_chance_of_a_rule_or_a_step_of_the_summary() -> None:
    steps = {step.key for steps in PROTOCOLS.values() for step in steps}
    assert set(Occasion) - {rule.exercised for rule in RULES} - steps == set()


@pytest.mark.parametrize("code", sorted({one.code for one in CLEAN}))
def test_who_does_it_right_had_the_chance_too(code: str) -> None:
    labs = [one.run() for one in CLEAN if one.code == code]
    chances = [lab.linter.tally.so_far()[BY_CODE[code].exercised] for lab in labs]
    assert max(chances) > 0
