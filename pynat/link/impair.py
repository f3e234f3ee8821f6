"""A link whose wire is as bad as its rules want it (pynat.impair).

What is done to a frame is said in the capture, as its comment; a frame that never reaches the
guest stands in the capture all the same. While there is no rule, `receive`, `send`, `done` and
those of runs are the inner link's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from pynat.config import Config
from pynat.impair.active_rule import CUT, ActiveRule, Fate
from pynat.impair.rule import ImpairRule
from pynat.impair.wire import ImpairedWire
from pynat.link.capture import CaptureLink
from pynat.link.link import Link, ReceiveRuns, SendRuns, Wrapper
from pynat.log.comments import IMPAIRED, WireFault
from pynat.log.notices import Level, Notices
from pynat.rules import Rule, dhcp, ipv4, tcp
from pynat.wire import versions

_NO_LIMIT = 1 << 30  # frames; no limit
# What a frame may break because others have overtaken it, or because it came before.
_OF_LATE = tcp.OF_LATE_SEGMENTS | {dhcp.NOT_ITS_LEASE}


class ImpairLink(Wrapper):
    def __init__(
        self, inner: Link, seed: int, notices: Notices, capture: CaptureLink | None = None
    ) -> None:
        super().__init__(inner)
        self._notices = notices
        self._bad_wire = notices.bad_wire
        self._capture = capture
        self.wire = ImpairedWire(seed, self._tell, self._overtaken, self._waits, self._ends)
        self._idle = True
        self.has_changed = False  # something, at least once
        self._lost: bytes | None = None  # the guest's last one; its copy may come

    # ------------------------------------------------------------------ the rules
    @property
    def seed(self) -> int:
        return self.wire.seed

    @property
    def rules(self) -> list[ActiveRule]:
        return self.wire.rules

    def add(self, rule: ImpairRule | str) -> int:
        """The number of the new rule. Raises BadRule."""
        added = self.wire.add(rule)
        self._notices.say(
            Level.INFO, f"impair rule {added.number}: {added.rule} (seed {self.seed})"
        )
        if self._idle:
            self._idle = False
            self._was_reset()  # before anything was under way
        return added.number

    def remove(self, number: int) -> ImpairRule:
        """Raises KeyError."""
        gone = self.wire.remove(number, self.now())
        self._say(gone, "removed")
        return gone.rule

    def clear(self) -> None:
        for working in self.rules:
            self.remove(working.number)

    # ------------------------------------------------------------------ frames
    @property
    def receive(self) -> Callable[[int], list[tuple[float, bytes]]]:
        return self._inner.receive if self._idle else self._receive

    @property
    def receive_runs(self) -> ReceiveRuns | None:  # type: ignore[override]
        return self._inner.receive_runs if self._idle else None

    @property
    def send(self) -> Callable[[list[bytes]], int]:
        return self._inner.send if self._idle else self._send

    @property
    def send_runs(self) -> SendRuns | None:  # type: ignore[override]
        return self._inner.send_runs if self._idle else None

    @property
    def done(self) -> Callable[[float, float | None], None]:
        return self._inner.done if self._idle else self._done

    def _receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self._inner.receive(max(0, limit - self.wire.ready(to_guest=False)))
        if self._was_reset():
            self._lose_all("the guest was reset")
        for when, frame in frames:
            self.wire.put(frame, when, to_guest=False)
        return self.wire.pop_due(self.now(), limit, to_guest=False)

    def end(self) -> None:
        self._lose_all("the network ended")

    def _lose_all(self, when: str) -> None:
        if waited := self.wire.waiting(to_guest=True):
            text = f"impair: {waited} frames to the guest lost on a bad wire when {when}"
            self._notices.say(Level.INFO, text)
        for frame in self.wire.clear():
            self._notices.comments.add(frame, f"lost on a bad wire when {when}")

    def _send(self, frames: list[bytes]) -> int:
        now = self.now()
        for frame in frames:
            self._bad_wire.carry(frame)
            self.wire.put(frame, now, to_guest=True)
        return len(frames)

    def _done(self, hold_until: float, timer: float | None) -> None:
        frames = self.wire.pop_due(self.now(), _NO_LIMIT, to_guest=True)
        if frames:
            self._inner.send([frame for _, frame in frames])
            number_of = self._notices.comments.number_of
            for _, frame in frames:
                self._bad_wire.come(frame, number_of(frame))
        wakes = (self.wire.next_due(to_guest=to_guest) for to_guest in (False, True))
        due = min((at for at in (timer, *wakes) if at is not None), default=None)
        self._inner.done(hold_until, due)
        self._idle = self.wire.idle
        if self._idle:
            self._bad_wire.calm()

    def _tell(self, rule: ActiveRule, frame: bytes, fate: Fate, to_guest: bool) -> None:
        self.has_changed = True
        comments = self._notices.comments
        is_copy = fate.said == "duplicate" and not to_guest
        if is_copy and frame is self._lost:
            is_copy, self._lost = False, None
        explains = None if is_copy else _explains(frame, fate)  # the guest has sent it once
        fault = WireFault(f"{IMPAIRED} {rule.number}", explains)
        before = comments.fault_of(frame)
        if before is not None and before.explains is None:
            fault = before  # it was changed, or is a copy
        is_spoilt = fate.frame is None or (fault.explains is None and not is_copy)
        if not to_guest and is_spoilt:
            self._bad_wire.lose(frame, fault.cause, self.now())
        if fate.frame is None and not to_guest and fault is not before:
            self._lost = frame
        if fate.frame is not None and fate.frame is not frame:
            if not to_guest:
                comments.blame(fate.frame, fault)
            if is_copy:
                self._bad_wire.double(frame, fault.cause, self.now())
                if (number := comments.number_of(frame)) is not None:
                    comments.number(fate.frame, number)
                return  # the guest sent one frame, and that is in the capture
            if not to_guest:
                comments.same(fate.frame, frame)
        about = fate.frame if fate.frame is not None and to_guest else frame
        comments.add(about, f"{IMPAIRED} {rule.number} ({rule.rule}): {fate.said}")
        if fate.frame is None and to_guest and self._capture is not None:
            comments.lose(frame)
            comments.count(frame)
            self._capture.show(frame, from_guest=False)
        what = versions.named_in(frame) or "a frame"
        way = "to the guest" if to_guest else "from the guest"
        text = f"impair rule {rule.number}: {what}, {way}: {fate.said}"
        self._notices.limited(f"impair {rule.number}", text, self.now())

    def _waits(self, frame: bytes) -> None:
        self._notices.comments.wait(frame)
        self._bad_wire.wait(frame)

    def _ends(self, frame: bytes, came: bool) -> None:
        self._notices.comments.come(frame)
        self._bad_wire.end(frame)
        if not came:
            self._notices.comments.lose(frame)

    def _overtaken(self, number: int, frame: bytes) -> None:
        if self._notices.comments.fault_of(frame) is None:
            self._notices.comments.blame(frame, WireFault(f"{IMPAIRED} {number}", _OF_LATE))

    # ------------------------------------------------------------------ words
    def report(self) -> None:
        for rule in self.rules:
            self._say(rule, str(rule.rule))

    def _say(self, rule: ActiveRule, what: str) -> None:
        done = f"{rule.treated} frames treated, {rule.lost} lost"
        self._notices.say(Level.INFO, f"impair rule {rule.number}: {what}: {done}")


def _explains(frame: bytes, fate: Fate) -> frozenset[Rule] | None:
    """What may come of it; None of a frame that was changed."""
    if fate.frame is None or fate.frame == frame:
        return _OF_LATE
    return ipv4.OF_CUT_PACKETS if fate.said.startswith(CUT) else None


@contextlib.contextmanager
def impaired(
    inner: Link,
    config: Config,
    notices: Notices,
    seed: int,
    capture: CaptureLink | None = None,
) -> Iterator[ImpairLink]:
    """`inner` as bad as the configuration wants it, and for others to change at run time."""
    link = ImpairLink(inner, seed, notices, capture)
    for rule in config.impair:
        link.add(rule)
    try:
        yield link
    finally:
        link.end()
        link.report()
