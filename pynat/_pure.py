"""What `_fast.c` does, in Python, for where that could not be built; `_fast.pyi` says what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

Run = tuple[bytes, bytes, bytes, int, int, int, int, list[bytes | memoryview], bool]  # a FrameRun

_LONGEST_FRAME = (
    65535 + 18 + 10
)  # of any MTU, with Ethernet's header and a VLAN tag, behind virtio's
_MOST_BEFORE = 128  # bytes of the headers before TCP's
_ETHERNET, _IPV4, _TCP, _LONGEST = 14, 20, 20, 60  # bytes of headers
_AT_TCP = _ETHERNET + _IPV4
_PROTOCOL_TCP, _DF = 6, 0x4000
_PSH, _ACK, _URG = 0x08, 0x10, 0x20
_IP = Struct("!2xH2xH")
_NUMBERS = Struct("!IIBBH")  # of TCP: sequence and acknowledgement, data offset, flags, window
_STAMPS = Struct("!4sII")  # as RFC 7323 appendix A lays them out
_STAMPS_PREFIX = b"\x01\x01\x08\x0a"


def ones_sum(data: bytes | memoryview, /) -> int:
    """Of numbers modulo 65,535, zero is that of zeros only (RFC 1071 2)."""
    number = int.from_bytes(data, "big") << 8 * (len(data) & 1)
    return number % 0xFFFF or (0xFFFF if number else 0)


# ---------------------------------------------------------------------- to the guest
def tcp_frames(run: Run, /) -> list[bytes]:
    return list(_frames(run))


def _frames(run: Run) -> Iterator[bytes]:
    first, last, header, base, seq, last_flags, size, pieces, partial = run
    too_long = max(len(first), len(last)) > _MOST_BEFORE
    if too_long or not _TCP <= len(header) <= _LONGEST or base > 0xFFFF or size < 1:
        raise ValueError("no run: headers too long or short, or no size")
    text = b"".join(pieces)
    at = 0
    while len(text) - at > size:
        piece = text[at : at + size]
        yield first + _segment(header, base, seq + at, header[13], piece, partial)
        at += size
    flags = last_flags | header[13] & _URG
    yield last + _segment(header, base, seq + at, flags & 0xFF, text[at:], partial)


def _segment(header: bytes, base: int, seq: int, flags: int, text: bytes, partial: bool) -> bytes:
    number = seq & 0xFFFFFFFF
    total = base + len(text) + (0 if partial else number + flags + ones_sum(text))
    folded = total % 0xFFFF or (0xFFFF if total else 0)
    checksum = folded if partial or not folded else 0xFFFF - folded
    out = bytearray(header)
    out[4:8] = number.to_bytes(4, "big")
    out[13] = flags
    out[16:18] = checksum.to_bytes(2, "big")
    return bytes(out) + text


# ---------------------------------------------------------------------- from the guest
class _Segment(NamedTuple):
    ends: bytes  # addresses and ports
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes
    text: bytes


def tcp_run(
    frames: list[bytes], at: int, mac: bytes, /
) -> tuple[int, int, int, int, int, int, int, int, bytes, tuple[()] | tuple[int, int]] | None:
    if len(mac) != 6 or not 0 <= at < len(frames):
        raise ValueError("no MAC of 6 bytes, or no such frame")
    run: list[_Segment] = []
    while at + len(run) < len(frames):
        segment = _common(frames[at + len(run)], mac)
        if segment is None or (run and not _goes_on(run[-1], segment)):
            break
        run.append(segment)
    if not run:
        return None
    first, last = run[0], run[-1]
    ports = int.from_bytes(last.ends[8:10], "big"), int.from_bytes(last.ends[10:], "big")
    numbers = first.seq, last.ack, last.flags, last.window
    text = b"".join(segment.text for segment in run)
    stamps = _STAMPS.unpack(last.options)[1:] if last.options else ()
    return len(run), len(text) - len(last.text), *ports, *numbers, text, stamps


def _common(frame: bytes, mac: bytes) -> _Segment | None:
    """The frame, if it has the form of the common segment, with right sums."""
    if len(frame) < _AT_TCP + _TCP or frame[:6] != mac or frame[12:15] != b"\x08\x00\x45":
        return None
    total, fragment = _IP.unpack_from(frame, _ETHERNET)
    header = (frame[_AT_TCP + 12] >> 4) * 4
    ends, tcp = frame[_AT_TCP - 8 : _AT_TCP + 4], frame[_AT_TCP : _ETHERNET + total]
    options = tcp[_TCP:header]
    is_odd = (
        fragment & ~_DF
        or frame[_ETHERNET + 8] < 2
        or frame[_ETHERNET + 9] != _PROTOCOL_TCP
        or tcp[13:14] not in (bytes((_ACK,)), bytes((_ACK | _PSH,)))
        or header not in (_TCP, _TCP + _STAMPS.size)
        or not _IPV4 + header <= total <= len(frame) - _ETHERNET
        or (options and options[:4] != _STAMPS_PREFIX)
    )
    if is_odd or not _sums_are_right(frame[_ETHERNET:_AT_TCP], ends[:8] + tcp, len(tcp)):
        return None
    seq, ack, _, flags, window = _NUMBERS.unpack_from(tcp, 4)
    return _Segment(ends, seq, ack, flags, window, options, tcp[header:])


def _sums_are_right(ip: bytes, segment: bytes, length: int) -> bool:
    """segment: behind IP's addresses."""
    return ones_sum(ip) == 0xFFFF and (ones_sum(segment) + _PROTOCOL_TCP + length) % 0xFFFF == 0


def _goes_on(last: _Segment, following: _Segment) -> bool:
    """Whether it only goes on with what the last one says: more text, or a higher
    acknowledgement."""
    if last.ends != following.ends or len(last.options) != len(following.options):
        return False
    if not last.text:
        further = following.ack - last.ack & 0xFFFFFFFF
        return not following.text and last.seq == following.seq and 0 < further < 1 << 31
    same = last.ack == following.ack and last.window == following.window
    follows = following.seq == last.seq + len(last.text) & 0xFFFFFFFF and bool(following.text)
    return follows and same and last.options == following.options and not last.flags & _PSH


# ---------------------------------------------------------------------- a device
def read_frames(descriptor: int, limit: int, /) -> tuple[list[bytes], int]:
    frames: list[bytes] = []
    try:
        while len(frames) < limit:
            frames.append(os.read(descriptor, _LONGEST_FRAME))
    except OSError as error:
        return frames, error.errno or 0
    return frames, 0


def write_frames(descriptor: int, items: Sequence[bytes | Run], /) -> tuple[int, int, int, int]:
    taken = octets = refused = why = 0
    for frame in [one for item in items for one in _made(item)]:
        try:
            octets += os.write(descriptor, frame)
            taken += 1
        except OSError as error:
            refused, why = refused + 1, error.errno or 0
    return taken, octets, refused, why


def _made(item: bytes | Run) -> list[bytes]:
    if isinstance(item, bytes):
        return [item]
    if not isinstance(item, tuple):
        raise TypeError("a frame is bytes, or a run of them")
    return tcp_frames(item)
