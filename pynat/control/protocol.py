"""One JSON object a line, both ways (docs/control.md).

{"command": "forward add", "rule": "tcp::8080-:80"}  ->  {"ok": true, ...}
{"command": "forward"}                               ->  {"ok": false, "error": "..."}
"""

from __future__ import annotations

import json
from typing import Any

MAX_LINE = 64 * 1024  # bytes of a request
MAX_DATAGRAM = 65_507  # bytes: RFC 768 in an IPv4 packet

Answer = dict[str, Any]


class Refused(Exception):  # noqa: N818 - reads as a word, like Malformed
    """The request cannot be carried out; the text is one line and says why."""


def decode(line: bytes) -> tuple[str, dict[str, Any]]:
    """The command and what goes with it."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not a JSON object on one line: {error}") from None
    if not isinstance(request, dict) or not isinstance(request.get("command"), str):
        raise Refused('a request is an object with a "command", such as {"command": "flows"}')
    return request.pop("command"), request


def encode(answer: Answer) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def refusal(why: str) -> bytes:
    return encode({"ok": False, "error": why})


TOO_LONG = refusal(f"a request longer than {MAX_LINE} bytes")
