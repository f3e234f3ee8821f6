"""Who carries out what flows ask of the host: sockets, hosts within the process, no host at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pynat.nat.messages import Action, Event


class HostSide(Protocol):
    def take(self, actions: list[Action], now: float) -> list[Action]:
        """Carry out those that are its own, of all flows in their order; the rest comes back."""

    def events(self) -> list[Event]:
        """What came of them, or by itself, since the last call."""


class Asking(Protocol):
    """The flows' side: the router."""

    def to_host(self, now: float) -> list[Action]: ...
    def from_host(self, event: Event, now: float) -> None: ...


def settle(
    router: Asking,
    sides: Sequence[HostSide],
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
            actions = side.take(actions, now)
        events = [event for side in sides for event in side.events()]
        if not asked and not events:
            return
        for event in events:
            guard(router.from_host, event, now)
