"""What a guest is sent on purpose, beside what it would be sent anyway (`checking.py`).

Most are pings, known by `IDENT`: plain ones, and such as few others send. Some are wrong in one
place, so a right guest does not answer them: behind the right datagram to a port at which nobody
listens comes one with a wrong checksum. Some come from hosts of the guest's net that it has not
heard of, for which it has to ask before it can answer: two from each, for a guest that has no timer
for what it has asked. What the answers show is the linter's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pynat.wire import icmp, ipv4, udp
from pynat.wire.checksum import finish, ones_sum
from pynat.wire.icmp import Icmp

IDENT = 0x7079  # of pings
DATA = b"is the guest awake? an odd number of bytes, and none of them zero"
SHORT = b"up again!"  # its checksum is 0xf800 or more, so 0x0800 more makes a carry (RFC 1624)
MIN_PACKET = 46  # bytes of a packet that needs no padding in its frame
NARROW = 60  # an MTU at which DATA makes two fragments
NO_OPERATIONS = b"\x01\x01\x01\x01"  # a word of options (RFC 791 3.1)
ANOTHER, NOBODY = b"\xcb\0\x71", b"\xc6\x33\x64"  # nets of documents (RFC 5737): of no host
CLOSED = 61_111  # a port at which nobody listens
OWN_PORT = 7079  # and one more


class Ends(NamedTuple):
    asker: bytes
    guest: bytes
    mtu: int


Make = Callable[[Ends, int], list[bytes]]  # packets; the probe's number


def nobody(guest: bytes) -> bytes:
    """An address that differs from the guest's in all but the end."""
    return NOBODY + guest[-1:]


class Probe(NamedTuple):
    """waits: for the answer, without which the next ones prove nothing.

    stranger: from which one; None where it comes from the router.
    """

    packets: Make
    remark: str
    waits: bool = False
    stranger: int | None = None


def _message(number: int, data: bytes = DATA) -> bytes:
    return icmp.encode(Icmp(icmp.ECHO_REQUEST, 0, IDENT, number, data))


def _ping(ends: Ends, number: int, data: bytes = DATA) -> bytes:
    message = _message(number, data)
    return ipv4.encode(ends.asker, ends.guest, ipv4.ICMP, message, ident=number)


def _plain(ends: Ends, number: int) -> list[bytes]:
    return [_ping(ends, number)]


def _short(ends: Ends, number: int) -> list[bytes]:
    """The padding is counted by no checksum, and is none that a guest would put there itself."""
    packet = _ping(ends, number, SHORT)
    return [packet + bytes(len(packet) % 2) + b"\xff\xff" * ((MIN_PACKET - len(packet)) // 2)]


def _long(ends: Ends, number: int) -> list[bytes]:
    """As long as one may be."""
    size = ends.mtu - ipv4.HEADER_SIZE - icmp.HEADER_SIZE
    return [_ping(ends, number, (DATA * (size // len(DATA) + 1))[:size])]


def _behind_options(ends: Ends, number: int) -> list[bytes]:
    payload = NO_OPERATIONS + _message(number)
    packet = ipv4.encode(ends.asker, ends.guest, ipv4.ICMP, payload, ident=number)
    end = ipv4.HEADER_SIZE + len(NO_OPERATIONS)
    start = bytes((packet[0] + 1, *packet[1:10])) + bytes(2) + packet[12:end]
    return [start[:10] + finish(ones_sum(start)).to_bytes(2, "big") + packet[12:]]


def _cut(ends: Ends, number: int) -> list[bytes]:
    addresses = ends.asker, ends.guest
    message = _message(number)
    return list(ipv4.fragments(*addresses, ipv4.ICMP, message, ident=number, mtu=NARROW))


def _spoilt(packet: bytes, at: int) -> bytes:
    """With a wrong checksum; `at` is its lower byte."""
    return packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :]


def _wrong_header(ends: Ends, number: int) -> list[bytes]:
    return [_spoilt(_ping(ends, number), 11)]


def _wrong_message(ends: Ends, number: int) -> list[bytes]:
    return [_spoilt(_ping(ends, number), ipv4.HEADER_SIZE + 3)]


def _to_another(ends: Ends, number: int) -> list[bytes]:
    """A guest that forwards packets must not forward this one."""
    another = ANOTHER + ends.guest[-1:]
    message = _message(number)
    return [ipv4.encode(ends.asker, another, ipv4.ICMP, message, ident=number, ttl=1)]


def _datagram(ends: Ends, port: int) -> bytes:
    datagram = udp.encode(ends.asker, port, ends.guest, CLOSED, DATA)
    return ipv4.encode(ends.asker, ends.guest, ipv4.UDP, datagram, ident=port)


def _to_closed(ends: Ends, _number: int) -> list[bytes]:
    right, wrong = (_datagram(ends, OWN_PORT + more) for more in range(2))
    return [right, _spoilt(wrong, ipv4.HEADER_SIZE + 7)]


_PLAIN = Probe(_plain, "a ping", waits=True)
_LONG = Probe(_long, "a ping in a frame as long as may be")
_OPTIONS = Probe(_behind_options, "a ping with IPv4 options")
_CUT = Probe(_cut, "a ping in fragments")
STRANGERS = 2
_NEW = "a ping from a host that it did not know"
_FROM_STRANGERS = [Probe(_plain, _NEW, stranger=which) for which in range(STRANGERS)]
PROBES = (
    _PLAIN,
    *(one for one in _FROM_STRANGERS for _ in range(2)),
    Probe(_short, "a ping in a frame with padding"),
    _LONG,
    _OPTIONS,
    _CUT,
    _PLAIN,
    Probe(_wrong_header, "a ping with a wrong IPv4 checksum"),
    Probe(_wrong_message, "a ping with a wrong ICMP checksum"),
    Probe(_to_another, "a ping that is not for the guest"),
    Probe(_to_closed, "a datagram to a closed port, then one with a wrong checksum"),
    _LONG,
    _OPTIONS,
    _CUT,
    _PLAIN,
)
