"""A link that writes every frame to a file on its way, from `start` to `stop`.

The name says the format: pcapng, or pcap if it ends in .pcap. Whole records are written with one
unbuffered write a turn, so that the file can be read at any moment and stays whole however the
process ends; where the disk is full, the piece of a record that fitted is cut off again. In a
pcapng file the first frame of each flow has the flow's name as its comment
(`pynat.link.flow_names`).

Rotation, where a size is set: `x.pcapng` is always the newest file, `x.1.pcapng` the one before,
and so on; the oldest goes when there are as many as allowed. A file that is full by `size` bytes
is left at the next frame, so it is longer by one turn's frames at most.

While nothing is captured, `receive` and `send` are the inner link's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pynat.config import Config
from pynat.errors import ConfigError
from pynat.link import pcap
from pynat.link.flow_names import FlowNames
from pynat.link.link import Link, Wrapper
from pynat.notices import Level

MIB = 1 << 20


class Rotation(NamedTuple):
    size: int | None = None  # bytes of one file; None = one file without limit
    files: int = 2  # that are kept, the newest among them


NO_ROTATION = Rotation()


class CaptureFile:
    """One file, open and locked."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the file cannot be written."""
        self._is_pcap = path.suffix == ".pcap"
        try:
            # Not to wait for the reader of a FIFO: the network goes on, and the capture ends.
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            self._fd = os.open(path, flags, 0o644)
        except OSError as error:
            raise ConfigError(
                f"capture: {path}: {error.strerror}; name a file that can be written"
            ) from error
        try:
            self._claim(path)
            self.size = 0
            self._write(pcap.PCAP_HEADER if self._is_pcap else pcap.PCAPNG_HEADER)
        except OSError as error:
            os.close(self._fd)
            raise ConfigError(f"capture: {path}: {error.strerror}; free some space") from error
        except ConfigError:
            os.close(self._fd)
            raise

    def _claim(self, path: Path) -> None:
        """Two network cards that write one file would spoil it; a pipe or device has no lock."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"capture: {path} is being written already, by another network card or another"
                " Bochs; give each card a file of its own"
            ) from None
        except OSError:
            pass  # no regular file
        self._cut(0)

    def add(self, frames: list[tuple[float, bytes]], names: FlowNames, *, from_guest: bool) -> None:
        """Raises OSError (disk full)."""
        if self._is_pcap:
            self._write(b"".join(pcap.pcap_record(_micros(t), frame) for t, frame in frames))
            return
        self._write(
            b"".join(
                pcap.pcapng_block(
                    _micros(t),
                    frame,
                    from_guest=from_guest,
                    comment=names.of_first(frame, from_guest=from_guest),
                )
                for t, frame in frames
            )
        )

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            self._cut(self.size)
            raise
        self.size += len(data)

    def _cut(self, size: int) -> None:
        with contextlib.suppress(OSError):  # a pipe has no length
            os.ftruncate(self._fd, size)
            os.lseek(self._fd, size, os.SEEK_SET)


class CaptureLink(Wrapper):
    """A broken disk ends the capture, not the network."""

    def __init__(
        self, inner: Link, rotation: Rotation = NO_ROTATION, *, epoch: float = 0.0
    ) -> None:
        """epoch: seconds that are added to the link's time in the file."""
        super().__init__(inner)
        self._rotation = rotation
        self._epoch = epoch
        self._file: CaptureFile | None = None
        self._names = FlowNames()
        self.path: Path | None = None  # of the running capture
        self.done = inner.done
        self.receive = inner.receive
        self.send = inner.send

    # ------------------------------------------------------------------ at run time
    def start(self, path: Path) -> None:
        """In the place of a running capture, if there is one. Raises ConfigError."""
        if path == self.path:
            raise ConfigError(f"capture: {path} is being written already; stop it first")
        file = CaptureFile(path)
        self.stop()
        self._file, self.path, self._names = file, path, FlowNames()
        self.receive, self.send = self._receive, self._send

    def stop(self) -> Path | None:
        """The file that is complete now, if one was being written."""
        path, self.path = self.path, None
        if self._file is not None:
            self._file.close()
            self._file = None
            self.receive, self.send = self._inner.receive, self._inner.send
        return path

    # ------------------------------------------------------------------ while it runs
    def _receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self._inner.receive(limit)
        if frames:
            self._add(frames, from_guest=True)
        return frames

    def _send(self, frames: list[bytes]) -> int:
        now = self._inner.now()
        self._add([(now, frame) for frame in frames], from_guest=False)
        return self._inner.send(frames)

    def _add(self, frames: list[tuple[float, bytes]], *, from_guest: bool) -> None:
        assert self._file is not None
        if self._epoch:
            frames = [(when + self._epoch, frame) for when, frame in frames]
        try:
            self._make_room()
            self._file.add(frames, self._names, from_guest=from_guest)
        except (OSError, ConfigError) as error:
            why = f"{self.path}: {error.strerror}" if isinstance(error, OSError) else error
            self.stop()
            self.log(Level.ERROR, f"pynat: capture stopped: {why}; the network goes on")

    def _make_room(self) -> None:
        """The next file, if this one is full."""
        assert self._file is not None
        assert self.path is not None
        size, files = self._rotation
        if size is None or self._file.size < size:
            return
        for number in range(files - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                numbered(self.path, number - 1).replace(numbered(self.path, number))
        full, self._file = self._file, CaptureFile(self.path)
        full.close()


def numbered(path: Path, number: int) -> Path:
    """x.pcapng, x.1.pcapng, x.2.pcapng ..."""
    return path.with_suffix(f".{number}{path.suffix}") if number else path


@contextlib.contextmanager
def captured(inner: Link, config: Config, *, epoch: float = 0.0) -> Iterator[CaptureLink]:
    """`inner` with the capture that the configuration wants, and for others to start at run time.

    Raises ConfigError.
    """
    size = None if config.capture_size is None else config.capture_size * MIB
    link = CaptureLink(inner, Rotation(size, config.capture_files), epoch=epoch)
    if config.capture is not None:
        link.start(config.capture)
    try:
        yield link
    finally:
        link.stop()


def _micros(seconds: float) -> int:
    return round(seconds * 1e6)
