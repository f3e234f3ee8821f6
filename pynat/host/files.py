"""The files that the guest reads and writes by TFTP: regular files below one folder.

Nothing outside the folder is ever opened, whatever changes there meanwhile. The names of a path
are walked one by one, each relative to the open descriptor of the folder before it and never
through a symbolic link. Links are followed by hand: their target is walked in the same manner,
`..` goes back to the descriptor we came from, and a target that would leave the root (an
absolute one, or too many `..`) fails with EXDEV. So a race can swap one file below the root for
another, and no more. What Linux calls RESOLVE_BENEATH does the same, but Python has no call for
it.

A device or FIFO is not opened at all; one that slips in between is opened without blocking and
closed again. Calls on regular files are taken to be quick: they are made in the event loop, and
one reads at most what the caller asks for, a window of blocks and as much ahead.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from pynat.host.descriptors import MakeRoom, from_reserve, no_room, with_room
from pynat.nat.messages import (
    Event,
    FileData,
    FileFailed,
    FileOpen,
    FileOpened,
    FileRead,
    FileWrite,
    FileWritten,
)

MAX_LINKS = 40  # that a path may lead through, as in Linux
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_READABLE_BY_ALL = 0o644  # less the umask


class Files:
    def __init__(
        self, root: Path | None, emit: Callable[[Event], None], make_room: MakeRoom = no_room
    ) -> None:
        self._root = root
        self._make_room = make_room
        self._emit = emit
        self._open: dict[int, int] = {}

    def perform(self, action: FileOpen | FileRead | FileWrite) -> None:
        if not isinstance(action, FileOpen) and action.flow not in self._open:
            return  # failed in this very turn; FileFailed is on its way
        try:
            match action:
                case FileOpen():
                    event: Event = self._opened(action)
                case FileRead():
                    event = FileData(action.flow, self._read(action))
                case FileWrite():
                    self._write(action)
                    event = FileWritten(action.flow)
        except OSError as error:
            self.close(action.flow)
            event = FileFailed(action.flow, error.errno or errno.EIO)
        self._emit(event)

    def close(self, flow: int) -> None:
        descriptor = self._open.pop(flow, None)
        if descriptor is not None:
            os.close(descriptor)

    def close_all(self) -> None:
        for flow in list(self._open):
            self.close(flow)

    def _opened(self, action: FileOpen) -> FileOpened:
        if self._root is None:
            raise _failure(errno.ENOENT)
        root, path = self._root, action.path
        descriptor = with_room(
            self._make_room, lambda: open_beneath(root, path, write=action.write)
        )
        self._open[action.flow] = descriptor
        if action.write:
            os.ftruncate(descriptor, 0)
        return FileOpened(action.flow, os.fstat(descriptor).st_size)

    def _read(self, action: FileRead) -> bytes:
        data = b""
        while len(data) < action.length:
            left, at = action.length - len(data), action.offset + len(data)
            piece = os.pread(self._open[action.flow], left, at)
            if not piece:
                break
            data += piece
        return data

    def _write(self, action: FileWrite) -> None:
        written = 0
        while written < len(action.data):
            piece, at = action.data[written:], action.offset + written
            written += os.pwrite(self._open[action.flow], piece, at)


def open_beneath(root: Path, path: tuple[bytes, ...], *, write: bool) -> int:
    """A descriptor of the regular file; raises OSError."""
    folders = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        return _walk(folders, list(reversed(path)), write=write)
    finally:
        for descriptor in folders:
            os.close(descriptor)


def _walk(folders: list[int], todo: list[bytes], *, write: bool) -> int:
    """`folders` are those that we are in, the root first; `todo` is the way on, backwards."""
    links = 0
    while todo:
        name = todo.pop()
        if name == b"..":
            os.close(folders.pop())
            if not folders:
                raise _failure(errno.EXDEV)
        elif (target := _link(name, folders[-1])) is not None:
            links += 1
            if links > MAX_LINKS:
                raise _failure(errno.ELOOP)
            if target.startswith(b"/"):
                raise _failure(errno.EXDEV)
            todo += [part for part in reversed(target.split(b"/")) if part not in (b"", b".")]
        elif todo:
            folders.append(os.open(name, _FOLDER, dir_fd=folders[-1]))
        else:
            return _open_file(name, folders[-1], write=write)
    raise _failure(errno.EISDIR)  # a link to a folder


def _link(name: bytes, folder: int) -> bytes | None:
    """Where a symbolic link leads; None if it is none."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def _open_file(name: bytes, folder: int, *, write: bool) -> int:
    try:
        _check_regular(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        if not write:
            raise
    flags = os.O_WRONLY | os.O_CREAT if write else os.O_RDONLY
    descriptor = os.open(name, flags | _FILE, _READABLE_BY_ALL, dir_fd=folder)
    try:
        _check_regular(os.fstat(descriptor))
        if from_reserve(descriptor):
            raise _failure(errno.EMFILE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _failure(errno.EISDIR)
    if not stat.S_ISREG(status.st_mode):
        raise _failure(errno.ENODEV)


def _failure(number: int) -> OSError:
    return OSError(number, os.strerror(number))
