"""Hooks on frames: a script looks at each one, lets it pass, changes it, drops it, adds others.

The frames for the guest pass when a turn ends, those of the guest before the router sees them.
scapy takes a frame apart only if the script asks for `frame.packet`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

from pynat import rules
from pynat.log.comments import FrameComments
from pynat.log.notices import Notices
from pynat.net.report import placed

MAX_INJECTED = 10_000  # frames that wait for their turn
MAX_MADE = 10_000  # frames that hooks make in one turn beside those that were there
MIN_FRAME = 14  # bytes: an Ethernet header
MAX_FRAME = 65_549


class Drop:
    """What a hook returns to drop a frame, and a flow's first datagram or SYN."""

    def __repr__(self) -> str:
        return "DROP"


DROP = Drop()
BOTH = "both"


class Frame:
    def __init__(self, data: bytes, from_guest: bool, time: float) -> None:
        self.bytes = data
        self.from_guest = from_guest
        self.time = time
        self._packet: Any = None

    @property
    def packet(self) -> Any:
        """The frame as scapy has it. It is a copy: return it to send it instead."""
        if self._packet is None:
            try:
                from scapy.layers.l2 import Ether
            except ImportError:
                raise ModuleNotFoundError(
                    "frame.packet needs scapy: pip install scapy", name="scapy"
                ) from None

            self._packet = Ether(self.bytes)
        return self._packet

    def __repr__(self) -> str:
        way = "from" if self.from_guest else "to"
        return f"<Frame {way} the guest, {len(self.bytes)} bytes, {self.time:.6f} s>"


Hook = Callable[[Frame], Any]
Guarded = Callable[[Callable[[], str], float], AbstractContextManager[None]]


def _unguarded(what: Callable[[], str], now: float) -> AbstractContextManager[None]:  # noqa: ARG001
    """Before there is a loop."""
    return nullcontext()


class FrameHooks:
    """Those of one network, and the frames that it puts in between."""

    def __init__(self) -> None:
        self.hooks: list[tuple[str, Hook]] = []  # direction, function
        self.to_guest: list[bytes] = []  # injected
        self.from_guest: list[bytes] = []
        self._made = 0  # in this turn
        self._guarded: Guarded = _unguarded

    def start(self, guarded: Guarded) -> None:
        """guarded: what a hook is called within, given what it is and the time."""
        self._guarded = guarded
        self.to_guest, self.from_guest = [], []

    def inject(self, frame: object, *, to_guest: bool) -> None:
        queue = self.to_guest if to_guest else self.from_guest
        if len(queue) >= MAX_INJECTED:
            raise RuntimeError(f"inject: {MAX_INJECTED} frames wait already for this turn to end")
        queue.append(_bytes(frame))

    def pop_injected(self, *, to_guest: bool) -> list[bytes]:
        """What has been injected. The frames for the guest are taken when a turn ends."""
        if to_guest:
            self._made = 0
            frames, self.to_guest = self.to_guest, []
        else:
            frames, self.from_guest = self.from_guest, []
        return frames

    def apply(self, data: bytes, *, from_guest: bool, now: float, notices: Notices) -> list[bytes]:
        """What becomes of a frame; it stays the same object if nothing does."""
        if not self.hooks:
            return [data]
        frames = [data]
        for direction, hook in self.hooks:
            if direction in (BOTH, "from_guest" if from_guest else "to_guest"):
                frames = [
                    new for one in frames for new in self._asked(hook, Frame(one, from_guest, now))
                ]
        _comment(notices.comments, data, frames, from_guest=from_guest)
        if not frames:
            if from_guest:
                notices.comments.lose(data)
                notices.bad_wire.lose(data, "a script", now)
            way = "from" if from_guest else "to"
            text = f"{len(data)} bytes {way} the guest: on_frame returned DROP"
            notices.drop(rules.net.ON_FRAME, text, now)
        return frames

    def _asked(self, hook: Hook, frame: Frame) -> list[bytes]:
        """A hook that fails lets its frame pass."""
        passes = "the frame passes as it was"
        with self._guarded(lambda: f"on_frame {placed(hook)}; {passes}", frame.time):
            answer = hook(frame)
            if answer is DROP:
                return []
            if answer is not None:
                several = answer if isinstance(answer, list | tuple) else [answer]
                return self._counted([_bytes(one) for one in islice(several, MAX_MADE + 2)])
        return [frame.bytes]

    def _counted(self, frames: list[bytes]) -> list[bytes]:
        made = self._made + max(0, len(frames) - 1)
        if made > MAX_MADE:
            raise ValueError(f"hooks may make {MAX_MADE} more frames in one turn")
        self._made = made
        return frames


def _bytes(frame: object) -> bytes:
    """Of a frame that a script has made: bytes, or what scapy makes them of."""
    if not isinstance(frame, bytes | bytearray | memoryview) and not hasattr(frame, "build"):
        raise TypeError(f"a frame is bytes or a packet of scapy, not {type(frame).__name__}")
    data = bytes(frame)  # type: ignore[call-overload]
    if not MIN_FRAME <= len(data) <= MAX_FRAME:
        raise ValueError(f"a frame has {MIN_FRAME} to {MAX_FRAME} bytes, not {len(data)}")
    return bytes(memoryview(data))


def _comment(
    comments: FrameComments, before: bytes, after: list[bytes], *, from_guest: bool
) -> None:
    """In the capture: of the guest's frame, what became of it; of others, that they are new."""
    if not comments.wanted or (len(after) == 1 and after[0] is before):
        return
    if from_guest:
        comments.add(before, "dropped by a script" if not after else "changed by a script")
        for one in after:
            if one is not before:
                comments.same(one, before)
    else:
        said = comments.pop(before).split("\n")
        for one in after:
            for line in (*said, "changed by a script"):
                if line:
                    comments.add(one, line)
