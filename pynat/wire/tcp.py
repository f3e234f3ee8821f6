"""TCP segments (RFC 9293 3.1) and their options (RFC 9293 3.2, RFC 7323, RFC 2018).

 0  2  source port
 2  2  destination port
 4  4  sequence number
 8  4  acknowledgement number
12  1  header length in 32-bit words, shifted left by 4
13  1  flags: CWR ECE URG ACK PSH RST SYN FIN
14  2  window
16  2  checksum over pseudo-header, header and data
18  2  urgent pointer
20     options, data
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import Struct
from typing import NamedTuple

from pynat import rules
from pynat.errors import Malformed
from pynat.loops import tcp_one, tcp_run, tcp_segment
from pynat.wire import ip, mistakes
from pynat.wire.checksum import finish, ones_sum, pseudo_header, valid
from pynat.wire.frame_run import FrameRun
from pynat.wire.ip import Packet

_HEADER = Struct("!HHIIBBHHH")
HEADER_SIZE = _HEADER.size  # bytes, without options
MAX_OPTIONS = 40  # bytes
CHECKSUM_AT = 16
STAMPS_PREFIX = b"\x01\x01\x08\x0a"  # as RFC 7323 appendix A lays timestamps out
STAMPS = Struct("!4sII")

FIN = 0x01
SYN = 0x02
RST = 0x04
PSH = 0x08
ACK = 0x10
URG = 0x20

_FLAG_LETTERS = ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (URG, "U"))

MAX_WINDOW_SHIFT = 14  # RFC 7323 2.3


class Options(NamedTuple):
    mss: int | None = None
    window_shift: int | None = None
    sack_permitted: bool = False
    sack: tuple[tuple[int, int], ...] = ()
    timestamps: tuple[int, int] | None = None  # value, echo reply
    malformed: str = ""  # what is wrong with the rest, which was not read
    block: bytes | None = None  # instead of all these, to be sent as it is; whole words

    def __str__(self) -> str:
        """packetdrill's form: `<mss 1460,sackOK,TS val 7 ecr 0,wscale 2>`."""
        words = [
            "" if self.mss is None else f"mss {self.mss}",
            "sackOK" if self.sack_permitted else "",
            "TS val {} ecr {}".format(*self.timestamps) if self.timestamps else "",
            "" if self.window_shift is None else f"wscale {self.window_shift}",
            " ".join(("sack", *(f"{low}:{high}" for low, high in self.sack))) if self.sack else "",
            "malformed" if self.malformed else "",
        ]
        return f"<{','.join(filter(None, words))}>"


NO_OPTIONS = Options()
_STAMPS_AT = Options._fields.index("timestamps")  # almost all segments have these alone


@dataclass(slots=True)  # not frozen: that triples the cost of making one
class Segment:
    source: int
    destination: int
    seq: int
    ack: int
    flags: int
    window: int  # as in the header, before scaling
    payload: bytes | memoryview = b""
    options: Options = NO_OPTIONS
    urgent: int = 0
    count: int = 1  # segments on the wire that it stands for
    before_last: int = 0  # bytes of them before the last one

    @property
    def length(self) -> int:
        """SEG.LEN: SYN and FIN count (RFC 9293 3.4)."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)

    def __str__(self) -> str:
        """packetdrill's form: `S 0:0(0) win 65535 <mss 1460>`."""
        letters = "".join(letter for bit, letter in _FLAG_LETTERS if self.flags & bit) or "."
        if self.flags & ACK and letters != ".":
            letters += "."
        words = [f"{letters} {self.seq}:{self.seq + self.length}({len(self.payload)})"]
        if self.flags & ACK:
            words.append(f"ack {self.ack}")
        words.append(f"win {self.window}")
        if self.options.mss is not None:
            words.append(f"<mss {self.options.mss}>")
        return " ".join(words)


@dataclass(slots=True)
class SegmentRun:
    """Consecutive segments that differ in their sequence numbers and text only.

    `head` is the first one without its text; the last one has `last_flags`. The text comes in
    pieces of any length. why: they are sent again, or to probe; for the log, and no part of them.
    """

    head: Segment
    text: list[bytes | memoryview]
    last_flags: int
    why: str = ""
    size: int = 0xFFFF  # bytes of text in each; the last one may have fewer

    @property
    def length(self) -> int:
        """Bytes of text."""
        return sum(map(len, self.text))

    def singles(self) -> list[SegmentRun]:
        """The same as runs of one segment."""
        text = b"".join(self.text)
        starts = range(0, len(text), self.size) or range(1)
        flags = dict.fromkeys(starts, self.head.flags) | {starts[-1]: self.last_flags}
        return [
            replace(
                self,
                head=replace(self.head, seq=self.head.seq + at & 0xFFFFFFFF),
                text=[text[at : at + self.size]],
                last_flags=flags[at],
            )
            for at in starts
        ]


def decode(packet: Packet) -> Segment:
    data = packet.payload
    if len(data) < _HEADER.size:
        text = f"{len(data)} bytes, a header has 20 (RFC 9293 3.1)"
        raise _goes_on_behind(packet, is_cut=True) or Malformed(rules.tcp.LENGTH, text)
    source, destination, seq, ack, offset, flags, window, checksum, urgent = _HEADER.unpack_from(
        data
    )
    header = (offset >> 4) * 4
    if not _HEADER.size <= header <= len(data):
        raise _goes_on_behind(packet, is_cut=header > len(data)) or Malformed(
            rules.tcp.HEADER_LENGTH,
            f"data offset {offset >> 4} words, expected 5 to {min(15, len(data) // 4)} in a segment"
            f" of {len(data)} bytes (RFC 9293 3.1)"
            f"{mistakes.in_data_offset(offset, flags, _options_behind(data, flags))}",
        )
    total = pseudo_header(packet.source, packet.destination, ip.TCP, len(data)) + ones_sum(data)
    if not valid(total):
        hint = mistakes.in_tcp(bytes(data), packet.ends, header, packet.around)
        raise _goes_on_behind(packet) or Malformed(
            rules.tcp.CHECKSUM,
            f"checksum {checksum:#06x}, expected {finish(total - checksum):#06x}"
            f" (RFC 9293 3.1){hint}",
        )
    options = NO_OPTIONS if header == _HEADER.size else decode_options(data[20:header])
    return Segment(source, destination, seq, ack, flags, window, data[header:], options, urgent)


def _options_behind(data: memoryview, flags: int) -> int:
    """Bytes of them, whatever the header's length says."""
    block = data[_HEADER.size :]
    if not flags & SYN:
        return STAMPS.size if block[:4] == STAMPS_PREFIX else 0
    found = decode_options(block)
    is_one = found != NO_OPTIONS and not found.malformed and len(block) <= MAX_OPTIONS
    return len(block) if is_one else 0


def _goes_on_behind(packet: Packet, *, is_cut: bool = False) -> Malformed | None:
    pseudo = pseudo_header(packet.source, packet.destination, ip.TCP, 0)
    return mistakes.goes_on_behind(packet.payload, pseudo, packet.around, is_cut=is_cut)


def unchecked(data: memoryview) -> tuple[int, memoryview]:
    """Number and text of a segment whose header can be read."""
    return int.from_bytes(data[4:8], "big"), data[(data[12] >> 4) * 4 :]


def decode_options(data: memoryview) -> Options:
    """Unknown kinds are skipped by their length; behind a length that cannot be nothing is read."""
    if len(data) == STAMPS.size and data[:4] == STAMPS_PREFIX:
        return Options(timestamps=STAMPS.unpack(data)[1:])
    mss = window_shift = timestamps = None
    sack_permitted = False
    sack: tuple[tuple[int, int], ...] = ()
    malformed = ""
    at = 0
    while at < len(data) and data[at] != 0:
        kind = data[at]
        if kind == 1:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2 or at + length > len(data):
            malformed = (
                f"option {kind} has length {length} at byte {at} of {len(data)} (RFC 9293 3.2)"
            )
            break
        body = data[at + 2 : at + length]
        match kind, length:
            case 2, 4:
                mss = int.from_bytes(body, "big")
            case 3, 3:
                window_shift = min(body[0], MAX_WINDOW_SHIFT)
            case 4, 2:
                sack_permitted = True
            case 5, (10 | 18 | 26 | 34):
                edges = [int.from_bytes(body[i : i + 4], "big") for i in range(0, len(body), 4)]
                sack = tuple(zip(edges[::2], edges[1::2], strict=True))
            case 8, 10:
                timestamps = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:], "big")
            case ((2 | 3 | 4 | 5 | 8), _):
                malformed = f"option {kind} has length {length} (RFC 9293 3.2, 7323, 2018)"
        at += length
    return Options(mss, window_shift, sack_permitted, sack, timestamps, malformed)


def encode_options(options: Options) -> bytes:
    if options[:_STAMPS_AT] == NO_OPTIONS[:_STAMPS_AT] and options.block is None:
        return STAMPS.pack(STAMPS_PREFIX, *options.timestamps) if options.timestamps else b""
    if options.block is not None:
        return options.block
    out = bytearray()
    if options.mss is not None:
        out += b"\x02\x04" + options.mss.to_bytes(2, "big")
    if options.window_shift is not None:
        out += bytes((1, 3, 3, options.window_shift))
    if options.sack_permitted:
        out += b"\x01\x01\x04\x02"
    if options.timestamps is not None:
        out += STAMPS.pack(STAMPS_PREFIX, *options.timestamps)
    if options.sack:
        out += bytes((1, 1, 5, 2 + 8 * len(options.sack)))
        out += b"".join(edge.to_bytes(4, "big") for block in options.sack for edge in block)
    return bytes(out)


def encode(source: bytes, destination: bytes, segment: Segment) -> bytes:
    """The segment, to be carried from `source` to `destination`."""
    return tcp_segment(
        source,
        destination,
        segment.source,
        segment.destination,
        segment.seq,
        segment.ack,
        segment.flags,
        segment.window,
        segment.urgent,
        encode_options(segment.options),
        segment.payload,
    )


def encode_run(source: bytes, destination: bytes, run: SegmentRun) -> FrameRun:
    """The segments, with nothing before them.

    Everything that they share is summed once: an option block is a whole number of words, so the
    parts of a segment can be summed separately.
    """
    head, options = run.head, encode_options(run.head.options)
    ends, size = (head.source, head.destination), _HEADER.size + len(options)
    rest = head.flags, head.window, 0, head.urgent
    header = _HEADER.pack(*ends, 0, head.ack, size << 2, *rest) + options
    base = pseudo_header(source, destination, ip.TCP, len(header)) + ones_sum(header) - head.flags
    return FrameRun(b"", b"", header, base % 0xFFFF, head.seq, run.last_flags, run.size, run.text)


PROTOCOL = bytes((ip.TCP,))  # in a frame that `find_run` takes


# Count, bytes before the last one, ports, seq, ack, flags, window, data, timestamps.
Found = tuple[int, int, int, int, int, int, int, int, bytes, tuple[()] | tuple[int, int]]


# Of the frame `at`, and those behind it that go on with what it says, as one segment: it carries
# data or acknowledges it, with no options but timestamps, and each of the frames is to `mac` with a
# TTL to go on with. None says only that `decode` must look at the frame: anything may be wrong with
# it, or nothing.
find_run: Callable[[list[bytes], int, bytes], Found | None] = tcp_run


def as_segment(found: Found) -> Segment:
    count, before, source, destination, seq, ack, flags, window, data, stamps = found
    options = Options(timestamps=stamps) if stamps else NO_OPTIONS
    return Segment(source, destination, seq, ack, flags, window, data, options, 0, count, before)


# Bytes of padding behind it, ports, seq, ack, flags, window, data, timestamps.
FoundOne = tuple[int, int, int, int, int, int, int, bytes, tuple[()] | tuple[int, int]]


# A segment of that form with all bits right, to whomever. None says as little.
find_one: Callable[[bytes], FoundOne | None] = tcp_one


def one_segment(found: FoundOne) -> Segment:
    _, source, destination, seq, ack, flags, window, data, stamps = found
    options = Options(timestamps=stamps) if stamps else NO_OPTIONS
    return Segment(source, destination, seq, ack, flags, window, data, options)
