"""What a guest says at one place, in lines; each line is expected once."""

from __future__ import annotations

import re
from pathlib import Path

from pynat.bochs.serial import GrowingText, is_of_bochs


class Stream:
    """lines: those that have come, without their ends."""

    def __init__(self, path: Path) -> None:
        self._text = GrowingText(path)
        self.lines: list[str] = []
        self._next = 0  # the line that has not been expected yet
        self._cut = 0  # what of it has been, when it was a prompt

    def look(self, *, last: bool = False) -> list[str]:
        """The new lines. last: nothing comes any more, so the last one needs no end."""
        new = self._text.new()
        if last:
            new += self._text.rest()
        new = [line for line in new if not is_of_bochs(line)]
        self.lines += new
        return new

    def take(self, pattern: re.Pattern[str], *, prompt: bool) -> re.Match[str] | None:
        """The first match behind what has been taken. prompt: also in a line without an end."""
        for number in range(self._next, len(self.lines)):
            found = pattern.search(self.lines[number], self._cut)
            if found and prompt:  # what is behind it is left, as where the line has no end yet
                self._next, self._cut = number, found.end()
                return found
            self._next, self._cut = number + 1, 0
            if found:
                return found
        found = pattern.search(self._text.partial, self._cut) if prompt else None
        if found:
            self._cut = found.end()
        return found
