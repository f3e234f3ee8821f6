"""Addresses as the data path has them: packed, 4 bytes of IPv4 or 16 of IPv6, often with a port.

What kind one is, is asked here and nowhere else (RFC 1122 3.2.1.3, RFC 5771, RFC 4291 2.4).
"""

from __future__ import annotations

from typing import NamedTuple

Address = tuple[bytes, int]  # with the port

_V4 = 4  # bytes
_LOOPBACK_NET = 127  # first byte
_FIRST_GROUP, _FIRST_RESERVED = 224, 240  # first bytes; the limited broadcast is above, too
_GROUPS_V6 = 0xFF  # first byte
_LOOPBACK_V6 = bytes(15) + b"\1"


class FourTuple(NamedTuple):
    """Both ends of a flow, as the guest names them."""

    guest: Address
    remote: Address

    @property
    def key(self) -> bytes:
        """As the guest's packets have it, from IP's addresses to the ports."""
        (guest, port), (remote, remote_port) = self
        return b"".join((guest, remote, port.to_bytes(2, "big"), remote_port.to_bytes(2, "big")))


def is_unicast(address: bytes) -> bool:
    """Neither a group nor a broadcast to everybody."""
    return address[0] < _FIRST_GROUP if len(address) == _V4 else address[0] != _GROUPS_V6


def is_multicast(address: bytes) -> bool:
    return not is_unicast(address) and (len(address) != _V4 or address[0] < _FIRST_RESERVED)


def is_loopback(address: bytes) -> bool:
    return address[0] == _LOOPBACK_NET if len(address) == _V4 else address == _LOOPBACK_V6


def is_host(address: bytes) -> bool:
    """Of one host out there: unicast, and neither of this host nor of none (RFC 6890)."""
    is_somebody = address[0] != 0 if len(address) == _V4 else any(address)
    return is_unicast(address) and not is_loopback(address) and is_somebody
