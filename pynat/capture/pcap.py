"""The two file formats of captures: pcap and pcapng, little-endian, times in microseconds.

    pcap record:  4 seconds, 4 microseconds, 4 captured length, 4 original length, data
    pcapng EPB:   4 type 6, 4 length, 4 interface, 4+4 time, 4 captured, 4 original,
                  data padded to 4, options, 4 length
    option:       2 code, 2 length, value padded to 4; code 0 ends them

pcapng (draft-ietf-opsawg-pcapng) also says which way a frame went (epb_flags: from the guest is
inbound, to it outbound), and has room for a comment. pcap has neither.
"""

from __future__ import annotations

from struct import Struct

_ETHERNET = 1  # LINKTYPE_ETHERNET
_SNAPLEN = 1 << 18

PCAP_HEADER = Struct("<IHHiIII").pack(0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, _ETHERNET)
_PCAP_RECORD = Struct("<IIII")

_SECTION = Struct("<IIIHHqI").pack(0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
_INTERFACE = Struct("<IIHHII").pack(1, 20, _ETHERNET, 0, _SNAPLEN, 20)
PCAPNG_HEADER = _SECTION + _INTERFACE
_EPB = Struct("<IIIIIII")
_FLAGS_AND_END = Struct("<HHIHHI")  # epb_flags, opt_endofopt, the block's length again
_OPTION = Struct("<HH")
_COMMENT = 1
_LONGEST = 0xFFFF  # bytes of an option
_CUT = " ..."
_FLAGS = 2
_INBOUND = 1
_OUTBOUND = 2


def pcap_record(micros: int, frame: bytes) -> bytes:
    seconds, fraction = divmod(micros, 1_000_000)
    return _PCAP_RECORD.pack(seconds, fraction, len(frame), len(frame)) + frame


def pcapng_block(micros: int, frame: bytes, *, from_guest: bool, comment: str = "") -> bytes:
    said = _option(_COMMENT, _text(comment)) if comment else b""
    padding = -len(frame) % 4
    length = _EPB.size + len(frame) + padding + len(said) + _FLAGS_AND_END.size
    size = len(frame)
    direction = _INBOUND if from_guest else _OUTBOUND
    return b"".join(
        (
            _EPB.pack(6, length, 0, micros >> 32, micros & 0xFFFFFFFF, size, size),
            frame,
            bytes(padding),
            said,
            _FLAGS_AND_END.pack(_FLAGS, 4, direction, 0, 0, length),
        )
    )


def _text(comment: str) -> bytes:
    """As much of it as an option can hold."""
    data = comment.encode()
    if len(data) <= _LONGEST:
        return data
    return data[: _LONGEST - len(_CUT)].decode(errors="ignore").encode() + _CUT.encode()


def _option(code: int, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + value + bytes(-len(value) % 4)
