"""Linux's error queue (IP_RECVERR in ip(7), ipv6(7)): which datagram failed, why, and who said so.

A socket without a connection is told of ICMP errors only here. Each entry brings the datagram's
destination, the beginning of its payload and a sock_extended_err, followed by the offender:

    0  4  errno
    4  1  origin: 1 local, 2 ICMP, 3 ICMPv6
    5  1  ICMP type
    6  1  ICMP code
    7  1  padding
    8  4  info: the next hop's MTU for EMSGSIZE
   12  4  data
   16    sockaddr_in or sockaddr_in6 of the offender

Types and codes of ICMPv6 are other ones than ICMP's: there the errno alone says what it was.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from struct import Struct

from pynat.host.families import BY_NUMBER, family_number
from pynat.nat.messages import SocketError

_EXTENDED = Struct("=IBBBBII")
_ORIGIN_ICMP, _ORIGIN_ICMPV6 = 2, 3
_PAYLOAD = 65_535  # bytes of the lost datagram: the quoted headers tell its length

_MSG_ERRQUEUE = 0x2000


def enable(sock: socket.socket, *, on: bool = True) -> None:
    family = BY_NUMBER.get(family_number(sock))
    if family is not None:
        sock.setsockopt(family.level, family.recverr, on)


def read(sock: socket.socket, flow: int) -> Iterator[SocketError]:
    """Everything that waits there."""
    family = BY_NUMBER.get(family_number(sock))
    while family is not None:  # a Unix socket has no queue and would give its data
        try:
            payload, ancillary, _, to = sock.recvmsg(_PAYLOAD, 512, _MSG_ERRQUEUE)
        except OSError:
            return
        destination = family.packed(to) if to else None
        for level, kind, data in ancillary:
            if (level, kind) != (family.level, family.recverr) or len(data) < _EXTENDED.size:
                continue
            number, origin, icmp_type, code, _, info, _ = _EXTENDED.unpack_from(data)
            mtu = info if number == errno.EMSGSIZE else 0
            error = SocketError(flow, number, destination, payload, mtu=mtu)
            if origin == _ORIGIN_ICMP:
                error.icmp = (icmp_type, code)
            if origin in (_ORIGIN_ICMP, _ORIGIN_ICMPV6):
                at = _EXTENDED.size + family.offender_at
                error.offender = data[at : at + family.address_size]
            yield error
