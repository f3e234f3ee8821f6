"""Linux's own stack as the guest: `pynat tap` as a user runs it, sealed off from the world.

The test process and the engine live in a namespace that has only a loopback
(pynat.testing.sealed), the guest in another one, and the TAP device is the only way between them.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.netns.network import OFFLOAD, TapNetwork, why_not

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = why_not()
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("netns")
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"no Linux guest: {missing}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Those of a module that has DEVICES meet each of them as their `network`."""
    devices = getattr(metafunc.module, "DEVICES", None)
    if devices and "network" in metafunc.fixturenames:
        metafunc.parametrize("network", devices.values(), ids=devices, indirect=True)


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TapNetwork]:
    """A configured guest; the tests of a module share it, and its end is looked at."""
    config, linted = getattr(request, "param", ("", True))
    with TapNetwork(tmp_path_factory.mktemp("network"), config, linted=linted) as network:
        yield network
    look_at_the_end(network)


@pytest.fixture
def make_network(tmp_path: Path) -> Iterator[Callable[[str], TapNetwork]]:
    """For one test, with a configuration. With OFFLOAD nobody looks at frames: runs stay whole."""
    with contextlib.ExitStack() as stack:

        def make(config: str) -> TapNetwork:
            looked_at = OFFLOAD not in config
            network = stack.enter_context(
                TapNetwork(tmp_path, config, captured=looked_at, linted=looked_at)
            )
            stack.callback(look_at_the_end, network)
            return network

        yield make


def look_at_the_end(network: TapNetwork) -> None:
    network.end()
    assert network.exit_code == 0, network.log
    assert "engine fault" not in network.log, network.log
    assert "Warning" not in network.log, network.log


@pytest.fixture
def far_host() -> Iterator[str]:
    """An address of the sealed namespace that is not loopback's: for the guest, a host far away."""
    address = "192.0.2.77"
    subprocess.run(("ip", "addr", "add", address, "dev", "lo"), check=True)
    yield address
    subprocess.run(("ip", "addr", "del", f"{address}/32", "dev", "lo"), check=True)
