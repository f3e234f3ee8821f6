"""Sockets, but never the last descriptors of the process: Bochs and its devices need some too.

A guest that opens flows without end runs into EMFILE here, and Bochs does not. What only lingers
makes room for what is new (`with_room`).
"""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Callable
from typing import Any, TypeVar

RESERVE = 128  # descriptors that are not ours to take
_NONE_LEFT = (errno.EMFILE, errno.ENFILE)

Opened = TypeVar("Opened")
MakeRoom = Callable[[], bool]  # gives a descriptor up; False: there is none to give


def no_room() -> bool:
    return False


def with_room(make_room: MakeRoom, opening: Callable[[], Opened]) -> Opened:
    """What `opening` gives, tried again for each descriptor that can be given up for it."""
    while True:
        try:
            return opening()
        except OSError as error:
            if error.errno not in _NONE_LEFT or not make_room():
                raise


def open_socket(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A non-blocking socket. Raises OSError, with EMFILE also when only the reserve is left."""
    return checked(socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol))


def accept(listener: socket.socket) -> tuple[socket.socket, Any]:
    """Where there is no descriptor for it, the connection goes on to wait: EMFILE."""
    checked(listener.dup()).close()
    return listener.accept()


def checked(sock: socket.socket) -> socket.socket:
    """`sock`, unless it takes from the reserve: then it is closed and EMFILE raised."""
    if from_reserve(sock.fileno()):
        sock.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return sock


def from_reserve(descriptor: int) -> bool:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit != resource.RLIM_INFINITY and descriptor >= limit - RESERVE
