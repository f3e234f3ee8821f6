"""The guest's side of the engine: where frames come from and go to.

A link knows nothing of networks. Wrappers (capture, impair) are links around links. The shape is
that of the port which the Bochs shim offers; the memory link of the test kit has it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pynat.wire.frame_run import Sendable

Received = list[tuple[float, bytes]]  # frames, each with the guest time of its sending
ReceiveRuns = Callable[[int], list[bytes]]
SendRuns = Callable[[Sequence[Sendable], bytes], int]


class Link(Protocol):
    @property
    def doorbell(self) -> int:
        """A descriptor that is readable when there is something to take; -1 for none."""

    @property
    def closing(self) -> bool: ...

    @property
    def speed(self) -> int:
        """Of the guest's card, in Mbit/s; 0 where it is not known (yet)."""

    @property
    def refuses_since(self) -> float | None:
        """Guest time since when the card takes no frames; None while it does, or cannot say."""

    @property
    def resets(self) -> int:
        """How often the guest's machine was reset before what `receive` gave last, as far as the
        card can say. What that gives is of one machine."""

    def now(self) -> float:
        """Guest time in seconds; in step with the simulator, when it asked for this turn."""

    def receive(self, limit: int) -> Received:
        """At most `limit` waiting frames."""

    @property
    def receive_runs(self) -> ReceiveRuns | None:
        """As `receive`, without the times; and a run of segments may be one long segment.

        None while somebody looks at each frame.
        """

    def send(self, frames: list[bytes]) -> int:
        """Queue frames for the guest; how many there was room for."""

    @property
    def send_runs(self) -> SendRuns | None:
        """Offer frames and runs of them to the guest: how many frames are left.

        With `plain.KEY_AT` of frames of flows, in a row, it may stop when another frame has come.
        None while somebody looks at each frame.
        """

    def done(self, hold_until: float, timer: float | None) -> None:
        """End of a turn: everything received is dealt with.

        hold_until: guest time in seconds up to which the guest may not outrun wall time, 0 = free.
        timer: guest time at which the engine wants to be woken again.
        """

    def log(self, level: int, text: str) -> None: ...


class Wrapper:
    """What a link around a link hands through."""

    receive_runs: ReceiveRuns | None = None
    send_runs: SendRuns | None = None

    def __init__(self, inner: Link) -> None:
        self._inner = inner
        self._innermost: Link = inner._innermost if isinstance(inner, Wrapper) else inner
        self._resets = inner.resets
        self.doorbell = inner.doorbell
        self.now = inner.now
        self.log = inner.log

    @property
    def closing(self) -> bool:
        return self._innermost.closing

    @property
    def speed(self) -> int:
        return self._innermost.speed

    @property
    def refuses_since(self) -> float | None:
        return self._innermost.refuses_since

    @property
    def resets(self) -> int:
        return self._innermost.resets

    def _was_reset(self) -> bool:
        """The guest's machine, since this was asked last."""
        before, self._resets = self._resets, self.resets
        return before != self._resets
