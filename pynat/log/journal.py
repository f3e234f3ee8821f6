"""The file of `lint.json`: every drop and finding, a JSON object a line.

Written line by line, so that it can be read at any moment. It ends at `MAX_SIZE` bytes with a line
that says so; a disk that takes no more ends it too, and not the network.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from pynat.errors import ConfigError
from pynat.log.as_json import as_line
from pynat.log.notices import JournalEntry, Level, Notices

MAX_SIZE = 64 << 20  # bytes


class Journal:
    def __init__(self, path: Path, notices: Notices, limit: int = MAX_SIZE) -> None:
        """Raises ConfigError."""
        self._path = path
        self._notices = notices
        self._limit = limit
        self._size = 0
        try:
            self._file = FileIO(path, "wb", opener=_locked)
        except BlockingIOError:
            text = f'lint.json = "{path}": another network writes it; give each a file of its own'
            raise ConfigError(text) from None
        except OSError as error:
            raise ConfigError(f"lint.json: {path}: {error.strerror}") from None
        self._is_over = False
        notices.keep_in(self.add)

    def add(self, entry: JournalEntry) -> None:
        if self._is_over:
            return
        line = as_line(entry)
        if self._size + len(line) > self._limit:
            last = {"end": f"{self._limit} bytes are full; what came later is not here"}
            self._write(json.dumps(last).encode() + b"\n")
            self._end(f"is full ({self._limit} bytes)")
        else:
            self._write(line)

    def close(self) -> None:
        self._is_over = True
        self._file.close()

    def _write(self, line: bytes) -> None:
        try:
            written = self._file.write(line)
        except OSError as error:
            self._end(f"stopped: {error.strerror}")
            return
        self._size += len(line)
        if written != len(line):
            self._end("stopped: the disk is full")

    def _end(self, why: str) -> None:
        if not self._is_over:
            self.close()
            self._notices.say(Level.ERROR, f"lint.json: {self._path} {why}; the network goes on")


def _locked(path: str, flags: int) -> int:
    """Emptied only when it is nobody else's."""
    flags = flags & ~os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe that nobody reads
    descriptor = os.open(path, flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    with contextlib.suppress(OSError):  # a pipe has no length
        os.ftruncate(descriptor, 0)
    return descriptor


@contextlib.contextmanager
def journaled(path: Path | None, notices: Notices) -> Iterator[None]:
    """Where the file cannot be had, the network goes on without it."""
    journal = _opened(path, notices) if path is not None else None
    if journal is None:
        yield
        return
    with contextlib.closing(journal):
        yield


def _opened(path: Path, notices: Notices) -> Journal | None:
    try:
        return Journal(path, notices)
    except ConfigError as error:
        notices.say(Level.ERROR, f"{error}; the network goes on without it")
        return None
