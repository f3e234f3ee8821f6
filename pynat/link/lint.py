"""A link that shows every frame to the linter, as it is on the guest's wire.

A fault of the linter's own ends it, and not the network.
"""

from __future__ import annotations

from pynat.link.link import Link, Wrapper
from pynat.lint.linter import Linter
from pynat.notices import Level, Notices


class LintLink(Wrapper):
    def __init__(self, inner: Link, linter: Linter, notices: Notices) -> None:
        super().__init__(inner)
        self._linter = linter
        self._notices = notices
        self._stopped = False

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self._inner.receive(limit)
        if frames:
            self._linter.card_speed(self.speed)
        for when, frame in frames:
            self._look(frame, when, from_guest=True)
        return frames

    def send(self, frames: list[bytes]) -> int:
        now = self.now()
        for frame in frames:
            self._look(frame, now, from_guest=False)
        return self._inner.send(frames)

    def _look(self, frame: bytes, now: float, *, from_guest: bool) -> None:
        if self._stopped:
            return
        look = self._linter.from_guest if from_guest else self._linter.to_guest
        try:
            for finding in look(frame, now):
                self._notices.finding(finding.rule, finding.text, now, frame, from_guest=from_guest)
        except Exception as error:
            self._stopped = True
            what = f"{type(error).__name__}: {error}; frame {frame.hex()}"
            self._notices.say(Level.ERROR, f"lint stopped: {what}; the network goes on")

    def done(self, hold_until: float, timer: float | None) -> None:
        self._inner.done(hold_until, timer)
