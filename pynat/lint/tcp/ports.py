"""Ports whose bytes were stored the lower one first."""

from __future__ import annotations

from collections.abc import Container
from struct import Struct

from pynat.config import Config
from pynat.lint.tcp.common import Common
from pynat.lint.tcp.side import Tell, swapped
from pynat.rules import tcp_form as rules

_PORTS = Struct("!HH")
_EPHEMERAL = 32_768  # most stacks' own ports are higher (RFC 6335 6)
_RESERVED = 1024  # and none is below
_STEPS = 8  # from one connection to the next
# Those to which a small stack connects first. Others have to be known to be served.
_SERVICES = frozenset(
    {7, 9, 13, 19, 20, 21, 22, 23, 25, 37, 53, 70, 79, 80, 110, 113, 119, 139, 143, 179, 389, 443}
    | {445, 465, 587, 631, 993, 995, 1883, 3000, 3128, 5000, 5555, 6667, 8000, 8080, 8443}
)


def taken_apart(key: bytes) -> tuple[bytes, bytes, int, int]:
    """A connection's key: the guest's address, the other's, both ports."""
    size = (len(key) - _PORTS.size) // 2
    source, destination = _PORTS.unpack_from(key, 2 * size)
    return key[:size], key[size : 2 * size], source, destination


def served(config: Config) -> set[int]:
    """Ports at which somebody answers, as the configuration says."""
    named = {one.port for one in config.guestfwd} | {one.port for one in config.peers}
    return named | {port for *_, port in config.virtual.services}


def look_at_source(source: int, common: Common) -> None:
    """Whether the own port of a SYN has its bytes swapped. Two that are drawn may look so."""
    meant, last = swapped(source, 2), swapped(common.source, 2)
    goes_on = last >= _EPHEMERAL and 0 < meant - last <= _STEPS < abs(source - common.source)
    common.swapped_steps = common.swapped_steps + 1 if goes_on else 0
    common.swaps_source = meant >= _EPHEMERAL and (common.swapped_steps > 1 or source < _RESERVED)
    common.source = source


def look_at_unanswered(port: int, common: Common, tell: Tell, *, to_router: bool) -> None:
    """Of a SYN that nobody has answered, or with RST.

    to_router: there are the host's own servers, at any port; a high one may look swapped by chance.
    """
    meant, known = swapped(port, 2), common.served
    is_service = meant in _SERVICES and not (to_router and port >= _EPHEMERAL)
    is_known = is_service or meant in known or common.swaps_source
    if is_known and port not in _SERVICES and port not in known:
        text = f"destination port {port}, where nobody answers"
        own = ", and the source port is swapped, too" * common.swaps_source
        tell(rules.PORT_ORDER, f"{text}; with its bytes swapped it is {meant}{own}")


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
