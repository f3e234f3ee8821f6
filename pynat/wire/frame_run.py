"""Frames that differ in their numbers and their text only, not made before somebody looks at them.

What the host sends in bulk leaves as such runs. A link that only writes frames has them made one by
one out of the text where it lies (`write_frames` of pynat/loops.py); whoever looks at frames
(linter, capture, impairments, hooks, Bochs) has them made as objects, by `frames`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pynat.loops import tcp_frames
from pynat.wire.plain import key_to_guest

Text = list[bytes | memoryview]  # in pieces of any length


class FrameRun(NamedTuple):
    """Of consecutive TCP segments; the order is that of pynat/_fast.c."""

    start: bytes  # headers before TCP's
    last_start: bytes  # the same of the last frame, which may be shorter
    header: bytes  # TCP's with its options, sequence number and checksum 0
    base: int  # the sum of all that they share, but the flags, modulo 65,535
    seq: int  # of the first one
    last_flags: int
    size: int  # bytes of text in each of them; the last one may have fewer
    text: Text
    partial: bool = False  # of the checksum only `base` and the length are there, as in virtio

    def frames(self) -> list[bytes]:
        return tcp_frames(self)

    def behind(self, start: Callable[[int], bytes]) -> FrameRun:
        """Behind headers; `start` makes those of a segment of so many bytes."""
        length, header = self.length, len(self.header)
        last = start(header + (length - (self.frame_count - 1) * self.size))
        first = start(header + self.size) if length > self.size else last
        return FrameRun(first, last, *self[2:])

    def after(self, frames: int) -> FrameRun:
        """What is left of it behind its first frames."""
        left = frames * self.size
        text: Text = []
        for piece in self.text:
            if left < len(piece):
                text.append(memoryview(piece)[left:])
            left = max(0, left - len(piece))
        return self._replace(seq=(self.seq + frames * self.size) & 0xFFFFFFFF, text=text)

    @property
    def length(self) -> int:
        """Bytes of text."""
        return sum(map(len, self.text))

    @property
    def frame_count(self) -> int:
        """How many frames it makes; without text it is one."""
        return max(1, -(-self.length // self.size))

    @property
    def octets(self) -> int:
        """Bytes of all its frames."""
        before = (self.frame_count - 1) * len(self.start) + len(self.last_start)
        return self.length + self.frame_count * len(self.header) + before


Sendable = bytes | FrameRun  # a frame, or some


def frames_of(items: Iterable[Sendable]) -> list[bytes]:
    """All of them as objects, in order."""
    frames: list[bytes] = []
    for item in items:
        if isinstance(item, bytes):
            frames.append(item)
        else:
            frames += item.frames()
    return frames


def key_of(item: Sendable) -> bytes:
    """The flow's `FourTuple.key`."""
    return key_to_guest(item if isinstance(item, bytes) else item.start + item.header)


def count(items: Iterable[Sendable]) -> int:
    """How many frames they make."""
    return sum(1 if isinstance(item, bytes) else item.frame_count for item in items)


def last(items: list[Sendable], left: int) -> list[Sendable]:
    """The last so many frames of them."""
    out: list[Sendable] = []
    for item in reversed(items):
        if left <= 0:
            break
        own = 1 if isinstance(item, bytes) else item.frame_count
        out.append(item if isinstance(item, bytes) or own <= left else item.after(own - left))
        left -= own
    return out[::-1]
