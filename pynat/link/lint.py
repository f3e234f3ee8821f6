"""A link that shows every frame to the linter, as it is on the guest's wire, and when it was there.

A fault of the linter's own ends it, and not the network.
"""

from __future__ import annotations

from collections.abc import Callable

from pynat.link.link import Link, Wrapper
from pynat.lint.linter import Linter
from pynat.lint.span import CardWire, Span
from pynat.log.notices import Level, Notices


def exact() -> float:
    """For a link whose frames come with the time of their sending."""
    return 0.0


class LintLink(Wrapper):
    def __init__(
        self,
        inner: Link,
        linter: Linter,
        notices: Notices,
        awake: Callable[[], float] = exact,
    ) -> None:
        """awake: seconds of this thread's life in which a frame may have waited to be read."""
        super().__init__(inner)
        self._linter = linter
        self._notices = notices
        self._awake = awake
        self._emptied = awake()  # when nothing more waited
        self._wire = CardWire()
        self._stopped = False

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        begun = self._awake()
        frames = self._inner.receive(limit)
        if frames:
            self._linter.card_speed(self.speed)
            waited = self._awake() - self._emptied
            for when, frame in frames:
                self._look(frame, Span(when - waited, when), from_guest=True)
        if len(frames) < limit:
            self._emptied = begun
        return frames

    def send(self, frames: list[bytes]) -> int:
        before = self.now()
        taken = self._inner.send(frames)
        after = self.now()
        for frame in frames:
            span = self._wire.span(len(frame), self.speed, before, after)
            self._look(frame, span, from_guest=False)
        return taken

    def _look(self, frame: bytes, when: Span, *, from_guest: bool) -> None:
        self._notices.comments.count(frame)
        if self._stopped:
            return
        look = self._linter.from_guest if from_guest else self._linter.to_guest
        try:
            for finding in look(frame, when):
                rule, text = finding.rule, finding.text
                self._notices.finding(rule, text, when.last, frame, from_guest=from_guest)
        except Exception as error:
            self._stop(error, f"; frame {frame.hex()}")

    def _stop(self, error: Exception, about: str = "") -> None:
        self._stopped = True
        what = f"{type(error).__name__}: {error}{about}"
        self._notices.say(Level.ERROR, f"lint stopped: {what}; the network goes on")

    def end(self, now: float) -> None:
        """No frame comes any more: what still waits is told."""
        if self._stopped:
            return
        try:
            for finding in self._linter.end():
                self._notices.finding(finding.rule, finding.text, now, None)
        except Exception as error:
            self._stop(error)

    def done(self, hold_until: float, timer: float | None) -> None:
        self._inner.done(hold_until, timer)
