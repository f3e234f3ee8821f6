"""What happens in a network, told as it happens, or waited for.

Who watches looks once a turn at what has changed since, and only at parts that say that they have:
a turn in which nothing begins or ends costs the same with one flow and with thousands. Where nobody
watches, nothing is kept.
Findings and drops are told by their rule and how many are new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from pynat.control.conversation import Client, Conversation
from pynat.control.protocol import Answer
from pynat.engine import Engine
from pynat.inprocess.connection import Connection
from pynat.nat.rows import Row, seconds
from pynat.services.leases import Lease, State
from pynat.wire.addresses import Address, address_text

AGAIN, MOST = 0.1, 1.6  # seconds of guest time between two tries whether a port listens


def counted(engine: Engine) -> Counter[str]:
    """Findings and drops by the codes of their rules, also what follows from others."""
    return Counter({one.rule.code: one.total for one in engine.notices.verdict})


def dropped(engine: Engine) -> Counter[str]:
    return Counter({rule.code: count for rule, count in engine.notices.drops.items()})


def leased(engine: Engine) -> dict[str, str]:
    """MAC addresses by the addresses that they have bound."""
    return {address_text(lease.address): lease.mac.hex(":") for lease in _bound(engine)}


def _bound(engine: Engine) -> list[Lease]:
    now, leases = engine.now(), engine.router.dhcp.leases.values()
    return [one for one in leases if one.state is State.BOUND and one.live(now)]


class _Part(Protocol):
    """Of a network, as it was at one moment. version: it is another one if anything is new."""

    version: object

    def __init__(self, engine: Engine) -> None: ...
    @staticmethod
    def version_of(engine: Engine) -> object: ...
    def since(self, old: Self) -> Iterator[Answer]: ...


class _Leases:
    def __init__(self, engine: Engine) -> None:
        self.version = self.version_of(engine)
        self._now = engine.now()
        bound = _bound(engine)
        self._bound = {lease.address: (lease.mac, lease.until) for lease in bound}
        self._anew = {lease.address: lease.mac for lease in bound if lease.is_asked_anew}

    @staticmethod
    def version_of(engine: Engine) -> object:
        return engine.router.dhcp.guests.changes

    def since(self, old: Self) -> Iterator[Answer]:
        for address, mac in self._anew.items():
            if address not in old._anew:
                yield _of("guest reset", address, mac)
        for address, (mac, _) in self._bound.items():
            was, until = old._bound.get(address, (b"", 0.0))
            if was != mac or until <= self._now:
                yield _of("lease", address, mac)


def _of(event: str, address: bytes, mac: bytes) -> Answer:
    return {"event": event, "address": address_text(address), "mac": mac.hex(":")}


class _Card:
    def __init__(self, engine: Engine) -> None:
        self.version = self.version_of(engine)

    @staticmethod
    def version_of(engine: Engine) -> object:
        return engine.is_card_ready()

    def since(self, old: Self) -> Iterator[Answer]:
        yield {"event": "card ready" if self.version else "card off"}


class _Resets:
    """Of the machine; those of its network stack alone are seen by leases."""

    def __init__(self, engine: Engine) -> None:
        self.version = self.version_of(engine)

    @staticmethod
    def version_of(engine: Engine) -> object:
        return engine.resets

    def since(self, old: Self) -> Iterator[Answer]:
        yield {"event": "guest reset"}


class _Flows:
    def __init__(self, engine: Engine) -> None:
        self.version = self.version_of(engine)
        rows = engine.router.flows(engine.now())
        self._rows: dict[object, Row] = {row["number"]: row for row in rows if "number" in row}

    @staticmethod
    def version_of(engine: Engine) -> object:
        """One that begins takes a number, and where none does, one that ends makes them fewer."""
        router = engine.router
        return router.numbers.drawn, len(router.tcp), len(router.udp), len(router.echo)

    def since(self, old: Self) -> Iterator[Answer]:
        for number, row in self._rows.items():
            if number not in old._rows:
                yield {"event": "flow", **_named(row)}
        for number, row in old._rows.items():
            if number not in self._rows:
                yield {"event": "closed", **_named(row)}


class _Forwards:
    def __init__(self, engine: Engine) -> None:
        self.version = self.version_of(engine)
        forwards = engine.router.incoming.forwards
        self._rules = {number: str(forward) for number, forward in forwards.items()}

    @staticmethod
    def version_of(engine: Engine) -> object:
        """Numbers only grow."""
        forwards = engine.router.incoming.forwards
        return len(forwards), next(reversed(forwards), None)

    def since(self, old: Self) -> Iterator[Answer]:
        for event, now, before in (
            ("forward", self._rules, old._rules),
            ("forward removed", old._rules, self._rules),
        ):
            for number in now.keys() - before.keys():
                yield {"event": event, "number": number, "rule": now[number]}


class _Counts:
    def __init__(self, engine: Engine) -> None:
        self.version = self.version_of(engine)
        self._counts = {"finding": Counter(engine.notices.findings), "drop": dropped(engine)}

    @staticmethod
    def version_of(engine: Engine) -> object:
        """They only grow."""
        return engine.notices.findings.total(), engine.notices.drops.total()

    def since(self, old: Self) -> Iterator[Answer]:
        for event, counts in self._counts.items():
            for code, more in (counts - old._counts[event]).items():
                yield {"event": event, "code": code, "count": more}


_PARTS: tuple[type[_Part], ...] = (_Resets, _Card, _Leases, _Flows, _Forwards, _Counts)


def _named(row: Row) -> Answer:
    return {key: row[key] for key in ("number", "protocol", "guest", "remote") if key in row}


class Watch(Conversation):
    """For ever: a line for each event, with the guest's time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client: Client | None = None
        self._leave: Callable[[], None] | None = None
        self._seen = [part(engine) for part in _PARTS]
        self._has_room = True

    def begin(self, client: Client, now: float) -> None:
        self._client = client
        self._has_room = client.tell({"time": seconds(now)})
        self._leave = self._engine.look_on(self._look)

    def _look(self, now: float) -> None:
        """Who does not read is told later, of all that has changed by then."""
        if not self._has_room or self._client is None:
            return
        for at, old in enumerate(self._seen):
            if old.version != old.version_of(self._engine):
                new = self._seen[at] = type(old)(self._engine)
                for event in new.since(old):
                    self._has_room = self._client.tell({"time": seconds(now), **event})

    def room(self) -> None:
        self._has_room = True
        self._engine.wake()

    def stop(self) -> None:
        self._client = None
        if self._leave is not None:
            self._leave()


class Condition:
    """What is waited for."""

    def __init__(self, is_there: Callable[[], bool]) -> None:
        self._is_there = is_there

    def __call__(self) -> bool:
        return self._is_there()

    def stop(self) -> None:
        """Nobody waits any more."""


class Wait(Conversation):
    """Until `is_there`, which is also true of what has happened before."""

    def __init__(self, engine: Engine, what: str, timeout: float, is_there: Condition) -> None:
        self._engine = engine
        self._what = what
        self._timeout = timeout
        self._is_there = is_there
        self._client: Client | None = None
        self._leave: Callable[[], None] | None = None

    def begin(self, client: Client, now: float) -> None:
        self._client = client
        self._leave = self._engine.look_on(self._look)
        self._engine.router.output.timers.set(self, now + self._timeout)
        self._engine.wake()
        self._look(now)

    def _look(self, now: float) -> None:
        client = self._client
        if client is not None and self._is_there():
            self.stop()
            client.answer({"time": seconds(now)})

    def on_timer(self, now: float) -> None:
        client = self._client
        self.stop()
        if client is not None:
            client.refuse(f"timeout: no {self._what} within {self._timeout:g} s of guest time")

    def stop(self) -> None:
        self._client = None
        self._is_there.stop()
        self._engine.router.output.timers.set(self, None)
        if self._leave is not None:
            self._leave()
            self._leave = None


class Listening(Condition):
    """Whether a port of the guest's listens: true once a SYN of ours was answered by SYN-ACK.

    The connection is reset at once. A refusal, or a SYN that nobody takes, is tried again, and more
    and more rarely: a guest that idles has seconds in no time.
    """

    def __init__(self, engine: Engine, guest: Address, router: Address) -> None:
        self._engine = engine
        self._ends = guest, router
        self._connection: Connection | None = None
        self._next = 0.0
        self._pause = AGAIN
        self._found = False

    def __call__(self) -> bool:
        now = self._engine.now()
        if self._found:
            return True
        if self._connection is None and now >= self._next:
            self._connection = self._engine.router.in_process.call(*self._ends, is_probe=True)
            self._connection.watch(self._changed)
            self._engine.wake()
        return False

    def stop(self) -> None:
        """A SYN that waits for its answer is taken back."""
        connection, self._connection = self._connection, None
        self._engine.router.output.timers.set(self, None)
        if connection is not None:
            connection.abort()
            self._engine.wake()

    def on_timer(self, now: float) -> None:
        """The turn that this makes is the next try."""

    def _changed(self, now: float) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.established and not connection.why:
            self._found = True
            self._connection = None
            connection.abort()
        elif connection.why:
            self._connection = None
            self._next = now + self._pause
            self._pause = min(2 * self._pause, MOST)
            self._engine.router.output.timers.set(self, self._next)
