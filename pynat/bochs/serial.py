"""What a guest says, line by line: files that Bochs writes while it runs (com1, port 0xE9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class GrowingText:
    """The lines of a file that grows, each once; bytes that are no UTF-8 are shown as such."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0
        self._partial = b""

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
