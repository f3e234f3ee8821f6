"""Ports whose bytes were stored the lower one first."""

from __future__ import annotations

from collections.abc import Container
from struct import Struct

from pynat.lint.tcp.side import Tell, swapped
from pynat.rules import tcp_form as rules

_PORTS = Struct("!HH")
# Those to which a small stack connects first; of others nobody can say what was meant.
_SERVICES = frozenset(
    {7, 9, 13, 19, 20, 21, 22, 23, 25, 37, 53, 70, 79, 80, 110, 113, 119, 139, 143, 179, 389, 443}
    | {445, 465, 587, 631, 993, 995, 1883, 3000, 3128, 5000, 5555, 6667, 8000, 8080, 8443}
)


def taken_apart(key: bytes) -> tuple[bytes, bytes, int, int]:
    """A connection's key: the guest's address, the other's, both ports."""
    size = (len(key) - _PORTS.size) // 2
    source, destination = _PORTS.unpack_from(key, 2 * size)
    return key[:size], key[size : 2 * size], source, destination


def look_at_unanswered(port: int, tell: Tell) -> None:
    """Of a SYN that nobody has answered, or with RST."""
    meant = swapped(port, 2)
    if meant in _SERVICES and port not in _SERVICES:
        text = f"destination port {port}, where nobody answers"
        tell(rules.PORT_ORDER, f"{text}; with its bytes swapped it is {meant}")


def look_at_stranger(key: bytes, known: Container[bytes], tell: Tell) -> None:
    """A segment of no connection, which has that key."""
    _, _, source, destination = taken_apart(key)
    other_source, other_destination = swapped(source, 2), swapped(destination, 2)
    for meant in (
        (other_source, destination),
        (source, other_destination),
        (other_source, other_destination),
    ):
        if meant != (source, destination) and key[: -_PORTS.size] + _PORTS.pack(*meant) in known:
            text = f"ports {source} and {destination}, of no connection"
            swap = f"with bytes swapped they are those of one, {meant[0]} and {meant[1]}"
            tell(rules.PORT_ORDER, f"{text}; {swap}")
            return
