"""Reads captures, in both formats and byte orders (pynat.capture.pcap has the layouts).

A file is read record by record, so its length does not matter. Whoever wants to know what it says
of itself hands in an `About`, which is complete when the file has been read to its end. A file that
ends in the middle of a record was cut off, and one whose next record cannot be one is spoilt there:
what was read until then counts, and `About.ends_early` says why.

Frames of which the capture has only the beginning come as they are, and are not `whole`. Frames of
Linux's cooked captures (`tcpdump -i any`) become Ethernet frames (pynat.capture.cooked).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pynat.capture import cooked, pcap
from pynat.errors import ConfigError

_PCAP = {  # magic: byte order, counts in a second
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SIMPLE, _ENHANCED = 3, 6
_ETHERNET = 1
_COMMENT, _FLAGS, _RESOLUTION = 1, 2, 9  # options of any block, a packet, an interface
_DIRECTIONS = {1: True, 2: False}  # inbound is from the guest, as pynat writes it
_ERRORS = 0xFFFF0000  # of the link, in the flags
_DIGITS, _MAX_MTU = 5, 0xFFFF  # of an MTU: DHCP has two bytes for it (RFC 2132 5.1)
_MIN_BLOCK = 12
_LONGEST = 16 << 20  # bytes of a record: libpcap reads no more
_YEAR = 366 * 86_400  # seconds: what is earlier counts from a start, not from 1970


class Captured(NamedTuple):
    number: int  # as Wireshark counts
    when: float  # seconds, of the guest's time or from the first frame on
    frame: bytes
    from_guest: bool | None  # None where the file does not say
    whole: bool
    comment: str = ""
    lost: bool = False  # it did not come to the other end of the wire
    length: int = 0  # on the wire


@dataclass
class About:
    """What a capture says of itself."""

    writer: str = ""
    comments: list[str] = field(default_factory=list)
    router: IPv4Interface | None = None  # these of pynat's only
    mac: bytes = b""
    mtu: int = 0
    megabits: int = 0
    end: float | None = None  # when nothing more had come
    ends_early: str = ""  # why, and after how many packets
    without_time: int = 0  # frames that were left out
    is_dated: bool = False  # its times are of the world; they are told from its first frame on

    @property
    def is_ours(self) -> bool:
        return self.writer == pcap.WRITER


class _SpoiltError(Exception):
    """What stands here cannot be a record."""


class _Interface(NamedTuple):
    ethernet: Callable[[bytes], bytes]
    per_second: int


class _Clock:
    """Counts become seconds; those since 1970 have no room in a float with their nanoseconds."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._start: tuple[int, int] | None = None

    def seconds(self, counts: int, per_second: int) -> float:
        if self._start is None:
            self._about.is_dated = counts >= _YEAR * per_second
            self._start = (counts, per_second) if self._about.is_dated else (0, 1)
        start, unit = self._start
        if unit == per_second:
            return (counts - start) / per_second
        return (counts * unit - start * per_second) / (unit * per_second)


def read(path: Path, about: About | None = None) -> Iterator[Captured]:
    """Raises ConfigError where it is no capture of Ethernet, when it gets there."""
    about = about or About()
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    head = file.read(12)
    if head[:4] in _PCAP:
        return _reading(path, file, _pcap(path, file, head, about), about)
    if head[:4] == _SECTION and head[8:12] in _ORDER:
        file.seek(0)
        return _reading(path, file, _pcapng(path, file, about), about)
    file.close()
    raise ConfigError(f"{path}: expected a capture, pcap or pcapng")


def _reading(
    path: Path, file: BinaryIO, records: Iterator[Captured], about: About
) -> Iterator[Captured]:
    number = 0
    with closing(file):
        try:
            for one in records:
                number = one.number
                yield one
        except EOFError:
            about.ends_early = f"cut off after {number} packets"
        except _SpoiltError as error:
            about.ends_early = f"spoilt after {number} packets: {error}"
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None


def _exactly(file: BinaryIO, size: int) -> bytes:
    if size > _LONGEST:
        raise _SpoiltError(f"a record of {size} bytes")
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _records(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The heads of the records, up to the end of the file."""
    while head := file.read(size):
        if len(head) < size:
            raise EOFError
        yield head


# ---------------------------------------------------------------- pcap
def _pcap(path: Path, file: BinaryIO, head: bytes, about: About) -> Iterator[Captured]:
    order, per_second = _PCAP[head[:4]]
    head += _exactly(file, 12)
    link = struct.unpack_from(order + "I", head, 20)[0] & 0xFFFF
    ethernet = _to_ethernet(path, link)
    record, clock, numbers = struct.Struct(order + "IIII"), _Clock(about), count(1)
    for data in _records(file, record.size):
        seconds, fraction, size, original = record.unpack(data)
        frame = ethernet(_exactly(file, size))
        when = clock.seconds(seconds * per_second + fraction, per_second)
        length = original + len(frame) - size
        yield Captured(next(numbers), when, frame, None, size >= original, length=length)


# ---------------------------------------------------------------- pcapng
def _pcapng(path: Path, file: BinaryIO, about: About) -> Iterator[Captured]:
    interfaces: list[_Interface] = []  # of the section
    order, clock, numbers = "<", _Clock(about), count(1)
    for head in _records(file, 8):
        if head[:4] == _SECTION:
            magic = _exactly(file, 4)
            if magic not in _ORDER:
                raise _SpoiltError(f"byte order {magic.hex()}")
            order, interfaces = _ORDER[magic], []
            _about_section(_options(order, _body(file, order, head, 4)[12:]), about)
            continue
        body = _body(file, order, head)
        kind = struct.unpack(order + "I", head[:4])[0]
        if kind == pcap.INTERFACE and len(body) >= 8:
            options = _options(order, body[8:])
            link = struct.unpack_from(order + "H", body)[0]
            interfaces.append(_Interface(_to_ethernet(path, link), _per_second(options)))
            if about.is_ours and about.router is None:
                _about_interface(order, options, about)
        elif kind == _ENHANCED:
            yield _packet(order, body, interfaces, clock, next(numbers))
        elif kind == _SIMPLE:  # without a time, which every rule needs
            next(numbers)
            about.without_time += 1
        elif kind == pcap.STATISTICS and len(body) >= 12 and about.is_ours:
            when = _time(order, _options(order, body[12:]).get(pcap.END_TIME, b""))
            about.end = None if when is None else clock.seconds(when, 10**6)


def _body(file: BinaryIO, order: str, head: bytes, read: int = 0) -> bytes:
    """Of a block, `read` bytes of which are read already."""
    length = struct.unpack(order + "I", head[4:8])[0]
    if length < _MIN_BLOCK + read or length % 4:
        raise _SpoiltError(f"a block of {length} bytes")
    return _exactly(file, length - 8 - read)[:-4]


def _packet(
    order: str, body: bytes, interfaces: list[_Interface], clock: _Clock, number: int
) -> Captured:
    if len(body) < 20:
        raise _SpoiltError("a packet without its head")
    index, high, low, size, original = struct.unpack_from(order + "IIIII", body)
    if index >= len(interfaces) or 20 + size > len(body):
        raise _SpoiltError(f"a packet of {size} bytes on interface {index}")
    to_ethernet, per_second = interfaces[index]
    frame = to_ethernet(body[20 : 20 + size])
    options = _options(order, body[20 + size + -size % 4 :])
    flags = int.from_bytes(options.get(_FLAGS, b""), "little" if order == "<" else "big")
    when = clock.seconds(high << 32 | low, per_second)
    comment = options.get(_COMMENT, b"").decode(errors="replace")
    length = original + len(frame) - size
    direction, lost = _DIRECTIONS.get(flags & 3), bool(flags & _ERRORS)
    return Captured(number, when, frame, direction, size >= original, comment, lost, length)


def _options(order: str, data: bytes) -> dict[int, bytes]:
    """Of several with one code, all in one, a line each."""
    found: dict[int, list[bytes]] = {}
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        found.setdefault(code, []).append(data[at + 4 : at + 4 + length])
        at += 4 + length + -length % 4
    return {code: b"\n".join(values) for code, values in found.items()}


def _about_section(options: dict[int, bytes], about: About) -> None:
    about.writer = options.get(pcap.APPLICATION, b"").decode(errors="replace")
    about.comments = options.get(_COMMENT, b"").decode(errors="replace").split("\n")
    for comment in about.comments:
        mtu = comment.removeprefix(pcap.MTU)
        if comment != mtu and mtu.isascii() and mtu.isdecimal() and len(mtu) <= _DIGITS:
            about.mtu = min(int(mtu), _MAX_MTU)


def _about_interface(order: str, options: dict[int, bytes], about: About) -> None:
    address = options.get(pcap.IPV4_ADDRESS, b"")
    if len(address) == 8:
        bits = int.from_bytes(address[4:], "big").bit_count()
        about.router = IPv4Interface((address[:4], bits))
    about.mac = options.get(pcap.MAC_ADDRESS, b"")
    speed = int.from_bytes(options.get(pcap.SPEED, b"")[:8], "little" if order == "<" else "big")
    about.megabits = speed // 1_000_000


def _time(order: str, data: bytes) -> int | None:
    if len(data) != 8:
        return None
    high, low = struct.unpack(order + "II", data)
    return int(high << 32 | low)


def _per_second(options: dict[int, bytes]) -> int:
    """Counts of time in a second: 6 are microseconds, 0x80 and n are 2**-n."""
    resolution = (options.get(_RESOLUTION) or b"\x06")[0]
    exponent = int(resolution & 0x7F)
    return 1 << exponent if resolution & 0x80 else int(10**exponent)


def _to_ethernet(path: Path, link: int) -> Callable[[bytes], bytes]:
    if link == _ETHERNET:
        return bytes
    if link in cooked.KINDS:
        return cooked.KINDS[link]
    known = "1 (Ethernet), 113 or 276 (Linux cooked)"
    raise ConfigError(f"{path}: link type {link}, expected {known}")
