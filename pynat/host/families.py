"""Packed addresses as sockets have them: an address's length says of which family they are.

What a family's sockets can be told has names and numbers of its own (ip(7), ipv6(7)), and the same
meaning.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from socket import inet_ntop, inet_pton

from pynat.host.descriptors import open_socket
from pynat.wire.addresses import Address


@dataclass(frozen=True, slots=True)
class Family:
    number: int
    level: int  # of its options
    hops: int  # the options: a datagram's time to live
    group_hops: int  # the same, to groups
    mtu_discover: int
    recverr: int
    offender_at: int  # in the sockaddr that follows a sock_extended_err
    address_size: int

    def packed(self, peer: tuple[str, int]) -> Address:
        """Of a name that a socket of this family gives; an interface behind % is left out."""
        host = peer[0]
        if "%" in host:
            host = host.partition("%")[0]
        return inet_pton(self.number, host), peer[1]

    def name(self, to: Address) -> tuple[str, int]:
        return inet_ntop(self.number, to[0]), to[1]


_V4 = Family(
    int(socket.AF_INET),  # a plain number: it is passed on for each datagram
    socket.IPPROTO_IP,
    socket.IP_TTL,
    socket.IP_MULTICAST_TTL,
    mtu_discover=10,
    recverr=11,
    offender_at=4,
    address_size=4,
)
_V6 = Family(
    int(socket.AF_INET6),
    socket.IPPROTO_IPV6,
    socket.IPV6_UNICAST_HOPS,
    socket.IPV6_MULTICAST_HOPS,
    mtu_discover=23,
    recverr=25,
    offender_at=8,
    address_size=16,
)
_BY_SIZE = {one.address_size: one for one in (_V4, _V6)}
BY_NUMBER = {one.number: one for one in (_V4, _V6)}  # others have no addresses


def family_number(sock: socket.socket) -> int:
    """`sock.family` makes an enum of it, each time, which takes longer than a system call."""
    return super(socket.socket, sock).family


def family_of(address: bytes) -> Family:
    return _BY_SIZE[len(address)]


def open_for(address: bytes, kind: int) -> socket.socket:
    """A socket of the family of `address`, and of no other one beside it."""
    family = family_of(address)
    sock = open_socket(family.number, kind)
    if family is _V6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock
