"""Results of tests in GitHub's Markdown, for the summary of a workflow's step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pynat.report.merge import Result, counted

_MARKS = set("\\|`*[]<>~&\n")
MOST_ROWS = 200  # GitHub takes 1 MiB of a step


def summary(results: Sequence[Result]) -> str:
    """The tests, the bad ones first, and what the linter has found in all of them."""
    bad = sum(one.is_bad for one in results)
    head = f"## {len(results)} tests, {bad} failed"
    return "\n".join([head, "", *_tests(results), "", *_findings(results), ""])


def _tests(results: Sequence[Result]) -> Iterator[str]:
    yield _row("test", "outcome", "seed", "guest time", "findings")
    yield "|---|---|---|---|---|"
    for one in results[:MOST_ROWS]:
        name = "<br>".join(_text(text) for text in (one.test, one.reason) if text)
        time = "" if one.guest_seconds is None else f"{one.guest_seconds:.3f} s"
        found = ", ".join(f"{_text(code)} {count}" for code, count in one.findings.items())
        seed = "" if one.seed is None else str(one.seed)
        yield _row(name, _text(one.outcome), seed, time, found)
    if len(results) > MOST_ROWS:
        yield f"\nand {len(results) - MOST_ROWS} more in report.html"


def _findings(results: Sequence[Result]) -> Iterator[str]:
    rules = counted(results)
    if not rules:
        yield "The linter has nothing to say."
        return
    yield _row("code", "severity", "what", "count")
    yield "|---|---|---|---|"
    for rule, count in rules.items():
        yield _row(rule.code, rule.severity.value, _text(rule.name), str(count))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Nothing of it is markup."""
    return "".join(f"&#{ord(one)};" if one in _MARKS else one for one in text)
