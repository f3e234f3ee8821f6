"""pynat as it is given away: built out of what git tracks, and installed far from the checkout.

Nothing here needs the network: pip finds what it installs in the folder of `wheelhouse`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging import checkout, wheelhouse
from tests.packaging.builds import Archives, Installation, Offline, build_once, install

SECONDS = 300  # for what a test builds, on a busy machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(SECONDS))
            item.add_marker("packaging")


@pytest.fixture(scope="session")
def tracked() -> checkout.Files:
    """name -> may it be executed?"""
    return checkout.tracked()


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    return Offline(wheelhouse.place(), home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def used_checkout(tracked: checkout.Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which somebody has built, run and tested."""
    folder = tmp_path_factory.mktemp("used") / "pynat"
    checkout.copy(tracked, folder)
    checkout.litter(folder)
    return folder


@pytest.fixture(scope="session")
def archives(used_checkout: Path, offline: Offline) -> Archives:
    """The sdist, and the wheel that was built from the unpacked sdist."""
    return build_once(used_checkout, offline)


@pytest.fixture(scope="session")
def installation(
    archives: Archives, offline: Offline, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Made by the commands of docs/running.md, in a folder where nothing but the wheel is."""
    return install(archives.wheel, tmp_path_factory.mktemp("elsewhere"), offline)
