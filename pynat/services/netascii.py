"""TFTP's text mode (RFC 1350 section 1, RFC 764): a line ends in CR LF, a lone CR is CR NUL.

A file of the host has LF at the end of a line. A CR and what follows it may stand in two blocks,
so the decoder keeps a CR until it knows.
"""

from __future__ import annotations

import re

_ENCODED = {b"\n": b"\r\n", b"\r": b"\r\0"}
_DECODED = {b"\r\n": b"\n", b"\r\0": b"\r"}


def encode(data: bytes) -> bytes:
    return re.sub(rb"[\r\n]", lambda match: _ENCODED[match[0]], data)


class Decoder:
    def __init__(self) -> None:
        self._kept = b""

    def decode(self, data: bytes, *, last: bool) -> bytes:
        data = self._kept + data
        self._kept = b"\r" if data.endswith(b"\r") and not last else b""
        data = data.removesuffix(self._kept)
        return re.sub(rb"\r[\n\0]", lambda match: _DECODED[match[0]], data)
