"""What there is to say of single frames, for the comments of a capture, and their numbers.

Who knows something of a frame writes it here, and the capture takes it when it writes the frame.
A frame is its bytes object, not its contents: equal frames are remarked on one by one. No text is
kept unless `wanted`, so callers whose text is costly look at that first. Numbers of frames, and
what a bad wire did to them, are kept for a while always.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from pynat.harmless import harmless
from pynat.rules import Rule

IMPAIRED = "impair rule"  # begins what is said of a bad wire
NOT_DELIVERED = "not delivered: "  # begins what is said of a frame that the card did not take
IGNORED = "on purpose: as good as lost"  # said of what a host that misbehaves does not hear
RESET = "the guest was reset before"  # said of the first frame since
_WAITED = re.compile(r"^may have waited (\d+\.\d+) s to be ", re.MULTILINE)
_MAX_FRAMES = 4096  # frames remarked on and never written; then the oldest is forgotten
_NUMBERED = 512  # frames whose numbers are remembered at least, for what is said of them


class WireFault(NamedTuple):
    """What a bad wire did to a frame of the guest's."""

    cause: str  # the impair rule, say
    explains: frozenset[Rule] | None  # what may come of it; None: it was changed, anything


def waited(seconds: float, to_be: str) -> str:
    """What is said of a frame that was not read, or handed over, at once."""
    return f"may have waited {seconds:.6f} s to be {to_be}: this machine was busy"


def seconds_waited(comment: str) -> float:
    """At most."""
    found = _WAITED.search(comment)
    return float(found[1]) if found else 0.0


@dataclass(slots=True)
class _Said:
    texts: list[str] = field(default_factory=list)
    lost: bool = False  # it does not come to the other end of the guest's wire


class FrameComments:
    def __init__(self) -> None:
        self.wanted = False  # a capture is running that can hold comments
        self.frame: bytes | None = None  # that the router is dealing with
        self.linted = False  # the linter looks at every frame
        self._said: dict[int, tuple[bytes, _Said]] = {}  # by id(); the frame keeps it valid
        self._waiting: dict[int, bytes] = {}  # frames that a bad wire holds, likewise
        self._blamed: dict[int, tuple[bytes, WireFault]] = {}  # those of a bad wire, likewise
        self._last = 0
        self._numbers: dict[int, tuple[bytes, int]] = {}  # likewise
        self._older = self._numbers

    def count(self, frame: bytes) -> None:
        """One more on the guest's wire; the first is 1, as in Wireshark."""
        self._last += 1
        if len(self._numbers) >= _NUMBERED:
            self._forget_older()
        self._numbers[id(frame)] = (frame, self._last)

    def number(self, frame: bytes, number: int) -> None:
        if len(self._numbers) >= _NUMBERED:
            self._forget_older()
        self._numbers[id(frame)] = (frame, number)

    def _forget_older(self) -> None:
        self._older, self._numbers = self._numbers, {}

    def number_of(self, frame: bytes | None) -> int | None:
        """None where nobody counts."""
        known = self._numbers.get(id(frame)) or self._older.get(id(frame))
        return known[1] if known else None

    def want(self, wanted: bool) -> None:
        """From now on; what was kept and is not wanted any more is forgotten."""
        self.wanted = wanted
        if not wanted:
            self._said.clear()
            self._waiting.clear()

    def look(self, *, linted: bool) -> None:
        """Whether the linter looks at every frame."""
        self.linted = linted

    def deal_with(self, frame: bytes | None) -> None:
        """The router is dealing with this one from now on, or with none."""
        self.frame = frame

    def _of(self, frame: bytes) -> _Said:
        if id(frame) not in self._said:
            self._keep(frame, _Said())
        return self._said[id(frame)][1]

    def _keep(self, frame: bytes, said: _Said) -> None:
        if len(self._said) >= _MAX_FRAMES:
            del self._said[next(iter(self._said))]
        self._said[id(frame)] = frame, said

    def add(self, frame: bytes, text: str) -> None:
        """One line."""
        if self.wanted:
            self._of(frame).texts.append(harmless(text))

    def add_here(self, text: str) -> None:
        """Of the frame that the router is dealing with, if there is one."""
        if self.frame is not None:
            self.add(self.frame, text)

    def same(self, frame: bytes, as_one: bytes) -> None:
        """What is said of `frame` from now on is said of `as_one`, out of which it was made."""
        if (number := self.number_of(as_one)) is not None:
            self.number(frame, number)
        if self.wanted:
            self._keep(frame, self._of(as_one))

    def lose(self, frame: bytes) -> None:
        """It does not come to the other end of the guest's wire."""
        if self.wanted:
            self._of(frame).lost = True

    def wait(self, frame: bytes) -> None:
        """A bad wire holds it: what becomes of it is not known yet."""
        if self.wanted:
            self._waiting[id(frame)] = frame

    def come(self, frame: bytes) -> None:
        """It is through, or lost."""
        self._waiting.pop(id(frame), None)

    def waits(self, frame: bytes) -> bool:
        return id(frame) in self._waiting

    def blame(self, frame: bytes, fault: WireFault) -> None:
        if len(self._blamed) >= _NUMBERED:
            self._blamed.clear()
        self._blamed[id(frame)] = (frame, fault)

    def fault_of(self, frame: bytes | None) -> WireFault | None:
        _, fault = self._blamed.get(id(frame), (frame, None))
        return fault

    def is_lost(self, frame: bytes) -> bool:
        known = self._said.get(id(frame))
        return known is not None and known[1].lost

    def pop(self, frame: bytes) -> str:
        """What was said of the frame, a line each; it is forgotten here."""
        known = self._said.pop(id(frame), None)
        return "\n".join(known[1].texts) if known else ""
