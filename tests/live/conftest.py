"""Guests in stock Bochs, in a network namespace from which nothing can leave.

PYNAT_TEST_ETHMOD names another back end of Bochs, to tell a fault of the network from one of
the tests. What a test leaves behind is under build/artifacts/<test>/.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs, find_bochs
from pynat.testing.sealed import RESOLVER
from pynat.testing.servers import DnsStub, HttpServer
from tests.linting import unexplained_in
from tests.live.network import ARTIFACTS

RECORDS = {"quick.test": "10.9.8.7", "late.test": "10.9.8.6"}
DELAYS = {"late.test": 0.3}


@pytest.fixture(autouse=True)
def findings_are_explained(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the linter has against a guest's stack stands in docs/lint.md, of this one.

    Which one that is, a test or its module says: `stack("iPXE")`, or `linux`.
    """
    names = {"artifacts", "module_artifacts"} & set(request.fixturenames)
    if request.node.get_closest_marker("mistakes"):
        names = set()
    folders = [request.getfixturevalue(name) for name in names]
    stacks = stacks_of(request.node)
    assert stacks or not folders, "say whose stack it is: @pytest.mark.stack(...)"
    yield
    lines = [line for folder in folders for line in unexplained_in(folder, *stacks)]
    assert not lines, "\n".join(lines)


def stacks_of(test: pytest.Item) -> list[str]:
    marker = test.get_closest_marker("stack")
    named = list(marker.args) if marker else []
    return named + ["Linux"] * (test.get_closest_marker("linux") is not None)


def _folder(name: str) -> Path:
    folder = ARTIFACTS / re.sub(r"[^\w.-]+", "-", name).strip("-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def artifacts(request: pytest.FixtureRequest) -> Path:
    return _folder(f"{request.path.stem}-{request.node.name}")


@pytest.fixture(scope="module")
def module_artifacts(request: pytest.FixtureRequest) -> Path:
    """Of this test process: another one may run other tests of the module."""
    return _folder(f"{request.path.stem}-{os.environ.get('PYTEST_XDIST_WORKER', '')}")


@pytest.fixture(scope="session")
def bochs() -> Bochs:
    return find_bochs()


@pytest.fixture(scope="module")
def web() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


@pytest.fixture(scope="module")
def dns() -> Iterator[DnsStub]:
    """The resolver that the sealed /etc/resolv.conf names."""
    with DnsStub(RECORDS, DELAYS, address=RESOLVER, port=53) as server:
        yield server
