"""Runs of frames reach a device as they are, but while somebody looks at each frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pynat.config import Config
from pynat.link.link import Link
from pynat.log.notices import Notices
from pynat.net.net import Net
from pynat.serve.stack import Stack, seeded, stacked
from tests.link.test_capture import FakeLink


def around(*, lint: bool = False, program: Net | None = None) -> Iterator[Stack]:
    """What is around a device that takes runs, too."""
    card = FakeLink()
    card.send_runs = lambda _items, _busy: 0
    config = seeded(program.configured() if program else Config())
    notices = Notices(card.log)
    with stacked(card, config, notices, lint=lint, program=program) as stack:
        yield stack


@pytest.fixture
def stack() -> Iterator[Stack]:
    yield from around()


def takes_runs(link: Link) -> bool:
    return link.send_runs is not None


def test_where_nobody_looks_the_device_has_them(stack: Stack) -> None:
    assert takes_runs(stack.link)


def test_a_capture_sees_frames_while_it_runs(stack: Stack, tmp_path: Path) -> None:
    stack.capture.start(tmp_path / "x.pcapng")
    assert not takes_runs(stack.link)
    stack.capture.stop()
    assert takes_runs(stack.link)


def test_a_bad_wire_sees_frames_while_it_has_a_rule(stack: Stack) -> None:
    stack.impair.add("loss 1%")
    assert not takes_runs(stack.link)
    stack.impair.clear()
    stack.link.done(0.0, None)
    assert takes_runs(stack.link)


def test_the_linter_sees_frames() -> None:
    for stack in around(lint=True):
        assert not takes_runs(stack.link)


def test_the_hooks_of_a_script_see_frames() -> None:
    for stack in around(program=Net()):
        assert not takes_runs(stack.link)
