"""Reads captures of Ethernet, in both formats and byte orders (pynat.capture.pcap has the layouts).

Frames of which the capture has only the beginning are counted and left out. A file that ends in the
middle of a record ends there, and `on_cut` is told: whoever wrote it was stopped, or it is spoilt.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pynat.errors import ConfigError

_PCAP = {  # magic: byte order, fractions of a second
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _SIMPLE, _ENHANCED = 1, 3, 6
_ETHERNET = 1
_FLAGS, _RESOLUTION = 2, 9  # options of an enhanced packet, of an interface
_DIRECTIONS = {1: True, 2: False}  # inbound is from the guest, as pynat writes it
_SHORTEST_BLOCK = 12


class Captured(NamedTuple):
    number: int  # as Wireshark counts
    when: float  # seconds
    frame: bytes
    from_guest: bool | None  # None where the file does not say
    whole: bool


OnCut = Callable[[int], object]  # after how many packets


def read(path: Path, on_cut: OnCut = lambda _: None) -> Iterator[Captured]:
    """Raises ConfigError where it is no capture of Ethernet."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if data[:4] in _PCAP:
        return _pcap(path, data, on_cut)
    if data[:4] == _SECTION and data[8:12] in _ORDER:
        return _pcapng(path, data, on_cut)
    raise ConfigError(f"{path}: expected a capture, pcap or pcapng")


def _pcap(path: Path, data: bytes, on_cut: OnCut) -> Iterator[Captured]:
    order, unit = _PCAP[data[:4]]
    _must_be_ethernet(path, struct.unpack_from(order + "I", data.ljust(24, b"\0"), 20)[0] & 0xFFFF)
    record = struct.Struct(order + "IIII")
    at, number = 24, 0
    while at + record.size <= len(data):
        seconds, fraction, size, original = record.unpack_from(data, at)
        frame = data[at + record.size : at + record.size + size]
        if len(frame) < size:
            break
        at += record.size + size
        number += 1
        yield Captured(number, seconds + fraction * unit, frame, None, size == original)
    if at != len(data):
        on_cut(number)


def _pcapng(path: Path, data: bytes, on_cut: OnCut) -> Iterator[Captured]:
    units: list[float] = []  # of the section's interfaces
    order, at, number = "<", 0, 0
    while at + _SHORTEST_BLOCK <= len(data):
        if data[at : at + 4] == _SECTION:
            order, units = _ORDER.get(data[at + 8 : at + 12], order), []
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < _SHORTEST_BLOCK or length % 4 or at + length > len(data):
            break
        body = data[at + 8 : at + length - 4]
        at += length
        if kind == _INTERFACE and len(body) >= 8:
            _must_be_ethernet(path, struct.unpack_from(order + "H", body)[0])
            units.append(_unit(_options(order, body[8:])))
        elif kind in (_ENHANCED, _SIMPLE):
            number += 1
            found = _packet(order, kind, body, units, number)
            if found is not None:
                yield found
    if at != len(data):
        on_cut(number)


def _packet(order: str, kind: int, body: bytes, units: list[float], number: int) -> Captured | None:
    if kind == _SIMPLE or len(body) < 20:  # without a time, which every rule needs
        return None
    interface, high, low, size, original = struct.unpack_from(order + "IIIII", body)
    frame = body[20 : 20 + size]
    if interface >= len(units) or len(frame) < size:
        return None
    flags = _options(order, body[20 + size + -size % 4 :]).get(_FLAGS, bytes(4))
    direction = _DIRECTIONS.get(int.from_bytes(flags, "little" if order == "<" else "big") & 3)
    when = (high << 32 | low) * units[interface]
    return Captured(number, when, frame, direction, size == original)


def _options(order: str, data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        found[code] = data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return found


def _unit(options: dict[int, bytes]) -> float:
    """Seconds in one count of time: 6 are microseconds, 0x80 and n are 2**-n."""
    resolution = (options.get(_RESOLUTION) or b"\x06")[0]
    return 2.0 ** -(resolution & 0x7F) if resolution & 0x80 else 10.0**-resolution


def _must_be_ethernet(path: Path, kind: int) -> None:
    if kind != _ETHERNET:
        raise ConfigError(f"{path}: link type {kind}, expected 1 (Ethernet)")
