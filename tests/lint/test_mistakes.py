"""Of each mistake the linter finds the rule that names it, and what is declared to follow."""

from __future__ import annotations

import pytest

from tests.lint.mistakes import TABLE, Found, all_found, text


@pytest.fixture(scope="module")
def found() -> list[Found]:
    return all_found()


def test_a_mistake_has_one_cause(found: list[Found]) -> None:
    assert [str(one) for one in found if len(one.roots) != 1] == []


def test_it_is_the_rule_or_what_the_rule_follows_from(found: list[Found]) -> None:
    other = [one for one in found if one.roots != (one.code,)]
    follow = [one for one in other if (one.code, *one.roots) in one.follow]
    assert [str(one) for one in other if one not in follow] == []


def test_the_table_is_up_to_date(found: list[Found]) -> None:
    assert TABLE.read_text() == text(found), "run scripts/make-mistakes, and read what has changed"
