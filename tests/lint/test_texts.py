"""What is said of a drop: the field, the value seen, the value expected, the section."""

from __future__ import annotations

import re

import pytest

from pynat.rules import BY_CODE, Severity
from tests.lint.examples import EXAMPLES, Example, collect

collect()
SECTION = re.compile(r"\((RFC|IEEE) \d+")


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: f"{one.code}-{one.guest.__name__}")
def test_every_line_names_the_section(one: Example) -> None:
    rule = BY_CODE[one.code]
    said = [line for line in one.run().log if f" {one.code} " in line]
    assert said
    for line in said:
        assert rule.severity is Severity.NOTE or not rule.rfc or SECTION.search(line), line
