from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from textwrap import dedent

import pytest

from tests.bochs.machines import HANG
from tests.cli.test_run_options import floppy

Suite = Callable[..., pytest.RunResult]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    """Runs a file of tests over a boot sector, `floppy.img`."""

    def run(tests: str, code: bytes = b"", *options: str, apart: bool = False) -> pytest.RunResult:
        floppy(pytester.path, code + HANG)
        pytester.makepyfile(f"import pytest\nGUEST = {{'floppy': 'floppy.img'}}\n{dedent(tests)}")
        start = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return start("-p", "no:cacheprovider", *options)

    return run


@pytest.fixture
def artifacts(pytester: pytest.Pytester) -> Path:
    return pytester.path / "out"


def assert_outcomes(result: pytest.RunResult, **wanted: int) -> None:
    assert {what: n for what, n in result.parseoutcomes().items() if what != "warnings"} == wanted


def assert_lines(result: pytest.RunResult, *patterns: str) -> None:
    """Those lines, in this order, with others between them."""
    rest = iter([*result.errlines, *result.outlines])
    for pattern in patterns:
        assert any(fnmatchcase(line, pattern) for line in rest), f"no line {pattern!r}"
