"""A datagram of the guest's, as a service written in Python has it."""

from __future__ import annotations

from collections.abc import Callable

from pynat.inprocess.hosts import ReceivedDatagram as Inner
from pynat.net.stream import endpoint, not_bytes

MAX_PAYLOAD = 65_507  # bytes: RFC 768 in an IPv4 packet


class Datagram:
    def __init__(self, received: Inner, sent: Callable[[], None]) -> None:
        self.data = received.payload
        self.source = endpoint(received.four_tuple.guest)
        self.destination = endpoint(received.four_tuple.remote)
        self._inner = received
        self._sent = sent

    def reply(self, data: bytes) -> None:
        """From where the guest has sent it to; also more than once, and later."""
        self._inner.reply(checked(data))
        self._sent()

    def refuse(self) -> None:
        """Port unreachable."""
        self._inner.refuse()
        self._sent()

    def __repr__(self) -> str:
        return f"<Datagram {self.source} > {self.destination}, {len(self.data)} bytes>"


def checked(data: bytes) -> bytes:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"a datagram is bytes, {not_bytes(data)}")
    if len(data) > MAX_PAYLOAD:
        raise ValueError(f"a datagram has at most {MAX_PAYLOAD} bytes, not {len(data)}")
    return bytes(data)
