"""Bytes of the host that the guest has not acknowledged, in the chunks in which they were read.

Nothing is copied, neither on the way in nor on the way out. Sequence numbers are those of
`pynat.nat.tcp.seq`. A chunk goes when its last byte is released, so up to one chunk more than
`len()` bytes is kept.
"""

from __future__ import annotations

SMALL = 2048  # bytes; smaller chunks are joined, or a host that writes single bytes fills lists


class SendBuffer:
    __slots__ = ("_base", "_chunks", "end", "start")

    def __init__(self, start: int) -> None:
        """start: the sequence number of the first byte that will be written."""
        self.start = start
        self.end = start
        self._chunks: list[bytes] = []  # few, so a list does, which takes a tenth of a deque
        self._base = start  # of the first chunk's first byte

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def kept(self) -> int:
        """Bytes in memory."""
        return self.end - self._base

    def write(self, data: bytes) -> None:
        self.end += len(data)
        if self._chunks and len(self._chunks[-1]) + len(data) <= SMALL:
            self._chunks[-1] += data
        else:
            self._chunks.append(data)

    def release(self, until: int) -> None:
        """Forget everything before `until`, which may lie beyond the end (SYN, FIN)."""
        self.start = max(min(until, self.end), self.start)
        chunks = self._chunks
        while chunks and self._base + len(chunks[0]) <= self.start:
            self._base += len(chunks.pop(0))
        if not chunks:
            self._base = self.end = self.start

    def views(self, seq: int, end: int) -> list[bytes | memoryview]:
        """The bytes from `seq` to `end`, in pieces as they lie here."""
        pieces: list[bytes | memoryview] = []
        at = self._base
        for chunk in self._chunks:
            if at + len(chunk) > seq:
                pieces.append(memoryview(chunk)[max(0, seq - at) : end - at])
            at += len(chunk)
            if at >= end:
                break
        return pieces
