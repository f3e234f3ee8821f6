"""The other end of a control socket: for `pynat ctl` and for scripts."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from pynat.control.protocol import Answer, Refused, encode

PATIENCE = 10.0  # seconds (wall); an engine answers within milliseconds


def ask(path: Path, command: str, **arguments: object) -> Answer:
    """Raises Refused with what the network said, and OSError."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.connect(str(path))
            sock.sendall(encode({"command": command, **arguments}))
            with sock.makefile("rb") as answers:
                line = answers.readline()
        except OSError as error:
            error.filename = str(path)
            raise
    if not line:
        raise Refused(f"{path}: the network has ended")
    answer: Answer = json.loads(line)
    if not answer.pop("ok"):
        raise Refused(answer["error"])
    return answer
