"""When the loop looks for what comes next before it sleeps."""

from __future__ import annotations

import select
import selectors
import socket
from collections.abc import Iterator

import pytest

from pynat import engine_loop
from pynat.engine_loop import MAX_CREDIT, SPIN, EngineLoop, SpinningSelector

LOOK = 1e-6  # seconds of one look


class Kernel:
    """Time, and a descriptor on which something comes at `due`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.now = self.due = 0.0
        self.sleeps = self.looks = 0
        self.event = select.EPOLLIN

    def monotonic(self) -> float:
        return self.now

    def poll(self, timeout: float, _: int) -> list[tuple[int, int]]:
        self.now += LOOK
        self.looks += 1
        if timeout:
            self.sleeps += 1
            self.now = max(self.now, self.due)
        return [(self.descriptor, self.event)] if self.now >= self.due else []

    def modify(self, _descriptor: int, _events: int) -> None:
        """What is waited for; it tells of everything."""

    def sleeps_in(self, selector: SpinningSelector, wait: float) -> int:
        """How often it has slept until something came, `wait` seconds from now."""
        self.due, self.sleeps, self.looks = self.now + wait, 0, 0
        assert [key.fd for key, _ in selector.select()] == [self.descriptor]
        return self.sleeps


@pytest.fixture(params=[2, 1])
def machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, Kernel, SpinningSelector]]:
    """With so many processors."""
    processors: int = request.param
    one, other = socket.socketpair()
    with one, other, SpinningSelector(processors) as selector:
        selector.register(one, select.EPOLLIN)
        kernel = Kernel(one.fileno())
        monkeypatch.setattr(engine_loop, "time", kernel)
        with monkeypatch.context() as patch:
            patch.setattr(selector, "_selector", kernel)
            yield processors, kernel, selector


def test_it_looks_where_sleeps_were_short(machine: tuple[int, Kernel, SpinningSelector]) -> None:
    processors, kernel, selector = machine
    assert kernel.sleeps_in(selector, SPIN / 2) == 1
    looks = processors > 1
    assert [kernel.sleeps_in(selector, SPIN / 2) for _ in range(20)] == [not looks] * 20


def test_it_sleeps_at_once_where_looking_was_in_vain(
    machine: tuple[int, Kernel, SpinningSelector],
) -> None:
    processors, kernel, selector = machine
    kernel.sleeps_in(selector, SPIN / 2)
    has_looked = []
    for _ in range(MAX_CREDIT + 1):
        assert kernel.sleeps_in(selector, 1.0) == 1
        has_looked.append(kernel.looks > 1)
    assert has_looked == [processors > 1] * MAX_CREDIT + [False]


def test_it_does_not_wait_longer_than_it_may(
    machine: tuple[int, Kernel, SpinningSelector],
) -> None:
    _, kernel, selector = machine
    kernel.due = 1.0
    before = kernel.now
    assert selector.select(0) == []
    assert kernel.now - before == pytest.approx(LOOK)


@pytest.mark.parametrize("event", [select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP])
@pytest.mark.parametrize("wanted", [selectors.EVENT_READ, selectors.EVENT_WRITE, 3])
def test_a_look_finds_what_sleep_finds(
    machine: tuple[int, Kernel, SpinningSelector], event: int, wanted: int
) -> None:
    _, kernel, selector = machine
    selector.modify(kernel.descriptor, wanted)
    kernel.event = event
    slept = selector.select()
    assert selector.select() == slept == selector.select(0)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("waits", [False, True])
def test_each_reader_is_called_once(number: int, waits: bool) -> None:
    """waits: something else is to be done, too."""
    loop = EngineLoop()
    pairs = [socket.socketpair() for _ in range(number)]
    called: list[object] = []

    def read(one: socket.socket) -> None:
        called.append(one.recv(9))
        loop.call_soon(loop.stop)

    for one, other in pairs:
        loop.add_reader(one, read, one)
        other.send(b"word")
    if waits:
        loop.call_soon(called.append, "first")
    loop.run_forever()
    assert called == ["first"] * waits + [b"word"] * number
    loop.close()
    for sock in (sock for pair in pairs for sock in pair):
        sock.close()
