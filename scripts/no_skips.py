"""pytest plugin for CI: a skipped test is a failure, for nobody reads what was left out.

Except for what programs of this machine cannot do (tests/limits.py); of these it tells how many.
"""

from __future__ import annotations

import pytest

from tests.limits import REASONS

_skipped: list[str] = []
_limited: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        (_limited if _reason(report) in REASONS else _skipped).append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


def _reason(report: pytest.TestReport) -> str:
    assert isinstance(report.longrepr, tuple)
    return report.longrepr[2].removeprefix("Skipped: ")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _limited:
        terminalreporter.write_line(f"CI: {len(_limited)} skipped tests cannot run here")
    if _skipped:
        terminalreporter.write_line(f"CI: {len(_skipped)} skipped tests count as failures")
