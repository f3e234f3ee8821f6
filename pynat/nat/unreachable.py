"""Which ICMP error says to the guest what errno said to us (RFC 792, RFC 1812 5.2.7.1)."""

from __future__ import annotations

import errno
from os import strerror

from pynat.nat.messages import SocketError
from pynat.wire import icmp

_CODES = {
    errno.ECONNREFUSED: icmp.PORT,
    errno.EHOSTUNREACH: icmp.HOST,
    errno.EHOSTDOWN: icmp.HOST,
    errno.ETIMEDOUT: icmp.HOST,
    errno.ENETUNREACH: icmp.NET,
    errno.ENETDOWN: icmp.NET,
    errno.EACCES: icmp.PROHIBITED,
    errno.EPERM: icmp.PROHIBITED,
    errno.EMSGSIZE: icmp.FRAGMENTATION_NEEDED,
    errno.EPROTO: icmp.PROTOCOL,
    errno.ENOPROTOOPT: icmp.PROTOCOL,
}

# A parameter problem is one of the header that the host's kernel has made.
_OF_THE_PATH = (icmp.UNREACHABLE, icmp.TIME_EXCEEDED)

NO_PORT = frozenset({errno.EADDRNOTAVAIL, errno.EADDRINUSE})
NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})

# No fault of the path's: the host has no buffer, descriptor or port left. Nobody is blamed.
OURS = NO_PORT | NO_DESCRIPTOR | {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}


def code_for(number: int) -> int:
    """The code of ICMP type 3 for an errno; host unreachable for those that no code fits."""
    return _CODES.get(number, icmp.HOST)


def what_to_tell(event: SocketError, refused: int = icmp.PORT) -> tuple[int, int] | None:
    """Type and code for the guest; None if the error concerns something that is not the guest's.

    refused: the code for ECONNREFUSED.
    """
    if event.icmp is not None:
        return event.icmp if event.icmp[0] in _OF_THE_PATH else None
    code = refused if event.errno == errno.ECONNREFUSED else code_for(event.errno)
    return icmp.UNREACHABLE, code


def reason(number: int) -> str:
    """`connection refused (ECONNREFUSED)`"""
    name = errno.errorcode.get(number, str(number))
    return f"{strerror(number).lower()} ({name})"


def shortage(number: int) -> str:
    """What the host has not, of those that are OURS."""
    which = ": the host has no free port for it, or no address" if number in NO_PORT else ""
    return reason(number) + which
