"""A link that writes every frame to a file on its way, from `start` to `stop`.

The name says the format: pcapng, or pcap if it ends in .pcap. Whole records are written with one
unbuffered write at the end of each turn, when everything is known that a frame's comment can say;
so the file can be read at any moment and stays whole however the process ends. Where the disk is
full, the piece of a record that fitted is cut off again. In a pcapng file the first frame of each
flow has the flow's name as its comment (`pynat.capture.flow_names`), and any frame what was
remarked on it. While a bad wire holds a frame of the guest's, that one and up to MOST_KEPT behind
it are kept back: whether it arrives, and what the router says of it, is not known before.

Rotation, where a size is set: `x.pcapng` is always the newest file, `x.1.pcapng` the one before,
and so on; the oldest goes when there are as many as allowed. A file that is full by `size` bytes
is left at the next frame, so it is longer by one turn's frames at most.

While nothing is captured, `receive`, `send` and those of runs are the inner link's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface
from pathlib import Path
from typing import NamedTuple

from pynat.capture import pcap
from pynat.capture.flow_names import FlowNames
from pynat.config import Config, Network
from pynat.errors import ConfigError
from pynat.link.link import Link, Wrapper
from pynat.log.comments import RESET, FrameComments
from pynat.log.notices import Level

MIB = 1 << 20
MOST_KEPT = 1024  # records


class Rotation(NamedTuple):
    size: int | None = None  # bytes of one file; None = one file without limit
    files: int = 2  # that are kept, the newest among them


NO_ROTATION = Rotation()


class Record(NamedTuple):
    when: float
    frame: bytes
    from_guest: bool
    lost: bool = False  # it does not come to the other end


class CaptureFile:
    """One file, open and locked."""

    def __init__(self, path: Path, header: bytes) -> None:
        """header: of a pcapng file. Raises ConfigError when the file cannot be written."""
        self.is_pcap = path.suffix == ".pcap"
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
            self._speed_at = None if self.is_pcap else pcap.speed_at(header)
            self._write(pcap.PCAP_HEADER if self.is_pcap else header)
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

    def add(self, records: list[Record], comment: Callable[[Record], str]) -> None:
        """Raises OSError (disk full)."""
        if self.is_pcap:
            self._write(b"".join(pcap.pcap_record(_micros(one.when), one.frame) for one in records))
            return
        self._write(
            b"".join(
                pcap.pcapng_block(
                    _micros(one.when),
                    one.frame,
                    from_guest=one.from_guest,
                    comment=comment(one),
                    lost=one.lost,
                )
                for one in records
            )
        )

    def tell_speed(self, megabits: int) -> None:
        """Of the guest's card; once."""
        if megabits and self._speed_at is not None:
            with contextlib.suppress(OSError):  # a pipe has no places
                os.pwrite(self._fd, pcap.speed(megabits), self._speed_at)
            self._speed_at = None

    def end(self, now: float) -> None:
        """Nothing more has come."""
        if not self.is_pcap:
            with contextlib.suppress(OSError):
                self._write(pcap.pcapng_end(_micros(now)))
        self.close()

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
        self,
        inner: Link,
        rotation: Rotation = NO_ROTATION,
        comments: FrameComments | None = None,
        *,
        epoch: float = 0.0,
        network: Network | None = None,
    ) -> None:
        """epoch: seconds that are added to the link's time in the file."""
        super().__init__(inner)
        self._rotation = rotation
        self._comments = comments or FrameComments()
        self._epoch = epoch
        self._network = network or Network()
        self._file: CaptureFile | None = None
        self._names = FlowNames()
        self._turn: list[Record] = []
        self.path: Path | None = None  # of the running capture
        self._rest()

    def _rest(self) -> None:
        self.done = self._inner.done
        self.receive = self._inner.receive
        self.receive_runs = self._inner.receive_runs
        self.send = self._inner.send
        self.send_runs = self._inner.send_runs
        self._comments.want(False)

    # ------------------------------------------------------------------ at run time
    def adopt(self, network: Network) -> None:
        """The net of the guest's wire, for files that begin from now on."""
        self._network = network

    def start(self, path: Path, *, first: bool = False) -> None:
        """In the place of a running capture, if there is one. Raises ConfigError.

        first: nothing has been on the wire before.
        """
        if path == self.path:
            raise ConfigError(f"capture: {path} is being written already; stop it first")
        file = CaptureFile(path, self._header(first=first))
        self.stop()
        self._file, self.path, self._names = file, path, FlowNames()
        self._was_reset()  # what was before it is not in the file
        self.receive, self.send, self.done = self._receive, self._send, self._done
        self.receive_runs = self.send_runs = None
        self._comments.want(not file.is_pcap)

    def stop(self) -> Path | None:
        """The file that is complete now, if one was being written."""
        self._write_turn(self._turn)
        path = self.path
        if self._file is not None:
            self._file.end(self._inner.now() + self._epoch)
            self._file = None
        self._end()
        return path

    def show(self, frame: bytes, *, from_guest: bool) -> None:
        """Write down a frame that nobody receives: the wire loses it."""
        if self._file is not None:
            self._turn.append(Record(self._inner.now(), frame, from_guest))

    # ------------------------------------------------------------------ while it runs
    def _receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self._inner.receive(limit)
        self._turn += [Record(when, frame, True) for when, frame in frames]
        if frames:
            self._say_reset(frames[0][1])
        return frames

    def _send(self, frames: list[bytes]) -> int:
        now = self._inner.now()
        self._turn += [Record(now, frame, False) for frame in frames]
        if frames:
            self._say_reset(frames[0])
        return self._inner.send(frames)

    def _say_reset(self, frame: bytes) -> None:
        if self._was_reset():
            self._comments.add(frame, RESET)

    def _done(self, hold_until: float, timer: float | None) -> None:
        try:
            self._write_turn(self._known())
        finally:
            self._inner.done(hold_until, timer)

    def _known(self) -> list[Record]:
        """Up to the first one that a bad wire holds."""
        records, waits = self._turn, self._comments.waits
        least = max(0, len(records) - MOST_KEPT)
        kept = (at for at in range(least, len(records)) if waits(records[at].frame))
        return records[: next(kept, len(records))]

    def _write_turn(self, records: list[Record]) -> None:
        self._turn = self._turn[len(records) :]
        if not records or self._file is None:
            return
        epoch, is_lost = self._epoch, self._comments.is_lost
        records = [Record(one[0] + epoch, one[1], one[2], is_lost(one[1])) for one in records]
        try:
            self._make_room()
            self._file.tell_speed(self.speed)
            self._file.add(records, self._comment)
        except (OSError, ConfigError) as error:
            why = f"{self.path}: {error.strerror}" if isinstance(error, OSError) else error
            self._end()
            self.log(Level.ERROR, f"pynat: capture stopped: {why}; the network goes on")

    def _header(self, *, first: bool = False) -> bytes:
        network = self._network
        router = IPv4Interface((network.router, network.net.prefixlen))
        said = [pcap.BEGINS] * first + [pcap.LINTED] * self._comments.linted
        said.append(f"{pcap.MTU}{network.mtu}")
        return pcap.pcapng_header(router, network.mac, self.speed, said)

    def _comment(self, record: Record) -> str:
        name = self._names.of_first(record.frame, from_guest=record.from_guest)
        remarks = self._comments.pop(record.frame)
        return f"{name}\n{remarks}" if name and remarks else name or remarks

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self.path = None
        self._rest()

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
        full, self._file = self._file, CaptureFile(self.path, self._header())
        full.close()


def numbered(path: Path, number: int) -> Path:
    """x.pcapng, x.1.pcapng, x.2.pcapng ..."""
    return path.with_suffix(f".{number}{path.suffix}") if number else path


@contextlib.contextmanager
def captured(
    inner: Link, config: Config, comments: FrameComments | None = None, *, epoch: float = 0.0
) -> Iterator[CaptureLink]:
    """`inner` with the capture that is configured, and for others to start at run time."""
    size = None if config.capture_size is None else config.capture_size * MIB
    rotation = Rotation(size, config.capture_files)
    link = CaptureLink(inner, rotation, comments, epoch=epoch, network=config.network)
    if config.capture is not None:
        try:
            link.start(config.capture, first=True)
        except ConfigError as error:
            inner.log(Level.ERROR, f"pynat: {error}; the network goes on without a capture")
    try:
        yield link
    finally:
        link.stop()


def _micros(seconds: float) -> int:
    return round(seconds * 1e6)
