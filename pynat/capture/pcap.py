"""The two file formats of captures: pcap and pcapng, little-endian, times in microseconds.
(`pynat.capture.reading` reads those of others, too.)

    pcap record:  4 seconds, 4 microseconds, 4 captured length, 4 original length, data
    pcapng EPB:   4 type 6, 4 length, 4 interface, 4+4 time, 4 captured, 4 original,
                  data padded to 4, options, 4 length
    option:       2 code, 2 length, value padded to 4; code 0 ends them

pcapng (draft-ietf-opsawg-pcapng) also says which way a frame went (epb_flags: from the guest is
inbound, to it outbound) and that it was lost on its way (a CRC error), and has room for comments.
It begins with who wrote it and with the interface: the router's addresses and the card's speed;
an ISB at the end has the time up to which nothing more came. pcap has none of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Interface
from struct import Struct

_ETHERNET = 1  # LINKTYPE_ETHERNET
_SNAPLEN = 1 << 18

PCAP_HEADER = Struct("<IHHiIII").pack(0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, _ETHERNET)
_PCAP_RECORD = Struct("<IIII")

SECTION, INTERFACE, STATISTICS = 0x0A0D0D0A, 1, 5  # types of blocks
_BLOCK = Struct("<II")
_SECTION = Struct("<IHHq").pack(0x1A2B3C4D, 1, 0, -1)
_INTERFACE = Struct("<HHI").pack(_ETHERNET, 0, _SNAPLEN)
_TIME = Struct("<II")
_EPB = Struct("<IIIIIII")
_FLAGS_AND_END = Struct("<HHIHHI")  # epb_flags, opt_endofopt, the block's length again
_OPTION = Struct("<HH")
_COMMENT = 1
APPLICATION = 4  # of a section
IPV4_ADDRESS, MAC_ADDRESS, SPEED = 4, 6, 8  # of an interface
END_TIME = 3  # of statistics
WRITER = "pynat"
BEGINS = "begins with the network"  # comments of the section
LINTED = "with the linter's findings"
MTU = "MTU "
_MAX_OPTION = 0xFFFF  # bytes of an option
_CUT = " ..."
_FLAGS = 2
_INBOUND = 1
_OUTBOUND = 2
CRC_ERROR = 1 << 24

Options = Sequence[tuple[int, bytes]]


def pcapng_header(
    router: IPv4Interface | None = None,
    mac: bytes = b"",
    megabits: int = 0,
    comments: Sequence[str] = (),
) -> bytes:
    """router, mac: the router's addresses on the guest's wire. megabits: 0 where not known."""
    said = [(APPLICATION, WRITER.encode()), *((_COMMENT, one.encode()) for one in comments)]
    known = [(SPEED, speed(megabits))]
    if router is not None:
        known.append((IPV4_ADDRESS, router.ip.packed + router.netmask.packed))
    if mac:
        known.append((MAC_ADDRESS, mac))
    return _block(SECTION, _SECTION, said) + _block(INTERFACE, _INTERFACE, known)


def speed(megabits: int) -> bytes:
    return (megabits * 1_000_000).to_bytes(8, "little")


def speed_at(header: bytes) -> int:
    """Where in it the card's speed is, which is known only when the guest has found its card."""
    section = int.from_bytes(header[4:8], "little")
    return section + _BLOCK.size + len(_INTERFACE) + _OPTION.size


def pcapng_end(micros: int) -> bytes:
    """Nothing more came up to then."""
    now = _TIME.pack(micros >> 32, micros & 0xFFFFFFFF)
    return _block(STATISTICS, bytes(4) + now, [(END_TIME, now)])


def _block(kind: int, body: bytes, options: Options) -> bytes:
    body += b"".join(_option(*one) for one in options) + bytes(4 * bool(options))
    length = len(body) + 12
    return _BLOCK.pack(kind, length) + body + length.to_bytes(4, "little")


def pcap_record(micros: int, frame: bytes) -> bytes:
    seconds, fraction = divmod(micros, 1_000_000)
    return _PCAP_RECORD.pack(seconds, fraction, len(frame), len(frame)) + frame


def pcapng_block(
    micros: int, frame: bytes, *, from_guest: bool, comment: str = "", lost: bool = False
) -> bytes:
    """A comment for each line: Wireshark folds one of several, and lists its lines again."""
    said = b"".join(_option(_COMMENT, line) for line in _text(comment).splitlines())
    padding = -len(frame) % 4
    length = _EPB.size + len(frame) + padding + len(said) + _FLAGS_AND_END.size
    size = len(frame)
    flags = (_INBOUND if from_guest else _OUTBOUND) | CRC_ERROR * lost
    return b"".join(
        (
            _EPB.pack(6, length, 0, micros >> 32, micros & 0xFFFFFFFF, size, size),
            frame,
            bytes(padding),
            said,
            _FLAGS_AND_END.pack(_FLAGS, 4, flags, 0, 0, length),
        )
    )


def _text(comment: str) -> bytes:
    """As much of it as an option can hold."""
    data = comment.encode()
    if len(data) <= _MAX_OPTION:
        return data
    return data[: _MAX_OPTION - len(_CUT)].decode(errors="ignore").encode() + _CUT.encode()


def _option(code: int, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + value + bytes(-len(value) % 4)
