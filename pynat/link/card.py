"""A link that keeps frames back while the guest's card takes none, and says so.

A card refuses frames while its receive ring is full or receiving is off (`refuses_since`). What is
sent then is kept here, above linter and capture: when the card takes frames again it goes on its
way as if it were sent just then; after `STALE` seconds it is lost. Frames that are lost, here or in
the card's queue (`lost`), stand in the capture with a comment that says so. The linter has not seen
those that were kept here; once the card has been dead for `DEAD` seconds it begins anew, so that a
guest is not blamed for what it never got.

A card from which nothing has come yet has no driver, and one from which nothing has come since may
belong to a machine that starts again: that is said of the other after `ASLEEP`, of the first never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Protocol, runtime_checkable

from pynat.link.capture import CaptureLink
from pynat.link.link import Link, Wrapper
from pynat.log.comments import NOT_DELIVERED
from pynat.log.notices import Notices
from pynat.rules import ethernet as rules

STALE = 2.0  # seconds that a frame may wait
DEAD = 1.5  # seconds
ASLEEP = 60.0  # seconds; no machine takes longer to start
MOST = 4096  # frames kept


@runtime_checkable
class Card(Protocol):
    @property
    def refuses_since(self) -> float | None:
        """As `Link` has it."""

    @property
    def resets(self) -> int:
        """As `Link` has it."""

    def lost(self) -> list[tuple[float, bytes]]:
        """What it has not taken in time, since the last call, and when that was sent."""


class CardLink(Wrapper):
    def __init__(
        self,
        inner: Link,
        card: Card,
        capture: CaptureLink,
        notices: Notices,
        on_dead: Callable[[], None],
    ) -> None:
        super().__init__(inner)
        self._card = card
        self._capture = capture
        self._notices = notices
        self._on_dead = on_dead
        self._kept: deque[tuple[float, bytes]] = deque()
        self._spoke = -inf  # when the guest last did
        self._told = False
        self._begun = 0.0  # when the last reset was heard of

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self._inner.receive(limit)
        if self._was_reset():
            self._begin_anew()
        if frames:
            self._spoke = frames[-1][0]
        return frames

    def _begin_anew(self) -> None:
        """What is here was for a machine that is gone."""
        self._spoke, self._told, self._begun = -inf, False, self.now()
        while self._kept:
            self._lose(*self._kept.popleft())

    def send(self, frames: list[bytes]) -> int:
        if self._card.refuses_since is None and not self._kept:
            return self._inner.send(frames)
        now = self.now()
        for frame in frames:
            if len(self._kept) == MOST:
                self._lose(*self._kept.popleft())
            self._kept.append((now, frame))
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None:
        since = self._card.refuses_since
        if since is None:
            self._release()
        else:
            due = self._watch(since, self.now())
            timer = min((at for at in (timer, due) if at is not None), default=None)
        self._inner.done(hold_until, timer)

    def _release(self) -> None:
        self._told = False
        if self._kept:
            self._inner.send([frame for _, frame in self._kept])
            self._kept.clear()

    def _watch(self, since: float, now: float) -> float | None:
        """When to look again."""
        for sent, frame in self._card.lost():
            if sent >= self._begun:  # what was before went with its machine
                self._lose(sent, frame)
        while self._kept and now >= self._kept[0][0] + STALE:
            self._lose(*self._kept.popleft())
        is_news = self._spoke > -inf and not self._told
        due = since + (DEAD if self._spoke > since else ASLEEP)
        if is_news and now >= due:
            self._tell(since, now)
            is_news = False
        dues = [due] * is_news + [sent + STALE for sent, _ in list(self._kept)[:1]]
        return min(dues, default=None)

    def _tell(self, since: float, now: float) -> None:
        self._told = True
        text = f"the card takes no frames since {since:.3f} s, {now - since:.3f} s ago: is the"
        text += " receive ring given back, is receiving switched on?"
        self._notices.finding(rules.NOT_TAKEN, text, now, None)
        self._on_dead()

    def _lose(self, sent: float, frame: bytes) -> None:
        text = f"{NOT_DELIVERED}sent at {sent:.3f} s, and the card took no frames"
        self._notices.comments.add(frame, f"{text} ({rules.NOT_TAKEN.code})")
        self._capture.show(frame, from_guest=False)
