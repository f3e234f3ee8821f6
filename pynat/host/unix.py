"""Listening Unix sockets: for this user alone, in the place of dead ones, gone at the end.

The file's mode comes from the descriptor's, set before bind, so that there is no moment at which
somebody else could connect.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from struct import Struct

from pynat.host.descriptors import open_socket

_UCRED = Struct("3i")  # pid, uid, gid


class UnixListener(socket.socket):
    """Its file goes with it, unless somebody has put another one there."""

    _path: Path | None = None
    _identity: tuple[int, int] = (0, 0)

    def bind_to(self, path: Path) -> None:
        os.fchmod(self.fileno(), 0o600)
        self.bind(str(path))
        self._path, self._identity = path.absolute(), _identity(path)

    def close(self) -> None:
        super().close()
        path, self._path = self._path, None
        if path is None:
            return
        try:
            if _identity(path) == self._identity:
                path.unlink()
        except OSError:
            pass  # somebody has removed it


def listen(path: Path, backlog: int) -> UnixListener:
    """Raises OSError; EADDRINUSE if a live process listens there or it is no socket."""
    remove_dead(path)
    plain = open_socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock = UnixListener(fileno=plain.detach())
    sock.setblocking(False)
    try:
        sock.bind_to(path)
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def user_at(sock: socket.socket) -> int:
    """Who is at the other end of a connected Unix socket."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])


def remove_dead(path: Path) -> bool:
    """Remove a socket's file to which nobody listens any more; whether there was one."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False
    if not is_socket or _probe(path) != errno.ECONNREFUSED:
        return False
    path.unlink(missing_ok=True)
    return True


def is_live(path: Path) -> bool:
    return _probe(path) in (0, errno.EAGAIN)  # EAGAIN: its queue is full


def _probe(path: Path) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        return probe.connect_ex(str(path))


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
