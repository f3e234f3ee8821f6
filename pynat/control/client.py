"""The other end of a control socket: for `pynat ctl` and for scripts.

Nothing is asked of a socket at which another user listens; what it would answer steers us.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from socket import SocketIO
from typing import IO

from pynat.control.protocol import Answer, Refused, encode
from pynat.host import unix

MAX_ANSWER = 64 << 20  # bytes
PATIENCE = 10.0  # seconds (wall); an engine answers within milliseconds


def ask(path: Path, command: str, **arguments: object) -> Answer:
    """Raises Refused with what the network said, and OSError."""
    with talking(path) as sock, sock.makefile("rb") as answers:
        return _asked(path, sock, answers, command, arguments)


def wait_for(path: Path, command: str, **arguments: object) -> Answer:
    """The same for an answer that takes its time; that is guest time, so there is no limit here."""
    with talking(path) as sock, sock.makefile("rb") as answers:
        sock.settimeout(None)
        return _asked(path, sock, answers, command, arguments)


def stream(path: Path, command: str, **arguments: object) -> tuple[Answer, socket.socket]:
    """`connect` and `udp`: the socket is what they have made of it, of which nothing is read ahead.

    Raises Refused where the guest refuses or does not answer in time, and OSError.
    """
    with talking(path) as sock:
        sock.settimeout(None)
        with sock.makefile("rb", buffering=0) as answers:
            answer = _asked(path, sock, answers, command, arguments)
        return answer, sock.dup()


def connect(path: Path, port: int, **arguments: object) -> socket.socket:
    """A connection to a port of the guest's, once the guest has taken it up.

    shutdown(SHUT_WR) is FIN.
    """
    return stream(path, "connect", port=port, **arguments)[1]


def watch(path: Path) -> Iterator[Answer]:
    """What happens, as it happens, until the network ends. Raises Refused and OSError."""
    with talking(path) as sock, sock.makefile("rb") as answers:
        yield _asked(path, sock, answers, "watch", {})
        sock.settimeout(None)
        for line in answers:
            yield read_answer(line, f"{path}: ")


@contextlib.contextmanager
def talking(path: Path) -> Iterator[socket.socket]:
    """Connected to a network of this user's own."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.connect(str(path))
            _check(path, unix.user_at(sock))
            yield sock
        except OSError as error:
            error.filename = str(path)
            raise


def _asked(
    path: Path, sock: socket.socket, answers: IO[bytes] | SocketIO, command: str, arguments: Answer
) -> Answer:
    sock.sendall(encode({"command": command, **arguments}))
    line = answers.readline(MAX_ANSWER + 1)
    if not line:
        raise Refused(f"{path}: the network has ended")
    return read_answer(line, f"{path}: ")


def read_answer(line: bytes, whose: str = "") -> Answer:
    """Raises Refused."""
    try:
        answer: Answer = json.loads(line)
        if answer.pop("ok"):
            return answer
        said = str(answer["error"])
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        raise Refused(f"{whose}what came is no answer of a network") from None
    raise Refused(said)


def _check(path: Path, user: int) -> None:
    if user not in (0, os.geteuid()):
        raise Refused(
            f"{path}: user {user} listens there, and you are {os.geteuid()}; only a network of"
            " your own is asked"
        )
