"""What a guest says, line by line: files that Bochs writes while it runs (com1, port 0xE9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_VERDICT = re.compile(r"^PYNAT-EXIT (\d{1,3})\b")


# Where port 0xE9 leads Bochs has words of its own: its banner, and what its debugger says.
_OF_BOCHS = re.compile(
    r"=+$|\s+(Bochs x86 Emulator|Built from|Compiled on|Timestamp:)|Next at t=|\(\d+\)\.?\s*\["
)


def is_of_bochs(line: str) -> bool:
    """Of Bochs's standard output: whether it is none that the guest has said."""
    return _OF_BOCHS.match(line) is not None


def verdict(line: str) -> int | None:
    """The exit code by which a guest ends its run: `PYNAT-EXIT n`, n from 0 to 255."""
    found = _VERDICT.match(line)
    return int(found[1]) if found and int(found[1]) < 256 else None


class GrowingText:
    """The lines of a file that grows, each once; bytes that are no UTF-8 are shown as such."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0
        self._partial = b""

    @property
    def partial(self) -> str:
        """What has come of a line that has no end yet."""
        return _text(self._partial)

    def new(self) -> list[str]:
        """The lines that are complete now and were not before."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        self._at += len(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [_text(line) for line in lines]

    def rest(self) -> Iterator[str]:
        """The last line, if it has no end; nothing more is to come."""
        last, self._partial = self._partial, b""
        if last:
            yield _text(last)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").strip("\r")
