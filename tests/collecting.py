"""What pytest collects of some files: `python -m tests.collecting FILE...` prints it as JSON.

{"tests/wire/test_dns.py::test_reads_a_query": true}   # true: it is run; false: always skipped
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

import pytest


class Collected:
    """A plugin."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items


def is_run(item: pytest.Item) -> bool:
    """No mark skips it, or expects it to fail, whatever the machine is like."""
    marks = [mark for name in ("skip", "skipif", "xfail") for mark in item.iter_markers(name)]
    return all(mark.name != "skip" and mark.args and mark.args[0] is not True for mark in marks)


def collected(arguments: list[str]) -> dict[str, bool]:
    plugin = Collected()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        known = "ignore::pytest.PytestAssertRewriteWarning"  # the checkout has pynat's plugin
        options = ["--collect-only", "-q", "-p", "no:cacheprovider", "-W", known]
        code = pytest.main([*options, *arguments], [plugin])
    if code:
        raise SystemExit(f"pytest ends with {code!r}: {said.getvalue()}")
    return {item.nodeid.partition("[")[0]: is_run(item) for item in plugin.items}


if __name__ == "__main__":
    print(json.dumps(collected(sys.argv[1:])))
