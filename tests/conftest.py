"""The order in which a test run begins: fetch what it needs, then seal it off, then test.

Both are done here and nowhere else, in one hook, so that the order cannot be another one. A test
whose needs cannot be met is skipped and says why; in CI a skipped test is a failure
(scripts/no_skips.py).

With pytest-xdist each worker seals itself, so ports of one are not those of another. The tests in
tests/live, which boot guests, go to one worker, one after the other; all others go by file to
whoever is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from pynat.testing.sealed import Unsealable, seal
from tests import limits
from tests.both_ways import both_ways  # noqa: F401  (a fixture)
from tests.fuzzing import SEED, again
from tests.leaks import collect_after_module, collect_after_test  # noqa: F401  (fixtures)
from tests.preparing import NEEDS, prepare

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

# How fast an example is, on a busy machine too, is no property of ours.
settings.register_profile(
    "pynat",
    settings.default,
    deadline=None,
    derandomize=not SEED,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("pynat")

SEALED = ("boots", "netns")  # markers of tests that could reach the world otherwise
BOOTING = "tests/live"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("boots") is None)  # the longest first


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("failed", []) if SEED else []:
        terminalreporter.write_line(f"again: {again(report.nodeid)}")


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    wanted = [marker for marker in NEEDS if _marked(session.items, marker)]
    for marker, why in prepare(wanted).items():
        _skip(_marked(session.items, marker), why)
    if (booting := _marked(_marked(session.items, "linux"), "boots")) and limits.LINUX.holds():
        _skip(booting, limits.LINUX.reason)
    _seal([item for marker in SEALED for item in _marked(session.items, marker)])


def _seal(items: list[pytest.Item]) -> None:
    """The whole run: in a network of its own all may be done, pings of an ordinary user too. Those
    that could reach the world do not run otherwise.
    """
    try:
        seal()
    except Unsealable as error:
        _skip(items, f"cannot be sealed off: {error}")


def _marked(items: list[pytest.Item], marker: str) -> list[pytest.Item]:
    return [item for item in items if item.get_closest_marker(marker)]


def _skip(items: list[pytest.Item], why: str) -> None:
    for item in items:
        item.add_marker(pytest.mark.skip(reason=why))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    from xdist.scheduler import LoadFileScheduling

    class BootsOrFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            if "mistakes" in nodeid:
                return nodeid
            return BOOTING if nodeid.startswith(BOOTING) else str(super()._split_scope(nodeid))

    return BootsOrFile(config, log)
