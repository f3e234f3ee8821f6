"""Linux's cooked captures, of `tcpdump -i any` (LINKTYPE_LINUX_SLL and _SLL2).

    SLL:   2 packet type, 2 ARPHRD, 2 address length, 8 sender's address, 2 protocol
    SLL2:  2 protocol, 2 reserved, 4 interface, 2 ARPHRD, 1 packet type, 1 address length,
           8 sender's address

They do not say who a frame was for. The Ethernet frame has the destination `UNKNOWN` where it was
for one host, and all ones where it was for all or for several.
"""

from __future__ import annotations

from pynat.wire import ethernet

SLL, SLL2 = 113, 276
UNKNOWN = bytes(6)
_BROADCAST, _MULTICAST = 1, 2  # packet types


def _from_sll(data: bytes) -> bytes:
    return _frame(data[1:2], data[6:12], data[14:])


def _from_sll2(data: bytes) -> bytes:
    return _frame(data[10:11], data[12:18], data[:2] + data[20:])


def _frame(kind: bytes, source: bytes, rest: bytes) -> bytes:
    to_all = kind in (bytes((_BROADCAST,)), bytes((_MULTICAST,)))
    return (ethernet.BROADCAST if to_all else UNKNOWN) + source + rest


KINDS = {SLL: _from_sll, SLL2: _from_sll2}
