"""What happens in a network, told as it happens, or waited for.

Who watches looks once a turn at what has changed since; where nobody watches, nothing is kept.
Findings and drops are told by their rule and how many are new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from pynat.control.conversation import Client, Conversation
from pynat.control.protocol import Answer
from pynat.engine import Engine
from pynat.inprocess.connection import Connection
from pynat.nat.rows import Row, seconds
from pynat.services.leases import State
from pynat.wire.addresses import Address, address_text

AGAIN, MOST = 0.1, 1.6  # seconds of guest time between two tries whether a port listens


def counted(engine: Engine) -> Counter[str]:
    """Findings and drops by the codes of their rules, also what follows from others."""
    return Counter({one.rule.code: one.total for one in engine.notices.verdict})


def dropped(engine: Engine) -> Counter[str]:
    return Counter({rule.code: count for rule, count in engine.notices.drops.items()})


def leased(engine: Engine) -> dict[str, str]:
    """MAC addresses by the addresses that they have bound."""
    now = engine.now()
    return {
        address_text(lease.address): lease.mac.hex(":")
        for lease in engine.router.dhcp.leases.values()
        if lease.state is State.BOUND and lease.live(now)
    }


class _Seen:
    """A network at one moment."""

    def __init__(self, engine: Engine) -> None:
        self.leases = leased(engine)
        rows = engine.router.flows(engine.now())
        self.flows: dict[object, Row] = {row["number"]: row for row in rows if "number" in row}
        self.counts = {"finding": Counter(engine.notices.findings), "drop": dropped(engine)}
        forwards = engine.router.incoming.forwards
        self.forwards = {number: str(forward) for number, forward in forwards.items()}

    def since(self, old: _Seen) -> Iterator[Answer]:
        for address, mac in self.leases.items():
            if old.leases.get(address) != mac:
                yield {"event": "lease", "address": address, "mac": mac}
        for number, row in self.flows.items():
            if number not in old.flows:
                yield {"event": "flow", **_named(row)}
        for number, row in old.flows.items():
            if number not in self.flows:
                yield {"event": "closed", **_named(row)}
        for event, now, before in (
            ("forward", self.forwards, old.forwards),
            ("forward removed", old.forwards, self.forwards),
        ):
            for number in now.keys() - before.keys():
                yield {"event": event, "number": number, "rule": now[number]}
        for event, counts in self.counts.items():
            for code, more in (counts - old.counts[event]).items():
                yield {"event": event, "code": code, "count": more}


def _named(row: Row) -> Answer:
    return {key: row[key] for key in ("number", "protocol", "guest", "remote") if key in row}


class Watch(Conversation):
    """For ever: a line for each event, with the guest's time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client: Client | None = None
        self._leave: Callable[[], None] | None = None
        self._seen = _Seen(engine)
        self._has_room = True

    def begin(self, client: Client, now: float) -> None:
        self._client = client
        self._has_room = client.tell({"time": seconds(now)})
        self._leave = self._engine.look_on(self._look)

    def _look(self, now: float) -> None:
        """Who does not read is told later, of all that has changed by then."""
        if not self._has_room or self._client is None:
            return
        seen, old = _Seen(self._engine), self._seen
        self._seen = seen
        for event in seen.since(old):
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
