"""Addresses as the data path has them: packed, 4 bytes of IPv4 or 16 of IPv6, often with a port.

The length alone says which. What kind an address is, and how it is written, is asked here and
nowhere else (RFC 1122 3.2.1.3, RFC 5771, RFC 4291 2.4, RFC 5952).
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import NamedTuple

Address = tuple[bytes, int]  # with the port

_V4 = 4  # bytes
_LOOPBACK_NET = 127  # first byte
_FIRST_GROUP, _FIRST_RESERVED = 224, 240  # first bytes; the limited broadcast is above, too
_LOCAL_GROUPS = bytes((224, 0, 0))  # RFC 5771 4
_GROUPS_V6, _OF_THE_LINK = 0xFF, 2  # first byte; the scope in the lower half of the second one
_LOOPBACK, _LOOPBACK_V6 = bytes((127, 0, 0, 1)), bytes(15) + b"\1"

UNSPECIFIED = frozenset((bytes(4), bytes(16)))  # of nobody yet (RFC 4291 2.5.2)


class FourTuple(NamedTuple):
    """Both ends of a flow, as the guest names them."""

    guest: Address
    remote: Address

    @property
    def key(self) -> bytes:
        """As the guest's packets have it, from IP's addresses to the ports."""
        (guest, port), (remote, remote_port) = self
        return b"".join((guest, remote, port.to_bytes(2, "big"), remote_port.to_bytes(2, "big")))


def dotted(address: bytes | memoryview) -> str:
    """Of IPv4."""
    return "{}.{}.{}.{}".format(*address)


def address_text(address: bytes) -> str:
    """`192.0.2.7`, `2001:db8::7`"""
    return dotted(address) if len(address) == _V4 else str(IPv6Address(address))


def end_text(end: Address) -> str:
    """`192.0.2.7:80`, `[2001:db8::7]:80` (RFC 5952 6)"""
    address, port = end
    host = address_text(address)
    return f"{host}:{port}" if len(address) == _V4 else f"[{host}]:{port}"


def loopback(like: bytes) -> bytes:
    """This host's own address of the same length."""
    return _LOOPBACK if len(like) == _V4 else _LOOPBACK_V6


def is_unicast(address: bytes) -> bool:
    """Neither a group nor a broadcast to everybody."""
    return address[0] < _FIRST_GROUP if len(address) == _V4 else address[0] != _GROUPS_V6


def is_multicast(address: bytes) -> bool:
    return not is_unicast(address) and (len(address) != _V4 or address[0] < _FIRST_RESERVED)


def is_group_of_link(address: bytes) -> bool:
    """A group that routers let nowhere (RFC 5771 4, RFC 4291 2.7)."""
    if len(address) == _V4:
        return address.startswith(_LOCAL_GROUPS)
    return address[0] == _GROUPS_V6 and address[1] & 0x0F <= _OF_THE_LINK


def is_loopback(address: bytes) -> bool:
    return address[0] == _LOOPBACK_NET if len(address) == _V4 else address == _LOOPBACK_V6


def is_host(address: bytes) -> bool:
    """Of one host out there: unicast, and neither of this host nor of none (RFC 6890)."""
    is_somebody = address[0] != 0 if len(address) == _V4 else any(address)
    return is_unicast(address) and not is_loopback(address) and is_somebody


def in_one_net(one: bytes, other: bytes, mask: bytes) -> bool:
    """mask: as long as the addresses. Raises ValueError."""
    return all(a & bits == b & bits for a, b, bits in zip(one, other, mask, strict=True))
