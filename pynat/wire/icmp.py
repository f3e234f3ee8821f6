"""ICMP for IPv4 (RFC 792).

0  1  type
1  1  code
2  2  checksum over the whole message
4  4  echo: identifier, sequence number; fragmentation needed: 0, next-hop MTU (RFC 1191 4)
8     echo: data; errors: header of the packet in question and at least 8 bytes of its data
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from pynat import rules
from pynat.errors import Malformed
from pynat.loops import echo_reply
from pynat.wire import mistakes
from pynat.wire.checksum import finish, ones_sum, valid

_HEADER = Struct("!BBHHH")
HEADER_SIZE = _HEADER.size

ECHO_REPLY = 0
UNREACHABLE = 3
SOURCE_QUENCH = 4
REDIRECT = 5
ECHO_REQUEST = 8
TIME_EXCEEDED = 11
PARAMETER_PROBLEM = 12
MASK_REQUEST = 17  # RFC 950 appendix I
MASK_REPLY = 18
ERRORS = frozenset({UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM})

# codes of UNREACHABLE (RFC 792, RFC 1812 5.2.7.1)
NET = 0
HOST = 1
PROTOCOL = 2
PORT = 3
FRAGMENTATION_NEEDED = 4
SOURCE_ROUTE_FAILED = 5
PROHIBITED = 13  # communication administratively prohibited

# codes of REDIRECT (RFC 792)
FOR_HOST = 1

# codes of TIME_EXCEEDED (RFC 792)
TRANSIT = 0  # the time to live
REASSEMBLY = 1


@dataclass(frozen=True, slots=True)
class Icmp:
    type: int
    code: int
    ident: int  # the first and second half of bytes 4 to 7
    sequence: int
    payload: bytes

    def __str__(self) -> str:
        return f"ICMP type {self.type} code {self.code} length {len(self.payload)}"


def decode(data: memoryview, ends: bytes = b"", around: mistakes.Around = mistakes.NOTHING) -> Icmp:
    """ends: source and destination address, where they are known; for explanations, like around."""
    if len(data) < _HEADER.size:
        text = f"{len(data)} bytes, a header has 8 (RFC 792)"
        wrong = mistakes.goes_on_behind(data, 0, around, is_cut=True)
        raise wrong or Malformed(rules.icmp.LENGTH, text)
    total = ones_sum(data)
    kind, code, checksum, ident, sequence = _HEADER.unpack_from(data)
    if not valid(total):
        hint = mistakes.in_icmp(bytes(data), ends)
        raise mistakes.goes_on_behind(data, 0, around) or Malformed(
            rules.icmp.CHECKSUM,
            f"checksum {checksum:#06x}, expected {finish(total - checksum):#06x} (RFC 792){hint}",
        )
    return Icmp(kind, code, ident, sequence, bytes(data[_HEADER.size :]))


def unchecked(data: bytes) -> Icmp | None:
    """Whatever its checksum is; None where the header is not all there."""
    if len(data) < _HEADER.size:
        return None
    kind, code, _, ident, sequence = _HEADER.unpack_from(data)
    return Icmp(kind, code, ident, sequence, data[_HEADER.size :])


def encode(icmp: Icmp) -> bytes:
    start = _HEADER.pack(icmp.type, icmp.code, 0, icmp.ident, icmp.sequence)
    checksum = finish(ones_sum(start + icmp.payload))
    return _HEADER.pack(icmp.type, icmp.code, checksum, icmp.ident, icmp.sequence) + icmp.payload


IN_FRAME = b"\x01"  # the protocol, in a frame that `reply_to` takes

# The frame that answers one, with that identification of IP's: it carries an echo request to `mac`.
# None says only that `decode` must look at the frame.
reply_to: Callable[[bytes, bytes, int], bytes | None] = echo_reply
