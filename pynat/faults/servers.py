"""The small servers of old (RFC 862 to 867), which every peer is: what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pynat.faulty_host import Misbehavior, Service

_CHARGEN_LINE = 72  # characters of a line of chargen (RFC 864)
_ASCII = bytes(range(33, 127)) + b" "
_TURN = b"".join(
    (_ASCII * 2)[start : start + _CHARGEN_LINE] + b"\r\n" for start in range(len(_ASCII))
)  # after which chargen begins anew
_BY_PORT = {7: Service.ECHO, 9: Service.DISCARD, 13: Service.DAYTIME, 19: Service.CHARGEN}


def service_at(port: int, misbehavior: Misbehavior) -> Service:
    if misbehavior.service is Service.BY_PORT:
        return _BY_PORT.get(port, Service.PAGE)
    return misbehavior.service


def generated(start: int, size: int) -> bytes:
    """`size` characters of chargen's endless text, from character `start` on."""
    start %= len(_TURN)
    return (_TURN * (1 + (start + size) // len(_TURN)))[start : start + size]


def daytime(now: float) -> bytes:
    """The guest's clock, as if it had begun with 1970."""
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(now))
    return when.strftime("%A, %B %d, %Y %H:%M:%S-UTC\r\n").encode()


def answer(service: Service, payload: bytes, now: float) -> bytes | None:
    """To a datagram."""
    match service:
        case Service.ECHO:
            return payload
        case Service.CHARGEN:
            return generated(0, 2 * (_CHARGEN_LINE + 2))  # RFC 864: 0 to 512 characters
        case Service.DAYTIME:
            return daytime(now)
        case _:
            return None
