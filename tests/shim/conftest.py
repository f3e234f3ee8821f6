"""The plugin with a stub as the engine, and how to run it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shim import builds
from tests.shim.fake_bochs import Outcome, run_fake_bochs

Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def stub_plugin() -> Path:
    return builds.stub_plugin(builds.PLAIN)


@pytest.fixture
def run(stub_plugin: Path) -> Run:
    """run(engine's behaviour, script of fake_bochs, ...) -> Outcome."""

    def run(engine: str, script: str = "", **options: object) -> Outcome:
        return run_fake_bochs(stub_plugin, engine, script, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def installed_plugin(stub_plugin: Path, tmp_path: Path) -> Path:
    """The plugin in a package of a tree of its own: tmp_path/shim_stub/plugin/."""
    plugin = tmp_path / "shim_stub" / "plugin" / stub_plugin.name
    plugin.parent.mkdir(parents=True)
    shutil.copy(stub_plugin, plugin)
    return plugin
