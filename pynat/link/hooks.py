"""A link on which a network written in Python looks at each frame, and puts in its own."""

from __future__ import annotations

from pynat.link.link import Link, Wrapper
from pynat.log.notices import Notices
from pynat.net.frame_hooks import FrameHooks


class HookLink(Wrapper):
    def __init__(self, inner: Link, hooks: FrameHooks, notices: Notices) -> None:
        super().__init__(inner)
        self._hooks = hooks
        self._notices = notices
        self._more = False  # frames may wait in the inner link

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        now = self.now()
        frames = [(now, frame) for frame in self._hooks.pop_injected(to_guest=False)]
        received = self._inner.receive(limit)
        self._more = len(received) == limit
        for when, frame in received:
            hooked = self._hooks.apply(frame, from_guest=True, now=when, notices=self._notices)
            frames += [(when, one) for one in hooked]
        return frames

    def send(self, frames: list[bytes]) -> int:
        now, hooks = self.now(), self._hooks
        hooked = [
            one
            for frame in frames
            for one in hooks.apply(frame, from_guest=False, now=now, notices=self._notices)
        ]
        self._inner.send(hooked)
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None:
        """What a hook puts in goes behind what it was asked about."""
        injected = self._hooks.pop_injected(to_guest=True)
        if injected:
            self._inner.send(injected)
        if self._hooks.from_guest or self._more:
            timer = self.now()  # another turn, at once
        self._inner.done(hold_until, timer)
