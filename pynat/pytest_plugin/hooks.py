"""Options and markers, tests over seeds, and what is told and kept of a test that had guests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import NoReturn

import pytest

from pynat.pytest_plugin.seeds import remember
from pynat.pytest_plugin.stories import CURRENT, Story, folder_of, repeat, story

MARKERS = (
    "pynat(**keywords): what `boot` takes, for the guests of a test",
    "pynat_seeds(n): run the test with the seeds 1 to n, up to the first bad one",
)
_FIXTURES = {"boot", "module_boot", "session_boot", "pynat_tap", "pynat_virtual"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pynat", "guests in Bochs behind pynat")
    group.addoption(
        "--pynat-artifacts",
        metavar="DIR",
        help="keep there what a failed test's guests have left, a folder a test",
    )
    group.addoption(
        "--pynat-keep", action="store_true", help="keep it of tests that pass, too (artifacts)"
    )
    group.addoption(
        "--pynat-seed", type=int, metavar="N", help="the seed of every network, instead of others"
    )
    group.addoption(
        "--pynat-live",
        action="store_true",
        help="print what guests say and what the linter finds while tests run",
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("pynat_keep") and config.getoption("pynat_artifacts") is None:
        raise pytest.UsageError("--pynat-keep: where to? Give --pynat-artifacts DIR too")
    config.stash[CURRENT] = Story()


# ---------------------------------------------------------------- over seeds
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("pynat_seeds")
    if marker is None:
        return
    count = marker.args[0] if len(marker.args) == 1 else None
    if not isinstance(count, int) or count < 1:
        told = f"pynat_seeds({', '.join(map(repr, marker.args))})"
        _wrong(metafunc, f"{told}: expected a number of seeds above 0, as in pynat_seeds(20)")
    if "pynat_seed" not in metafunc.fixturenames:
        _wrong(metafunc, "pynat_seeds: it takes no guest of its own, so no seed reaches it")
    asked = metafunc.config.getoption("pynat_seed")
    seeds = range(1, count + 1) if asked is None else [asked]
    metafunc.parametrize("pynat_seed", seeds, indirect=True, ids=[f"seed-{n}" for n in seeds])


def _wrong(metafunc: pytest.Metafunc, why: str) -> NoReturn:
    pytest.fail(f"{metafunc.definition.nodeid}: {why}", pytrace=False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.config.stash[CURRENT] = story(item)


# ---------------------------------------------------------------- the end of a test
@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What a script or a hook within the network raises fails the test, as its own code would."""
    yield
    for guest in story(item).guests:
        if errors := getattr(guest, "errors", ()):
            pytest.fail(f"the network complains: {'; '.join(errors)}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    here = story(item)
    if here.guests and call.when == "teardown":
        _add_properties(item, here)
    report = yield
    if report.failed:
        remember(item)
    if here.guests or _wants_guests(item):
        _follow(item, here, report, call)
    return report


def _wants_guests(item: pytest.Item) -> bool:
    return not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _follow(
    item: pytest.Item, here: Story, report: pytest.TestReport, call: pytest.CallInfo[None]
) -> None:
    if report.failed and here.outcome == "passed":
        here.outcome = "failed" if report.when == "call" else "error"
        here.reason = _one_line(call)
        report.sections += list(_sections(item, here))
    if report.when == "teardown" and (here.guests or here.outcome != "passed"):
        _keep(item, here)


def _one_line(call: pytest.CallInfo[None]) -> str:
    text = call.excinfo.exconly() if call.excinfo is not None else ""
    return text.partition("\n")[0]


def _sections(item: pytest.Item, here: Story) -> Generator[tuple[str, str], None, None]:
    from pynat.testing.kit.evidence import told

    yield "pynat: reason", here.reason
    for number, guest in enumerate(here.guests, 1):
        which = f" of guest {number}" if len(here.guests) > 1 else ""
        for title, text in told(guest):
            yield f"pynat: {title}{which}", text
    yield "pynat: again", repeat(item, _seed(here))
    if (folder := folder_of(item)) is not None:
        yield "pynat: artefacts", str(folder)


def _seed(here: Story) -> int | None:
    """What the test was given, or else what its guest has."""
    if here.seed is not None:
        return here.seed
    return next((getattr(guest, "seed", None) for guest in here.guests), None)


def _findings(here: Story) -> Counter[str]:
    return sum((guest.lint.counts for guest in here.guests), Counter())


def _add_properties(item: pytest.Item, here: Story) -> None:
    """For JUnit files; guests of the test's own have ended."""
    found = _findings(here).items()
    told = {"seed": _seed(here), "findings": " ".join(f"{code}:{n}" for code, n in found)}
    if (folder := folder_of(item)) is not None:
        told["artifacts"] = str(folder)
    item.user_properties += [
        (f"pynat_{key}", value) for key, value in told.items() if value is not None
    ]


def _keep(item: pytest.Item, here: Story) -> None:
    """Its guests have ended, if they were its own."""
    folder = folder_of(item)
    if folder is None:
        return
    from pynat.report.merge import Result
    from pynat.testing.kit.evidence import guest_seconds, keep, write_result

    if here.outcome != "passed" or item.config.getoption("pynat_keep"):
        keep(here.guests, folder)
    seed = _seed(here)
    seconds = guest_seconds(here.guests[0]) if here.guests else None
    result = Result(item.nodeid, here.outcome, here.reason, seed, seconds, dict(_findings(here)))
    write_result(result, repeat(item, seed), folder)
