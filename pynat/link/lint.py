"""A link that shows every frame to the linter, as it is on the guest's wire, and when it was there.

A frame that is read has come since nothing more waited, and while this thread was awake.
To ask for how long it was takes longer than to look at a frame. So it is done once in `NEAR`
seconds: the wall time since nothing waited, and what the thread was awake since it was asked last,
are bounds too. A capture is told of long waits, so that who reads it knows of them.

A fault of the linter's own ends it, and not the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pynat.link.link import Link, Wrapper
from pynat.lint.frame import Finding
from pynat.lint.linter import Linter
from pynat.lint.span import CardWire, Span, span
from pynat.log.comments import waited
from pynat.log.notices import Level, Notices

NEAR = 0.001  # seconds, far less than what any rule waits for
LONG = 0.01  # seconds, still less than that


class LintLink(Wrapper):
    def __init__(
        self,
        inner: Link,
        linter: Linter,
        notices: Notices,
        awake: Callable[[], float] | None = None,
    ) -> None:
        """awake: seconds of this thread's life in which a frame may have waited to be read; None
        where each comes with the time of its sending."""
        super().__init__(inner)
        self._linter = linter
        self._notices = notices
        self._count = notices.comments.count
        self._awake = awake
        self._emptied = self.now()  # when nothing more waited
        self._asked = self._emptied, awake() if awake else 0.0  # then or before; awake until then
        self._wire = CardWire()
        self._stopped = False
        self._speed = -1  # of the card, as the linter knows it

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        if self._awake is None:
            frames, late = self._inner.receive(limit), 0.0
        else:
            frames, late = self._read(self._awake, limit)
        if self._was_reset():
            self._linter.reset()
        if frames:
            if (speed := self._innermost.speed) != self._speed:
                self._speed = speed
                self._linter.card_speed(speed)
            look = self._linter.from_guest
            self._remark((frame for _, frame in frames), "read", late)
            for when, frame in frames:
                self._look(frame, span((when - late, when)), look)
        return frames

    def _read(
        self, awake: Callable[[], float], limit: int
    ) -> tuple[list[tuple[float, bytes]], float]:
        """With how long they may have waited; reading does not sleep."""
        begun, asked = self.now(), self._asked
        late = begun - self._emptied
        if begun - asked[0] > NEAR:
            asked = begun, awake()
            late = min(late, asked[1] - self._asked[1])
        frames = self._inner.receive(limit)
        late += self.now() - begun
        if len(frames) < limit:
            self._emptied, self._asked = begun, asked
        return frames, late

    def send(self, frames: list[bytes]) -> int:
        before = self.now()
        taken = self._inner.send(frames)
        after, speed, look = self.now(), self._innermost.speed, self._linter.to_guest
        self._remark(frames, "handed over", after - before)
        for frame in frames:
            self._look(frame, self._wire.span(len(frame), speed, before, after), look)
        return taken

    def _remark(self, frames: Iterable[bytes], to_be: str, late: float) -> None:
        if late >= LONG:
            for frame in frames:
                self._notices.comments.add(frame, waited(late, to_be))

    def _look(self, frame: bytes, when: Span, look: Callable[[bytes, Span], list[Finding]]) -> None:
        self._count(frame)
        if self._stopped:
            return
        try:
            if found := look(frame, when):
                self._tell(found, frame, when, from_guest=look == self._linter.from_guest)
        except Exception as error:
            self._stop(error, f"; frame {frame.hex()}")

    def _tell(self, found: list[Finding], frame: bytes, when: Span, *, from_guest: bool) -> None:
        for finding in found:
            rule, text = finding.rule, finding.text
            self._notices.finding(rule, text, when.last, frame, from_guest=from_guest)

    def _stop(self, error: Exception, about: str = "") -> None:
        self._stopped = True
        what = f"{type(error).__name__}: {error}{about}"
        self._notices.say(Level.ERROR, f"lint stopped: {what}; the network goes on")

    def tell_overdue(self) -> None:
        """Somebody asks what there is by now."""
        self._tell_all(self._linter.overdue, self.now())

    def end(self, now: float) -> None:
        """No frame comes any more: what still waits is told."""
        self._tell_all(self._linter.end, now)

    def _tell_all(self, look: Callable[[float], list[Finding]], now: float) -> None:
        """What is about no single frame."""
        if self._stopped:
            return
        try:
            for finding in look(now):
                self._notices.finding(finding.rule, finding.text, now, None)
        except Exception as error:
            self._stop(error)

    def done(self, hold_until: float, timer: float | None) -> None:
        self._inner.done(hold_until, timer)
