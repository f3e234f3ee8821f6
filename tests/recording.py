"""What the engine sent and said in every test of it, as one hash a test: to compare two commits.

    pytest -p tests.recording --record before.txt tests/nat tests/router ...
    pytest -p tests.recording --record after.txt tests/nat tests/router ...
    diff before.txt after.txt

A change that is to alter nothing of what a guest or a user sees alters no line. Hypothesis draws
the same examples each time. Tests that run threads or processes are not alike in two runs; record
the same commit twice to see which.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pynat.lint.linter import Linter
from pynat.testing.lab import Lab
from pynat.testing.virtual import VirtualLink

settings.register_profile("recorded", derandomize=True, database=None)
OPTION = "--record"
# What is another in each run, or in each version of a file: paths, lines in tracebacks, addresses.
LIKELY = re.compile(r"/[\w./-]{4,}|line \d+|0x[0-9a-f]{9,}|\^+")


class Recorder:
    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.seen = 0

    def add(self, *what: object) -> None:
        self.seen += 1
        self.hash.update(LIKELY.sub("", repr(what)).encode(errors="backslashreplace"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=Path, help="a file for a line for each test")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LINES] = []


LINES = pytest.StashKey[list[str]]()


@pytest.fixture(autouse=True)
def recorded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.load_profile("recorded")
    recorder = Recorder()

    def after(owner: type, name: str) -> None:
        """Record what the method was given, and what it returned."""
        method: Callable[..., Any] = getattr(owner, name)

        def wrapper(self: object, *given: object) -> object:
            result = method(self, *given)
            recorder.add(name, given, result)
            return result

        monkeypatch.setattr(owner, name, wrapper)

    after(Lab, "to_guest")
    after(Lab, "from_guest")
    after(Lab, "_write")
    after(VirtualLink, "send")
    after(VirtualLink, "log")
    after(Linter, "from_guest")
    after(Linter, "to_guest")
    yield
    if recorder.seen:
        line = f"{recorder.hash.hexdigest()[:16]} {recorder.seen:6} {request.node.nodeid}"
        request.config.stash[LINES].append(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    lines = session.config.stash[LINES]
    lines.sort(key=lambda line: line.split(maxsplit=2)[2])
    session.config.getoption(OPTION).write_text("\n".join([*lines, ""]))
