"""DNS messages (RFC 1035 section 4), as far as a forwarder must read and write them.

 0  2  id
 2  2  flags: QR, opcode (4 bits), AA, TC, RD; RA, Z, AD, CD, rcode (4 bits)
 4  2  number of questions, 1
 6  2  of answers
 8  2  of authority records
10  2  of additional records
12     the question: a name (labels with their lengths, then 0), type 2, class 2
       records: a name, type 2, class 2, TTL 4, length 2, data

One additional record, OPT (RFC 6891), has in its class field the size of UDP message that the
sender takes, and in its TTL the upper 8 bits of a 12-bit rcode, the version of EDNS (0), and the
flag DO, which an answer copies (RFC 3225).

Whole messages with their records are never built as objects here: what is forwarded passes as it
is, and importing a full DNS library takes a fifth of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class

from pynat import rules
from pynat.errors import Malformed
from pynat.wire import mistakes

HEADER = Struct("!HHHHHH")
_QUESTION = Struct("!HH")
_RECORD = Struct("!HHIH")
_NO_ROOT = (
    "the message is one byte short: the zero byte that ends the name is missing, and the first one"
    " of the type was taken for it (RFC 1035 3.1)"
)
_COUNTED = "the length of a label counts its bytes, not the length byte itself (RFC 1035 3.1)"
_UNCOUNTED = "the length of a label counts all of its bytes; one is left out (RFC 1035 3.1)"
_AS_TEXT = "it is written as text; each label is its length and its bytes, without dots"

QR, AA, TC, RD, RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
OPCODE = 0x7800
RCODE = 0xF  # the bits in a header
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
BADVERS = 16
DO = 0x8000
A, CNAME, PTR, AAAA, OPT, ANY = 1, 5, 12, 28, 41, 255
_V4 = 4  # bytes of an address, and numbers in its name
IN = 1
CLASSES = {IN, 3, 4, 254, 255}  # and CHAOS, Hesiod, none, any
_LABEL = re.compile(rb"[\w-]+")
_TEXT = re.compile(rb"[\w-]+(\.[\w-]+)+\.?\0")
_ESCAPED = re.compile(rb"[.\\]")  # within a label (RFC 1035 section 5.1)

OUR_SIZE = 1232  # bytes of UDP message; fits every path (dnsflagday.net/2020)
MIN_UDP_SIZE = 512  # what everybody takes (RFC 1035 section 2.3.4)
TO_QUESTION = b"\xc0\x0c"  # a compressed name: the one at byte 12


@dataclass(frozen=True, slots=True)
class Query:
    ident: int
    flags: int
    name: str  # ASCII in lower case (RFC 4343), without the last dot
    kind: int
    klass: int
    question: bytes
    size: int = 0  # of UDP message that the sender takes, from OPT; 0 without OPT
    version: int = 0  # of EDNS
    dnssec: bool = False  # DO: the sender wants the records of DNSSEC

    def __str__(self) -> str:
        name = "".join(c if "!" <= c <= "~" else f"\\{ord(c):03d}" for c in self.name)
        return f"DNS {self.ident:#06x} type {self.kind} {name or '.'}"


def decode(data: bytes) -> Query:
    """A query of one question. Who asks otherwise is told FORMERR."""
    if len(data) < HEADER.size:
        raise Malformed(rules.dns.LENGTH, f"{len(data)} bytes, a header has 12 (RFC 1035 4.1.1)")
    ident, flags, questions, *others = HEADER.unpack_from(data)
    if questions != 1:
        hint = mistakes.byte_order(questions, (1,))
        raise Malformed(
            rules.dns.QUESTION, f"{questions} questions, expected 1 (RFC 1035 4.1.2){hint}"
        )
    labels, at = _name(data, HEADER.size)
    try:
        kind, klass = _QUESTION.unpack_from(data, at)
        end = at = at + _QUESTION.size
        size = ttl = 0
        for number in range(sum(others)):
            if at == len(data):
                raise _announced(sum(others), number)
            _, at = _name(data, at)
            of_kind, of_class, of_ttl, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size + length
            if of_kind == OPT:
                if size:
                    raise Malformed(rules.dns.OPT, "two OPT records, expected one (RFC 6891 6.1.1)")
                size, ttl = max(MIN_UDP_SIZE, of_class), of_ttl
    except StructError:
        if len(data) - at == _QUESTION.size - 1 and not any(others):
            counts_itself = bool(labels) and labels[-1].endswith(b"\0")
            raise Malformed(rules.dns.NAME, _COUNTED if counts_itself else _NO_ROOT) from None
        raise _short(len(data)) from None
    if at > len(data):
        raise _short(len(data))
    name = b".".join(_ESCAPED.sub(rb"\\\g<0>", label) for label in labels).lower().decode("latin-1")
    edns = (size, ttl >> 16 & 0xFF, bool(ttl & DO))
    return Query(ident, flags, name, kind, klass, data[HEADER.size : end], *edns)


def name_asked(message: bytes) -> bytes:
    """The first question's, in lower case and without its end; what is there where it is cut."""
    at = HEADER.size
    while at < len(message) and 0 < message[at] < 64:
        at += 1 + message[at]
    return message[HEADER.size : at].lower()


def addresses(message: bytes) -> list[bytes]:
    """Of IPv4, in the records of an answer; none where they cannot be read."""
    found, behind = [], 0
    try:
        for start, behind, kind in _data_of(message):
            if (kind, behind - start) == (A, _V4):
                found.append(message[start:behind])
    except (Malformed, StructError):
        return []
    return found if behind <= len(message) else []


def misread(message: bytes, address: bytes) -> str:
    """Where an address that it does not tell stands in an answer, if some of it is a record's data.

    Records that hold addresses in other ways (SVCB, OPT) are left out, and those behind one that
    is cut off.
    """
    told = ""
    if address not in message:
        return ""
    try:
        for start, behind, kind in _data_of(message):
            at = message.find(address, max(start - _V4 + 1, 0), behind + _V4 - 1)
            if kind in (A, CNAME) and at >= 0 and (kind, at) != (A, start):
                what = f"the record's is at {start}" if kind == A else "a CNAME has no address"
                told = f"it is what stands at byte {at} of the answer, {what}"
            elif kind not in (A, CNAME, OPT):
                return ""
    except (Malformed, StructError):
        pass
    return told


def _data_of(message: bytes) -> Iterator[tuple[int, int, int]]:
    """Of each record where its data begins and ends, and its type."""
    questions, *records = HEADER.unpack_from(message)[2:]
    at = HEADER.size
    for _ in range(questions):
        at = _name(message, at)[1] + _QUESTION.size
    for _ in range(sum(records)):
        _, at = _name(message, at)
        kind, _, _, length = _RECORD.unpack_from(message, at)
        start = at + _RECORD.size
        at = start + length
        yield start, at, kind


def _announced(records: int, number: int) -> Malformed:
    text = f"the header counts {records} records behind the question, {number} are there"
    return Malformed(rules.dns.LENGTH, f"{text} (RFC 1035 4.1.1)")


def _short(length: int) -> Malformed:
    return Malformed(rules.dns.LENGTH, f"the records run over the end at {length} (RFC 1035 4.1.3)")


def _name(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The labels of an uncompressed name, or of what stands before a pointer."""
    labels: list[bytes] = []
    start = at
    while at < len(data):
        length = data[at]
        if length == 0:
            return labels, at + 1
        if length >= 0xC0 and start > HEADER.size:  # nothing to point to before the question
            return labels, at + 2
        if length > 63:
            hint = _meant(data[start:])
            text = f"label length {length}, at most 63 (RFC 1035 2.3.4){hint}"
            raise Malformed(rules.dns.NAME, text)
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
        if at - start > 254:
            raise Malformed(rules.dns.NAME, "longer than 255 bytes (RFC 1035 2.3.4)")
    hint = _meant(data[start:])
    raise Malformed(rules.dns.NAME, f"runs over the end at {len(data)} (RFC 1035 3.1){hint}")


def _meant(data: bytes) -> str:
    """What the maker of a name that cannot be read has probably done. data: from its first byte."""
    for off, text in (1, _COUNTED), (-1, _UNCOUNTED):
        if _reads(data, off):
            return f": {text}"
    return f": {_AS_TEXT}" if _TEXT.match(data) else ""


def _reads(data: bytes, off: int) -> bool:
    """As a name of letters whose lengths are all that much too long."""
    at = 0
    while at < len(data) and data[at] > max(0, off):
        end = at + 1 + data[at] - off
        if not _LABEL.fullmatch(data, at + 1, end):
            return False
        at = end
    return 0 < at < len(data) and not data[at]


def reply(
    query: Query, rcode: int = NOERROR, records: list[tuple[int, bytes]] | None = None, ttl: int = 0
) -> bytes:
    """An answer of our own; `records` are (type, data) for the name that was asked for."""
    records = records or []
    flags = QR | RA | (query.flags & (OPCODE | RD)) | rcode & RCODE
    if rcode in (NOERROR, NXDOMAIN):
        flags |= AA
    header = HEADER.pack(query.ident, flags, 1, len(records), 0, bool(query.size))
    answers = b"".join(
        TO_QUESTION + _RECORD.pack(kind, IN, ttl, len(data)) + data for kind, data in records
    )
    return header + query.question + answers + _opt(query, rcode)


def _opt(query: Query, rcode: int = NOERROR) -> bytes:
    """What answers the query's OPT, if it has one."""
    if not query.size:
        return b""
    return b"\0" + _RECORD.pack(OPT, OUR_SIZE, rcode >> 4 << 24 | query.dnssec * DO, 0)


def refusal(data: bytes, rcode: int) -> bytes:
    """An answer to what cannot be read: a header only."""
    ident, flags = int.from_bytes(data[:2].ljust(2, b"\0"), "big"), data[2:4].ljust(2, b"\0")
    kept = int.from_bytes(flags, "big") & (OPCODE | RD)
    return HEADER.pack(ident, QR | RA | kept | rcode, 0, 0, 0, 0)


def truncated(answer: bytes, query: Query) -> bytes:
    """The answer without its records, and the sign to ask again by TCP (RFC 2181 section 9)."""
    ident, flags = HEADER.unpack_from(answer)[:2]
    header = HEADER.pack(ident, flags | TC, 1, 0, 0, bool(query.size))
    return header + query.question + _opt(query)


def labels(name: str) -> bytes:
    """A name as it stands in a record."""
    parts = [part.encode("latin-1") for part in name.split(".") if part]
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def kind_of(address: bytes) -> int:
    """Of the record that has it: A or AAAA (RFC 1035 3.4.1, RFC 3596 2.1)."""
    return A if len(address) == _V4 else AAAA


def pointed_at(name: str) -> IPv4Address | None:
    """4.3.2.1.in-addr.arpa is 1.2.3.4 (RFC 1035 3.5)."""
    digits = name.removesuffix(".in-addr.arpa").split(".")
    if len(digits) != _V4 or not name.endswith(".in-addr.arpa"):
        return None
    try:
        return IPv4Address(".".join(reversed(digits)))
    except ValueError:
        return None
