"""What each rule's chance is. That it is counted tests/lint/test_examples.py shows."""

from __future__ import annotations

import pytest

from pynat.lint.steps import PROTOCOLS
from pynat.rules import RULES, Rule, Severity
from pynat.rules.occasions import Occasion
from tests.lint.test_examples import EXEMPT


def test_the_catalogue_takes_no_rule_that_does_not_say_what_exercises_it() -> None:
    texts = ("TCP999", "tcp nothing", Severity.NOTE, "It is.", "", "It is.", "Let it be.")
    with pytest.raises(TypeError, match="exercised"):
        Rule(*texts)  # type: ignore[call-arg]


def test_only_rules_that_no_guest_can_break_have_no_occasion() -> None:
    assert {rule.code for rule in RULES if rule.exercised is Occasion.NONE} == EXEMPT.keys()


def test_every_occasion_is_the_chance_of_a_rule_or_a_step_of_the_summary() -> None:
    steps = {step.key for steps in PROTOCOLS.values() for step in steps}
    assert set(Occasion) - {rule.exercised for rule in RULES} - steps == set()
