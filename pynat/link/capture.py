"""A link that writes every frame to a file on its way: pcapng, or pcap if the name ends so.

Written in whole records with one unbuffered write a turn, so that the file can be read at any
moment and stays whole however Bochs ends. Times are guest time in microseconds. pcapng
(draft-ietf-opsawg-pcapng) also says which way a frame went: from the guest is inbound (epb_flags
bit 0), to it outbound.

    pcap record:  4 seconds, 4 microseconds, 4 captured length, 4 original length, data
    pcapng EPB:   4 type 6, 4 length, 4 interface, 4+4 time, 4 captured, 4 original,
                  data padded to 4, 2 option 2 (flags), 2 length 4, 4 flags, 4 end, 4 length
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from struct import Struct

from pynat.errors import ConfigError
from pynat.link.link import Link

_ETHERNET = 1  # LINKTYPE_ETHERNET
_SNAPLEN = 1 << 18

_PCAP_HEADER = Struct("<IHHiIII").pack(0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, _ETHERNET)
_PCAP_RECORD = Struct("<IIII")

_SECTION = Struct("<IIIHHqI").pack(0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
_INTERFACE = Struct("<IIHHII").pack(1, 20, _ETHERNET, 0, _SNAPLEN, 20)
_EPB = Struct("<IIIIIII")
_EPB_END = Struct("<HHIII")

_INBOUND = 1
_OUTBOUND = 2


class CaptureFile:
    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the file cannot be written."""
        self._pcap = path.suffix == ".pcap"
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigError(
                f"capture: {path}: {error.strerror}; name a file that can be written"
            ) from error
        self._claim(path)
        self._write(_PCAP_HEADER if self._pcap else _SECTION + _INTERFACE)

    def _claim(self, path: Path) -> None:
        """Two network cards that write one file would spoil it; a pipe or device has no lock."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise ConfigError(
                f"capture: {path} is being written already, by another network card or another"
                " Bochs; give each card a file of its own"
            ) from None
        except OSError:
            pass  # no regular file
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)

    def add(self, frames: list[tuple[float, bytes]], *, from_guest: bool) -> None:
        """Raises OSError (disk full)."""
        record = self._pcap_record if self._pcap else self._block
        direction = _INBOUND if from_guest else _OUTBOUND
        self._write(b"".join(record(round(when * 1e6), data, direction) for when, data in frames))

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]

    @staticmethod
    def _pcap_record(micros: int, frame: bytes, _: int) -> bytes:
        seconds, fraction = divmod(micros, 1_000_000)
        return _PCAP_RECORD.pack(seconds, fraction, len(frame), len(frame)) + frame

    @staticmethod
    def _block(micros: int, frame: bytes, direction: int) -> bytes:
        padding = -len(frame) % 4
        length = _EPB.size + len(frame) + padding + _EPB_END.size
        return b"".join(
            (
                _EPB.pack(6, length, 0, micros >> 32, micros & 0xFFFFFFFF, len(frame), len(frame)),
                frame,
                b"\0" * padding,
                _EPB_END.pack(2, 4, direction, 0, length),
            )
        )


class CaptureLink:
    """A broken disk ends the capture, not the network."""

    def __init__(self, inner: Link, file: CaptureFile) -> None:
        self._inner = inner
        self._file: CaptureFile | None = file
        self.doorbell = inner.doorbell
        self.now = inner.now
        self.done = inner.done
        self.log = inner.log

    @property
    def closing(self) -> bool:
        return self._inner.closing

    @property
    def speed(self) -> int:
        return self._inner.speed

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self._inner.receive(limit)
        if frames:
            self._add(frames, from_guest=True)
        return frames

    def send(self, frames: list[bytes]) -> int:
        now = self._inner.now()
        self._add([(now, frame) for frame in frames], from_guest=False)
        return self._inner.send(frames)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _add(self, frames: list[tuple[float, bytes]], *, from_guest: bool) -> None:
        if self._file is None:
            return
        try:
            self._file.add(frames, from_guest=from_guest)
        except OSError as error:
            self.close()
            self.log(2, f"pynat: capture stopped: {error.strerror}; free some space, start again")
