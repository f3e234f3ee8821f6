"""A link that shows every frame to the linter, as it is on the guest's wire."""

from __future__ import annotations

from pynat.link.link import Link, Wrapper
from pynat.lint.linter import Linter
from pynat.notices import Notices


class LintLink(Wrapper):
    def __init__(self, inner: Link, linter: Linter, notices: Notices) -> None:
        super().__init__(inner)
        self._linter = linter
        self._notices = notices
        self.done = inner.done

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self._inner.receive(limit)
        for when, frame in frames:
            for finding in self._linter.from_guest(frame, when):
                self._notices.finding(finding.rule, finding.text, when, frame)
        return frames

    def send(self, frames: list[bytes]) -> int:
        now = self.now()
        for frame in frames:
            for finding in self._linter.to_guest(frame, now):
                self._notices.finding(finding.rule, finding.text, now, frame)
        return self._inner.send(frames)
