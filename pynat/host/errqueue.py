"""Linux's error queue (IP_RECVERR, ip(7)): which datagram failed, why, and who said so.

A socket without a connection is told of ICMP errors only here. Each entry brings the datagram's
destination, the beginning of its payload and a sock_extended_err, followed by the offender:

    0  4  errno
    4  1  origin: 1 local, 2 ICMP, 3 ICMPv6
    5  1  ICMP type
    6  1  ICMP code
    7  1  padding
    8  4  info: the next hop's MTU for EMSGSIZE
   12  4  data
   16    sockaddr_in of the offender
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from struct import Struct

from pynat.nat.messages import SocketError

_EXTENDED = Struct("=IBBBBII")
_OFFENDER_AT = _EXTENDED.size + 4  # within the sockaddr_in, behind family and port
_ORIGIN_ICMP = 2
_PAYLOAD = 65_535  # bytes of the lost datagram: the quoted headers tell its length

IP_RECVERR = 11
_MSG_ERRQUEUE = 0x2000


def enable(sock: socket.socket, *, on: bool = True) -> None:
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, on)


def read(sock: socket.socket, flow: int) -> Iterator[SocketError]:
    """Everything that waits there."""
    while sock.family != socket.AF_UNIX:  # which has none and would give its data
        try:
            payload, ancillary, _, to = sock.recvmsg(_PAYLOAD, 512, _MSG_ERRQUEUE)
        except OSError:
            return
        destination = (socket.inet_aton(to[0]), to[1]) if to else None
        for level, kind, data in ancillary:
            if (level, kind) != (socket.IPPROTO_IP, IP_RECVERR) or len(data) < _EXTENDED.size:
                continue
            number, origin, icmp_type, code, _, info, _ = _EXTENDED.unpack_from(data)
            mtu = info if number == errno.EMSGSIZE else 0
            error = SocketError(flow, number, destination, payload, mtu=mtu)
            if origin == _ORIGIN_ICMP:
                error.icmp = (icmp_type, code)
                error.offender = data[_OFFENDER_AT : _OFFENDER_AT + 4]
            yield error
