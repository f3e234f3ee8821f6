"""Who carries out what flows ask of the host: sockets, hosts within the process, no host at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from pynat.nat.messages import Action, Event


class HostBackend(Protocol):
    def carry_out(self, actions: list[Action], now: float) -> list[Action]:
        """Carry out those that are its own, of all flows in their order; the rest comes back."""

    def events(self) -> list[Event]:
        """What came of them, or by itself, since the last call."""


class Outside:
    """The side that leaves the process, on a loop of its own time. A fault costs one action."""

    def __init__(self, wake: Callable[[], None], fault: Callable[[float], None]) -> None:
        """wake: there are events. fault: told, within the exception, of one of ours."""
        self._wake = wake
        self._fault = fault
        self._events: list[Event] = []

    def emit(self, event: Event) -> None:
        self._events.append(event)
        self._wake()

    @property
    def stirs(self) -> bool:
        """Whether there is something to carry out, or an event, that nobody has asked for."""
        return bool(self._events)

    def read_at_most(self, octets: int) -> None:
        """In one turn, of all streams together."""

    def events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def carry_out(self, actions: list[Action], now: float) -> list[Action]:
        waiting = iter(actions)
        while True:
            try:
                self.perform(waiting)
                return []
            except Exception:
                self._fault(now)

    def perform(self, actions: Iterable[Action]) -> None:
        raise NotImplementedError


class HostUser(Protocol):
    """The flows' side: the router."""

    def to_host(self, now: float) -> list[Action]: ...
    def from_host(self, event: Event, now: float) -> None: ...


def settle(
    router: HostUser,
    sides: Sequence[HostBackend],
    now: float,
    guard: Callable[..., object] = lambda call, *arguments: call(*arguments),
) -> None:
    """Until nobody has anything more to ask or to say. Each side gets what those before it left.

    guard: makes each call that takes an event in; what it lets through ends this.
    """
    while True:
        actions = router.to_host(now)
        asked = bool(actions)
        for side in sides:
            actions = side.carry_out(actions, now)
        events = [event for side in sides for event in side.events()]
        if not asked and not events:
            return
        for event in events:
            guard(router.from_host, event, now)
