"""TFTP packets (RFC 1350; options: RFC 2347).

0  2  opcode
2     RRQ 1, WRQ 2   file name, NUL, mode, NUL, then pairs of option, NUL, value, NUL
      DATA 3         block number 2, data
      ACK 4          block number 2
      ERROR 5        code 2, text, NUL
      OACK 6         pairs of option, NUL, value, NUL

Option names and the mode are compared in lower case (ASCII's); of an option that is named twice the
first one counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pynat import rules
from pynat.errors import Malformed
from pynat.wire import mistakes

RRQ, WRQ, DATA, ACK, ERROR, OACK = range(1, 7)
NAMES = ("", "RRQ", "WRQ", "DATA", "ACK", "ERROR", "OACK")
(
    UNDEFINED,
    NOT_FOUND,
    ACCESS_VIOLATION,
    DISK_FULL,
    ILLEGAL,
    UNKNOWN_TRANSFER,
    EXISTS,
    NO_SUCH_USER,
    BAD_OPTION,
) = range(9)
MAX_REQUEST = 512  # bytes (RFC 2347)
MAX_TEXT = 400  # bytes of an error's text; a packet of 512 is what every client takes


@dataclass(frozen=True, slots=True)
class Packet:
    """Which of the fields mean something is the opcode's matter."""

    opcode: int
    block: int = 0  # DATA, ACK; ERROR has its code here
    data: bytes = b""  # DATA; ERROR has its text here
    name: bytes = b""  # RRQ, WRQ
    mode: str = ""
    options: dict[str, str] = field(default_factory=dict)  # RRQ, WRQ, OACK; in their order

    def __str__(self) -> str:
        kind = NAMES[self.opcode]
        match self.opcode:
            case 1 | 2:
                return f'{kind} "{shown(self.name)}" {_shown(self.mode)}{self._pairs()}'
            case 3:
                return f"{kind} block {self.block}, {len(self.data)} bytes"
            case 4:
                return f"{kind} block {self.block}"
            case 5:
                return f"{kind} {self.block}: {shown(self.data)}"
            case _:
                return kind + self._pairs()

    def _pairs(self) -> str:
        return "".join(f" {_shown(name)}={_shown(text)}" for name, text in self.options.items())


def decode(data: bytes) -> Packet:
    if len(data) < 4:
        raise Malformed(rules.tftp.LENGTH, f"{len(data)} bytes, at least 4 (RFC 1350 section 5)")
    opcode, block = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    match opcode:
        case 1 | 2:
            return _request(opcode, data)
        case 3:
            return Packet(opcode, block, data[4:])
        case 4:
            return Packet(opcode, block)
        case 5:
            return Packet(opcode, block, data[4:].partition(b"\0")[0])
        case 6:
            return Packet(opcode, options=_options(_strings(data)))
    hint = mistakes.byte_order(opcode, range(RRQ, OACK + 1))
    raise Malformed(
        rules.tftp.OPCODE, f"opcode {opcode}, expected 1 to 6 (RFC 1350, RFC 2347){hint}"
    )


def _request(opcode: int, data: bytes) -> Packet:
    if len(data) > MAX_REQUEST:
        raise Malformed(rules.tftp.REQUEST, f"{len(data)} bytes, at most 512 (RFC 2347)")
    strings = _strings(data)
    if len(strings) < 2:
        raise Malformed(rules.tftp.REQUEST, "no file name and mode that end in NUL (RFC 1350 5)")
    name, mode, *options = strings
    return Packet(opcode, name=name, mode=_text(mode), options=_options(options))


def _strings(data: bytes) -> list[bytes]:
    """What stands before each NUL; some clients send more behind the last one."""
    return data[2:].split(b"\0")[:-1]


def _options(strings: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in zip(strings[::2], strings[1::2], strict=False):
        if name:
            found.setdefault(_text(name), value.decode("latin-1"))
    return found


def _text(word: bytes) -> str:
    return word.lower().decode("latin-1")


def encode(packet: Packet) -> bytes:
    head = packet.opcode.to_bytes(2, "big")
    match packet.opcode:
        case 1 | 2:
            return (
                head + packet.name + b"\0" + packet.mode.encode("latin-1") + b"\0" + _pairs(packet)
            )
        case 6:
            return head + _pairs(packet)
    end = b"\0" if packet.opcode == ERROR else b""
    return head + packet.block.to_bytes(2, "big") + packet.data + end


def _pairs(packet: Packet) -> bytes:
    return b"".join(
        f"{name}\0{value}\0".encode("latin-1") for name, value in packet.options.items()
    )


def error(code: int, text: str) -> bytes:
    return encode(Packet(ERROR, code, text.encode("ascii", "backslashreplace")[:MAX_TEXT]))


def shown(name: bytes) -> str:
    """For a log line: whatever is not printable ASCII as its number."""
    return "".join(chr(c) if 0x20 <= c < 0x7F else f"\\x{c:02x}" for c in name)


def _shown(text: str) -> str:
    return shown(text.encode("latin-1", "replace"))
