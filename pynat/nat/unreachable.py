"""Which ICMP error says to the guest what errno said to us (RFC 792, RFC 1812 5.2.7.1)."""

from __future__ import annotations

import errno
import os

from pynat.wire import icmp

_CODES = {
    errno.ECONNREFUSED: icmp.PORT,
    errno.EHOSTUNREACH: icmp.HOST,
    errno.EHOSTDOWN: icmp.HOST,
    errno.ETIMEDOUT: icmp.HOST,
    errno.ENETUNREACH: icmp.NET,
    errno.ENETDOWN: icmp.NET,
    errno.EADDRNOTAVAIL: icmp.NET,
    errno.EACCES: icmp.PROHIBITED,
    errno.EPERM: icmp.PROHIBITED,
    errno.EMSGSIZE: icmp.FRAGMENTATION_NEEDED,
    errno.EPROTO: icmp.PROTOCOL,
    errno.ENOPROTOOPT: icmp.PROTOCOL,
}

# No fault of the path's: the host has no buffer or descriptor left. Nobody is blamed for that.
OURS = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def code_for(number: int) -> int:
    """The code of ICMP type 3 for an errno; host unreachable for those that no code fits."""
    return _CODES.get(number, icmp.HOST)


def reason(number: int) -> str:
    """`connection refused (ECONNREFUSED)`"""
    name = errno.errorcode.get(number, str(number))
    return f"{os.strerror(number).lower()} ({name})"
