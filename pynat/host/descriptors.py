"""Sockets, but never the last descriptors of the process: Bochs and its devices need some too.

A guest that opens flows without end runs into EMFILE here, and Bochs does not.
"""

from __future__ import annotations

import errno
import os
import resource
import socket

RESERVE = 128  # descriptors that are not ours to take


def open_socket(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A non-blocking socket. Raises OSError, with EMFILE also when only the reserve is left."""
    return checked(socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol))


def checked(sock: socket.socket) -> socket.socket:
    """`sock`, unless it takes from the reserve: then it is closed and EMFILE raised."""
    if from_reserve(sock.fileno()):
        sock.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return sock


def from_reserve(descriptor: int) -> bool:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit != resource.RLIM_INFINITY and descriptor >= limit - RESERVE
