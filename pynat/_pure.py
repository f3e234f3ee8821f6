"""What `_fast.c` does, in Python, for where that could not be built; `_fast.pyi` says what."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

Run = tuple[bytes, bytes, bytes, int, int, int, int, list[bytes | memoryview], bool]  # a FrameRun

_LONGEST_FRAME = (
    65535 + 18 + 10
)  # of any MTU, with Ethernet's header and a VLAN tag, behind virtio's
_MOST_BEFORE = 128  # bytes of the headers before TCP's
_ETHERNET, _IPV4, _TCP, _UDP, _LONGEST = 14, 20, 20, 8, 60  # bytes of headers
_SHORTEST_FRAME = 60  # what is shorter is padded
_AT_TCP = _ETHERNET + _IPV4
_PROTOCOL_ICMP, _PROTOCOL_TCP, _PROTOCOL_UDP, _DF = 1, 6, 17, 0x4000
_ICMP = 8  # bytes of an echo's header
_ECHO_REQUEST = b"\x08\x00"
_TTL = 64  # of what the router itself sends
_PSH, _ACK, _URG = 0x08, 0x10, 0x20
_AT_UDP = _AT_TCP
_AT_KEY, _KEY = _AT_TCP - 8, 12  # addresses and ports
_BETWEEN = 64  # frames written between two looks who has come
_AT_A_LOOK = 64  # frames
_MOST_DATAGRAMS = 64
_LONGEST_DATAGRAM = 65_535
_MOST_JOINED = _LONGEST_DATAGRAM - _IPV4 - _UDP  # bytes of datagrams that Linux takes apart
_UDP_SEGMENT = 103  # linux/udp.h
_SIZE = Struct("=H")  # that comes with it
_FAMILY = {4: socket.AF_INET, 16: socket.AF_INET6}  # by an address's length
_IP = Struct("!2xH2xH")
_REPLY = Struct("!BBHHHBBH4s4s")
_NUMBERS = Struct("!IIBBH")  # of TCP: sequence and acknowledgement, data offset, flags, window
_PORTS = Struct("!HH")
_CHECKED = Struct("!HH")  # checksum, urgent pointer
_STAMPS = Struct("!4sII")  # as RFC 7323 appendix A lays them out
_STAMPS_PREFIX = b"\x01\x01\x08\x0a"


def ones_sum(data: bytes | bytearray | memoryview, /) -> int:
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


def tcp_segment(
    source: bytes,
    destination: bytes,
    source_port: int,
    destination_port: int,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    urgent: int,
    options: bytes,
    data: bytes | memoryview,
    /,
) -> bytes:
    size = _TCP + len(options)
    if size > _LONGEST or size % 4 or (len(source) | len(destination)) % 2:
        raise ValueError("no segment: no addresses, or no words of options")
    numbers = seq, ack, size << 2, flags, window
    start = _PORTS.pack(source_port, destination_port) + _NUMBERS.pack(*numbers)
    rest = _CHECKED.pack(0, urgent) + options + data
    total = _PROTOCOL_TCP + size + len(data) + ones_sum(source + destination + start + rest)
    check = 0xFFFF - (total % 0xFFFF or 0xFFFF)
    return start + check.to_bytes(2, "big") + rest[2:]


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
    numbers = first.seq, last.ack, last.flags, last.window
    text = b"".join(segment.text for segment in run)
    stamps = _STAMPS.unpack(last.options)[1:] if last.options else ()
    return len(run), len(text) - len(last.text), *_ports(last.ends[8:]), *numbers, text, stamps


def _common(frame: bytes, mac: bytes) -> _Segment | None:
    """To `mac`, with a TTL to go on with, and of the form."""
    return (
        _of_the_form(frame) if frame[:6] == mac and frame[_ETHERNET + 8 :][:1] > b"\x01" else None
    )


def _of_the_form(frame: bytes) -> _Segment | None:
    """The frame, if it has the form of the common segment, with right sums."""
    tcp = _plain(frame, _PROTOCOL_TCP, _TCP)
    if tcp is None:
        return None
    header = (tcp[12] >> 4) * 4
    options = tcp[_TCP:header]
    is_odd = (
        tcp[13:14] not in (bytes((_ACK,)), bytes((_ACK | _PSH,)))
        or header not in (_TCP, _TCP + _STAMPS.size)
        or header > len(tcp)
        or (options and options[:4] != _STAMPS_PREFIX)
    )
    if is_odd or not _sums_are_right(frame, tcp):
        return None
    seq, ack, _, flags, window = _NUMBERS.unpack_from(tcp, 4)
    ends = frame[_AT_TCP - 8 : _AT_TCP + 4]
    return _Segment(ends, seq, ack, flags, window, options, tcp[header:])


def _plain(frame: bytes, protocol: int, least: int) -> bytes | None:
    """What a whole packet of that protocol without options carries, in an untagged frame."""
    if len(frame) < _AT_TCP + least or frame[12:15] != b"\x08\x00\x45":
        return None
    total, fragment = _IP.unpack_from(frame, _ETHERNET)
    fits = _IPV4 + least <= total <= len(frame) - _ETHERNET
    if fragment & ~_DF or frame[_ETHERNET + 9] != protocol or not fits:
        return None
    return frame[_AT_TCP : _ETHERNET + total]


def _sums_are_right(frame: bytes, text: bytes) -> bool:
    """text: what the packet carries, behind IP's addresses."""
    ip = frame[_ETHERNET:_AT_TCP]
    return ones_sum(ip) == 0xFFFF and (ones_sum(ip[12:] + text) + ip[9] + len(text)) % 0xFFFF == 0


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


# ---------------------------------------------------------------------- one frame, for the linter
def tcp_one(
    frame: bytes, /
) -> tuple[int, int, int, int, int, int, int, bytes, tuple[()] | tuple[int, int]] | None:
    segment = _of_the_form(frame)
    if segment is None or frame[_AT_TCP + 12] & 0x0F or any(frame[_AT_TCP + 18 : _AT_TCP + 20]):
        return None
    padding = _padding(frame, _AT_TCP + _TCP + len(segment.options) + len(segment.text))
    if padding is None:
        return None
    _, seq, ack, flags, window, options, text = segment
    stamps = _STAMPS.unpack(options)[1:] if options else ()
    return padding, *_ports(segment.ends[8:]), seq, ack, flags, window, text, stamps


def udp_one(frame: bytes, /) -> tuple[int, int, int] | None:
    datagram = _right_datagram(frame)
    padding = None if datagram is None else _padding(frame, _AT_UDP + len(datagram))
    if datagram is None or padding is None:
        return None
    return padding, *_ports(datagram[:4])


def _padding(frame: bytes, end: int) -> int | None:
    """Bytes behind the packet: none, or zeros up to the shortest frame."""
    if len(frame) > max(end, _SHORTEST_FRAME) or any(frame[end:]):
        return None
    return len(frame) - end


def _ports(ports: bytes) -> tuple[int, int]:
    return int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")


# ---------------------------------------------------------------------- a ping
def echo_reply(frame: bytes, mac: bytes, ident: int, /) -> bytes | None:
    message = _plain(frame, _PROTOCOL_ICMP, _ICMP)
    if message is None or frame[:6] != mac or message[:2] != _ECHO_REQUEST:
        return None
    if ones_sum(frame[_ETHERNET:_AT_TCP]) != 0xFFFF or ones_sum(message) != 0xFFFF:
        return None
    source, destination = frame[_AT_TCP - 8 : _AT_TCP - 4], frame[_AT_TCP - 4 : _AT_TCP]
    numbers = _IPV4 + len(message), ident & 0xFFFF, 0, _TTL, _PROTOCOL_ICMP
    ip = _REPLY.pack(0x45, 0, *numbers, 0, destination, source)
    ip = _REPLY.pack(0x45, 0, *numbers, 0xFFFF - ones_sum(ip), destination, source)
    rest = message[4:]
    check = 0xFFFF - ones_sum(rest)
    return frame[6:12] + mac + b"\x08\x00" + ip + b"\0\0" + check.to_bytes(2, "big") + rest


# ---------------------------------------------------------------------- a device
def read_frames(descriptor: int, limit: int, /) -> tuple[list[bytes], int]:
    frames: list[bytes] = []
    try:
        while len(frames) < limit:
            frames.append(os.read(descriptor, _LONGEST_FRAME))
    except OSError as error:
        return frames, error.errno or 0
    return frames, 0


def write_frames(
    descriptor: int,
    items: Sequence[bytes | Run],
    busy: bytes = b"",
    came: list[bytes] | None = None,
    /,
) -> tuple[int, int, int, int, int]:
    taken = octets = refused = why = 0
    if len(busy) % _KEY or (busy and came is None):
        raise ValueError("no keys of flows, or nowhere to put what comes")
    frames = [one for item in items for one in _made(item)]
    for number, frame in enumerate(frames, 1):
        try:
            octets += os.write(descriptor, frame)
            taken += 1
        except OSError as error:
            refused, why = refused + 1, error.errno or 0
        if busy and came is not None and number % _BETWEEN == 0:
            others, _ = read_frames(descriptor, _AT_A_LOOK)
            came += others
            if not all(_is_busy(other, busy) for other in others):
                break
    return taken, octets, refused, why, len(frames) - taken - refused


def _is_busy(frame: bytes, busy: bytes) -> bool:
    key = frame[_AT_KEY : _AT_KEY + _KEY]
    return any(busy[at : at + _KEY] == key for at in range(0, len(busy), _KEY))


def _made(item: bytes | Run) -> list[bytes]:
    if isinstance(item, bytes):
        return [item]
    if not isinstance(item, tuple):
        raise TypeError("a frame is bytes, or a run of them")
    return tcp_frames(item)


# ---------------------------------------------------------------------- datagrams
def udp_run(frames: list[bytes], at: int, mac: bytes, /) -> tuple[int, bool, list[bytes]] | None:
    if len(mac) != 6 or not 0 <= at < len(frames):
        raise ValueError("no MAC of 6 bytes, or no such frame")
    way = b""
    found: list[bytes] = []
    for frame in frames[at:]:
        data = _datagram(frame, mac)
        if data is None or (found and way != _way(frame)):
            break
        way = _way(frame)
        found.append(data)
    return (way[0], bool(way[1] & 0x40), found) if found else None


def _way(frame: bytes) -> bytes:
    """Time to live, flags, addresses and ports."""
    ip = frame[_ETHERNET:]
    return ip[8:9] + ip[6:7] + ip[12 : _IPV4 + 4]


def _datagram(frame: bytes, mac: bytes) -> bytes | None:
    """Its data, if the frame is to `mac` with a TTL to go on with, and has a right one."""
    datagram = _right_datagram(frame)
    if datagram is None or frame[:6] != mac or frame[_ETHERNET + 8] < 2:
        return None
    return datagram[_UDP:]


def _right_datagram(frame: bytes) -> bytes | None:
    """Whole, with right lengths and sums."""
    datagram = _plain(frame, _PROTOCOL_UDP, _UDP)
    if datagram is None or int.from_bytes(datagram[4:6], "big") != len(datagram):
        return None
    return datagram if any(datagram[6:8]) and _sums_are_right(frame, datagram) else None


def udp_frames(header: bytes, ident: int, datagrams: list[bytes], /) -> list[bytes]:
    longest = max(map(len, datagrams), default=0)
    if len(header) != _AT_UDP + _UDP or longest > _LONGEST_DATAGRAM - _IPV4 - _UDP:
        raise ValueError("no headers of 42 bytes, or no datagrams")
    return [
        _udp_frame(header, ident + number & 0xFFFF, data) for number, data in enumerate(datagrams)
    ]


def _udp_frame(header: bytes, ident: int, data: bytes) -> bytes:
    frame = bytearray(header + data)
    length = _UDP + len(data)
    frame[16:20] = (_IPV4 + length).to_bytes(2, "big") + ident.to_bytes(2, "big")
    frame[24:26] = (0xFFFF - ones_sum(frame[_ETHERNET:_AT_UDP])).to_bytes(2, "big")
    frame[38:40] = length.to_bytes(2, "big")
    total = (ones_sum(frame[26:]) + _PROTOCOL_UDP + length) % 0xFFFF
    frame[40:42] = (0xFFFF - total).to_bytes(2, "big")
    return bytes(frame)


def send_datagrams(
    sock: socket.socket, address: bytes, port: int, datagrams: list[bytes], joined: bool, /
) -> tuple[int, int]:
    family = _FAMILY.get(len(address))
    if family is None or not all(isinstance(one, bytes) for one in datagrams):
        raise ValueError("no packed address, or a datagram that is no bytes")
    to, sent = (socket.inet_ntop(family, address), port), 0
    while sent < len(datagrams):
        here = datagrams[sent : sent + (_joinable(datagrams, sent) if joined else 1)]
        try:
            sock.sendmsg(here, _apart(len(here[0])) if len(here) > 1 else [], 0, to)
        except OSError as error:
            return sent, error.errno or 0
        sent += len(here)
    return sent, 0


def _apart(size: int) -> list[tuple[int, int, bytes]]:
    """The message is to be taken apart into datagrams of so many bytes."""
    return [(socket.IPPROTO_UDP, _UDP_SEGMENT, _SIZE.pack(size))]


def _joinable(datagrams: list[bytes], at: int) -> int:
    """How many from there on Linux can make of one message (UDP_SEGMENT in udp(7))."""
    size, total, joined = len(datagrams[at]), 0, 0
    for one in datagrams[at : at + _MOST_DATAGRAMS]:
        total += len(one)
        if joined and not (0 < len(one) <= size and total <= _MOST_JOINED):
            break
        joined += 1
        if len(one) < size:
            break  # the last one
    return joined


def receive_datagrams(
    sock: socket.socket, limit: int, /
) -> tuple[list[tuple[tuple[bytes, int], bytes]], int]:
    found: list[tuple[tuple[bytes, int], bytes]] = []
    try:
        while len(found) < min(limit, _MOST_DATAGRAMS):
            data, (host, port, *_) = sock.recvfrom(_LONGEST_DATAGRAM)
            address = socket.inet_pton(sock.family, host.partition("%")[0])
            found.append(((address, port), data))
    except OSError as error:
        return found, 0 if found else error.errno or 0
    return found, 0
