"""A lab with the linter on the guest's wire, as under Bochs, that keeps what was said.

    lab = LintedLab()
    lab.from_guest(frame)
    lab.found                        # Counter of codes: drops and findings
    print(lab.trace())               # every frame, with what was said of it below

A TcpScript works in it as in any Lab.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from pynat.config import Config
from pynat.lint.linter import Linter
from pynat.lint.trace import Trace
from pynat.testing.lab import Lab


class Seen(NamedTuple):
    now: float
    frame: bytes
    from_guest: bool
    only_shown: bool  # to the linter


class LintedLab(Lab):
    on_made: ClassVar[Callable[[LintedLab], object]] = staticmethod(lambda _: None)

    def __init__(self, config: Config | None = None, seed: int = 1) -> None:
        super().__init__(config, seed)
        self.linter = Linter(self.config)
        self.seen: list[Seen] = []
        self.told: dict[int, str] = {}  # by place in `seen`
        self._ended = False
        self._notices = self.router.notices
        self._notices.comments.want(True)
        type(self).on_made(self)

    megabits = 0

    def card_speed(self, megabits: int) -> None:
        """What the guest's card says of itself."""
        self.megabits = megabits
        self.linter.card_speed(megabits)

    @property
    def found(self) -> Counter[str]:
        """What counts by itself, and what follows from it."""
        verdict = self._notices.verdict
        return Counter({one.rule.code: one.total for one in verdict})

    @property
    def roots(self) -> Counter[str]:
        """What has no other cause."""
        return Counter({one.rule.code: one.count for one in self._notices.verdict if one.count})

    def from_guest(self, frame: bytes) -> None:
        own = bytes(bytearray(frame))  # remarks go by the object, and a script may send one twice
        self.look(own, from_guest=True, only_shown=False)
        self._notices.comments.deal_with(own)
        super().from_guest(own)
        self._notices.comments.deal_with(None)

    def end(self) -> None:
        """No frame comes any more; once is enough."""
        if self._ended:
            return
        self._ended = True
        self.router.end(self.now)
        for finding in self.linter.end(self.now):
            self._notices.finding(finding.rule, finding.text, self.now, None)

    def trace(self, *, idents: bool = False) -> str:
        """From the first frame on, in seconds. idents: of IPv4, too."""
        take = self._notices.comments.pop
        for at, seen in enumerate(self.seen):
            if text := take(seen.frame):
                self.told[at] = text
        lines, trace = [], Trace(idents=idents)
        for at, seen in enumerate(self.seen):
            since = seen.now - self.seen[0].now
            lines.append(trace.line(since, seen.frame, seen.from_guest))
            lines += [f"{' ' * 8}{told}" for told in self.told.get(at, "").splitlines()]
        return "\n".join(lines)

    def _turn(self) -> None:
        before = len(self._frames)
        super()._turn()
        for frame in self._frames[before:]:
            self.look(frame, from_guest=False, only_shown=False)

    def look(self, frame: bytes, *, from_guest: bool, only_shown: bool = True) -> None:
        """Show a frame to the linter only."""
        self.seen.append(Seen(self.now, frame, from_guest, only_shown))
        self._notices.comments.count(frame)
        look = self.linter.from_guest if from_guest else self.linter.to_guest
        for finding in look(frame, self.now):
            self._notices.finding(
                finding.rule, finding.text, self.now, frame, from_guest=from_guest
            )
