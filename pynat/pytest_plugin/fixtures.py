"""The fixtures. Their docstrings are the reference in docs/pytest.md."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pynat.pytest_plugin.live import teller
from pynat.pytest_plugin.seeds import is_over_seeds, skip_behind_a_bad_one
from pynat.pytest_plugin.stories import CURRENT

if TYPE_CHECKING:
    from pynat.testing.kit import Guest, Observed, TapGuest, VirtualGuest
    from pynat.testing.virtual import Guest as Stack

Keywords = dict[str, Any]
_IMAGES = ("kernel", "cdrom", "disk", "floppy", "bochsrc")


class Booter:
    """`boot(kernel="kernel.elf")` is a guest that runs until the fixture's scope ends."""

    def __init__(
        self, request: pytest.FixtureRequest, folder: Path, seed: int | None, usual: Keywords
    ) -> None:
        self.pynat_guests: list[Observed] = []
        self._request = request
        self._folder = folder
        self._seed = seed
        self._usual = usual
        self.ending = contextlib.ExitStack()

    def __call__(self, **keywords: Any) -> Guest:
        __tracebackhide__ = True
        from pynat.bochs import BochsError
        from pynat.errors import ConfigError
        from pynat.testing.guests import GuestUnavailable
        from pynat.testing.kit import BootFailed, BootOptions, Guest

        try:
            options = BootOptions.of(self.seeded(_joined(self._usual, keywords)))
        except ValueError as error:
            raise error.with_traceback(None) from None
        tell = teller(self._request.config, self._request.node.name)
        guest = Guest(options, self.new_folder(), tell=tell)
        self.add(guest)
        try:
            return self.ending.enter_context(guest)
        except (BochsError, BootFailed, ConfigError, GuestUnavailable) as error:
            raise error.with_traceback(None) from None  # the text says all that there is

    def seeded(self, said: Keywords) -> Keywords:
        """With the seed of the command line or the marker, which stands above all."""
        return said if self._seed is None else {**said, "seed": self._seed}

    def new_folder(self) -> Path:
        return self._folder / str(len(self.pynat_guests) + 1)

    def add(self, guest: Observed) -> None:
        self.pynat_guests.append(guest)
        self._request.config.stash[CURRENT].add(guest)


def _joined(usual: Keywords, keywords: Keywords) -> Keywords:
    """An image that is named takes the place of the usual one."""
    if any(name in keywords for name in _IMAGES):
        usual = {key: value for key, value in usual.items() if key not in (*_IMAGES, "append")}
    return {**usual, **keywords}


def _booter(
    request: pytest.FixtureRequest,
    factory: pytest.TempPathFactory,
    seed: int | None,
    usual: Keywords,
) -> Iterator[Booter]:
    for marker in reversed(list(request.node.iter_markers("pynat"))):
        if marker.args:
            told = f"pynat({', '.join(map(repr, marker.args))})"
            pytest.fail(f"{told}: expected keywords, as in pynat(nic='e1000')", pytrace=False)
        usual = _joined(usual, marker.kwargs)
    booter = Booter(request, factory.mktemp("pynat"), seed, usual)
    with booter.ending:
        yield booter


@pytest.fixture(scope="session")
def pynat_options() -> Keywords:
    """Keywords for every guest. Define a fixture of this name in `conftest.py` or in a test file:
    `return {"kernel": "kernel.elf"}`. What `@pytest.mark.pynat(...)` says stands above it, and
    what `boot(...)` says above that."""
    return {}


@pytest.fixture
def pynat_seed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> int | None:
    """The seed that `--pynat-seed` or `@pytest.mark.pynat_seeds(n)` gives to this test's guests."""
    if is_over_seeds(request.node):
        skip_behind_a_bad_one(request.node, tmp_path_factory)
    seed: int | None = getattr(request, "param", request.config.getoption("pynat_seed"))
    request.config.stash[CURRENT].seed = seed
    return seed


@pytest.fixture
def boot(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pynat_options: Keywords,
    pynat_seed: int | None,
) -> Iterator[Booter]:
    """Boots guests: `boot(kernel="kernel.elf", nic="ne2k-pci", impair=["to-guest loss 2%"])`.

    It takes the keywords below, and gives a guest as soon as its network is there. All of them
    are ended with the test."""
    yield from _booter(request, tmp_path_factory, pynat_seed, pynat_options)


@pytest.fixture
def guest(request: pytest.FixtureRequest, boot: Booter) -> Guest:
    """A guest with the keywords of `pynat_options` and of `@pytest.mark.pynat(...)`.

    With `@pytest.mark.parametrize("guest", [{"nic": "e1000"}, {"nic": "ne2k-pci"}], indirect=True)`
    the test runs once with each of these."""
    return boot(**getattr(request, "param", {}))


@pytest.fixture(scope="module")
def module_boot(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pynat_options: Keywords,
) -> Iterator[Booter]:
    """As `boot`; its guests run until the last test of the file."""
    seed = request.config.getoption("pynat_seed")
    yield from _booter(request, tmp_path_factory, seed, pynat_options)


@pytest.fixture(scope="module")
def module_guest(request: pytest.FixtureRequest, module_boot: Booter) -> Guest:
    """As `guest`, one for all tests of the file; it has the keywords of a `pytestmark`."""
    return module_boot(**getattr(request, "param", {}))


@pytest.fixture(scope="session")
def session_boot(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pynat_options: Keywords,
) -> Iterator[Booter]:
    """As `boot`; its guests run until the last test of all (of one worker, with pytest-xdist)."""
    seed = request.config.getoption("pynat_seed")
    yield from _booter(request, tmp_path_factory, seed, pynat_options)


@pytest.fixture(scope="session")
def session_guest(request: pytest.FixtureRequest, session_boot: Booter) -> Guest:
    """As `guest`, one for all tests."""
    return session_boot(**getattr(request, "param", {}))


@pytest.fixture
def pynat_tap(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pynat_seed: int | None,
) -> Iterator[Callable[..., TapGuest]]:
    """Linux's own stack as the guest, in a network namespace; needs root.

    `tap = pynat_tap(impair=["loss 2%"])` takes keys of a configuration. Then
    `tap.run("ping", "-c", "1", "192.168.16.1")` runs a program as the guest's. All that looks at
    the wire (`tap.frames`, `tap.lint`), goes into the guest (`tap.connect`, `tap.udp`) or changes
    its network is as with a guest in Bochs."""
    from pynat.testing.kit import TapGuest

    booter = Booter(request, tmp_path_factory.mktemp("pynat"), pynat_seed, {})

    def make(*, configure: bool = True, **tables: Any) -> TapGuest:
        folder = booter.new_folder()
        tap = TapGuest(folder, booter.seeded(tables), configure=configure)
        booter.add(tap)
        return booter.ending.enter_context(tap)

    with booter.ending:
        yield make


@pytest.fixture
def pynat_virtual(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pynat_seed: int | None,
) -> Iterator[Callable[..., VirtualGuest]]:
    """A stack in Python, or in a program, as the guest, in virtual time: a minute takes no time.

    `guest = pynat_virtual(stack, impair=["loss 2%"])` takes a sans-IO stack
    (`pynat.testing.virtual.Guest`), or the words of a command, and keys of a configuration;
    `guest.run(seconds=60)` lets time go on. The wire, the ways into the guest and its network are
    as with a guest in Bochs."""
    from pynat.testing.kit import VirtualGuest

    booter = Booter(request, tmp_path_factory.mktemp("pynat"), pynat_seed, {})

    def make(stack: Stack | Sequence[str], **tables: Any) -> VirtualGuest:
        guest = VirtualGuest(stack, booter.new_folder(), booter.seeded(tables))
        booter.add(guest)
        return booter.ending.enter_context(guest)

    with booter.ending:
        yield make
