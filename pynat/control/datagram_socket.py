"""A client's end of `udp`: datagrams over a stream, each behind its length and a port.

The port is the guest's that it goes to or comes from; both are 2 bytes, big-endian. The length
REFUSED, which no datagram has, stands for an ICMP error of the guest's: nobody listens at its port.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from typing import Protocol, Self

from pynat.control.protocol import MAX_DATAGRAM

_HEAD = struct.Struct("!HH")  # bytes of payload, port of the guest's
REFUSED = 0xFFFF
_CHUNK = 64 * 1024


class ByteStream(Protocol):
    """What is asked of a socket."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


def framed(payload: bytes | None, port: int) -> bytes:
    """None: the port is refused."""
    if payload is None:
        return _HEAD.pack(REFUSED, port)
    return _HEAD.pack(len(payload), port) + payload


def whole(received: bytearray) -> Iterator[tuple[bytes | None, int]]:
    """Takes what is complete out of `received`."""
    while len(received) >= _HEAD.size:
        length, port = _HEAD.unpack_from(received)
        end = _HEAD.size + (0 if length == REFUSED else length)
        if len(received) < end:
            return
        payload = None if length == REFUSED else bytes(received[_HEAD.size : end])
        del received[:end]
        yield payload, port


def check_port(port: int | None) -> None:
    if port is not None and not 0 < port <= 65_535:
        raise ValueError(f"port {port}: expected one from 1 to 65535")


class DatagramSocket:
    """For a `with` block. own: the port of the router's at which the guest sees it.

    One that was made for a port of the guest's sends there, and hears nothing else.
    """

    def __init__(self, stream: ByteStream, own: int, port: int | None = None) -> None:
        self._stream = stream
        self.own = own
        self._port = port
        self._received = bytearray()
        self._waiting: list[tuple[bytes | None, int]] = []

    def send(self, data: bytes) -> int:
        """To the port that it was made for."""
        if self._port is None:
            raise OSError(errno.EDESTADDRREQ, "this socket has no port of the guest's; use sendto")
        return self.sendto(data, self._port)

    def sendto(self, data: bytes, port: int) -> int:
        if len(data) > MAX_DATAGRAM:
            raise OSError(errno.EMSGSIZE, f"a datagram has at most {MAX_DATAGRAM} bytes")
        check_port(port)
        self._stream.sendall(framed(data, port))
        return len(data)

    def recv(self, size: int = MAX_DATAGRAM) -> bytes:
        """One datagram; what of it is longer than `size` is lost."""
        return self.recvfrom(size)[0]

    def recvfrom(self, size: int = MAX_DATAGRAM) -> tuple[bytes, int]:
        """With the port of the guest's. Raises ConnectionRefusedError, TimeoutError."""
        while True:
            while not self._waiting:
                self._receive()
            data, port = self._waiting.pop(0)
            if self._port not in (None, port):
                continue
            if data is None:
                what = f"nobody listens at port {port} of the guest's (ICMP port unreachable)"
                raise ConnectionRefusedError(errno.ECONNREFUSED, what)
            return data[:size], port

    def _receive(self) -> None:
        new = self._stream.recv(_CHUNK)
        if not new:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self._received += new
        self._waiting += whole(self._received)

    def settimeout(self, seconds: float | None) -> None:
        self._stream.settimeout(seconds)

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
