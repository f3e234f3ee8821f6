"""The other end of a control socket: for `pynat ctl` and for scripts.

Nothing is asked of a socket at which another user listens; what it would answer steers us.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from pynat.control.protocol import Answer, Refused, encode
from pynat.host import unix

LONGEST_ANSWER = 64 << 20  # bytes
PATIENCE = 10.0  # seconds (wall); an engine answers within milliseconds


def ask(path: Path, command: str, **arguments: object) -> Answer:
    """Raises Refused with what the network said, and OSError."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.connect(str(path))
            _check(path, unix.user_at(sock))
            sock.sendall(encode({"command": command, **arguments}))
            with sock.makefile("rb") as answers:
                line = answers.readline(LONGEST_ANSWER + 1)
        except OSError as error:
            error.filename = str(path)
            raise
    if not line:
        raise Refused(f"{path}: the network has ended")
    try:
        answer: Answer = json.loads(line)
        if answer.pop("ok"):
            return answer
        said = str(answer["error"])
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        raise Refused(f"{path}: what came is no answer of a network") from None
    raise Refused(said)


def _check(path: Path, user: int) -> None:
    if user not in (0, os.geteuid()):
        raise Refused(
            f"{path}: user {user} listens there, and you are {os.geteuid()}; only a network of"
            " your own is asked"
        )
