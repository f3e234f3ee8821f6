"""DHCP and BOOTP (RFC 951, 2131, 2132; long options: RFC 3396).

  0    1  op: 1 from a client, 2 from a server
  1    1  hardware type, 1 = Ethernet
  2    1  hardware address length, 6
  3    1  hops
  4    4  transaction id
  8    2  seconds since the client began
 10    2  flags: 0x8000 = answer by broadcast
 12    4  ciaddr, the client's address if it may be used already
 16    4  yiaddr, the address that the client gets
 20    4  siaddr, the server of the next boot step
 24    4  giaddr, the relay's address
 28   16  chaddr, the client's MAC, padded
 44   64  sname, the boot server's name, ends with NUL
108  128  file, the boot file's name, ends with NUL
236    4  99.130.83.99 where options follow
240       options: code, length, value; 0 = pad, 255 = end

Option 52 says that `file` (1), `sname` (2) or both (3) hold options too.

What follows another cookie is a vendor's own (CMU, NeXT): it is kept as it came. An option that
cannot be read costs itself, not the message; `flaws` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

from pynat import rules
from pynat.errors import Malformed
from pynat.wire.ipv4 import dotted

HEADER = Struct("!BBBBIHH4s4s4s4s16s64s128s")
COOKIE = bytes((99, 130, 83, 99))
VENDORS = {b"CMU\0", b"NeXT", b"STAN"}  # cookies of BOOTP clients from before RFC 1048
_VENDOR_AREA = 64  # bytes (RFC 951 section 3)
MIN_MESSAGE = 300  # bytes; RFC 951 has messages of this length, and some clients take no shorter
MAX_MESSAGE = 548  # bytes that every client takes: 576 less IP and UDP header (RFC 2131 section 2)
ZERO = bytes(4)
FOREVER = 2**32 - 1  # seconds; a lease of this length never ends (RFC 2131 section 3.3)

REQUEST, REPLY = 1, 2
BROADCAST = 0x8000
DISCOVER, OFFER, ASK, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)  # ASK is DHCPREQUEST
KINDS = ("BOOTP", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM")

PAD, END = 0, 255
MASK, ROUTER, DNS, HOSTNAME, DOMAIN = 1, 3, 6, 12, 15
MTU, BROADCAST_ADDRESS, WANTED, LEASE, OVERLOAD, KIND = 26, 28, 50, 51, 52, 53
SERVER, PARAMETERS, MESSAGE, MAXIMUM, T1, T2 = 54, 55, 56, 57, 58, 59
CLIENT, SERVER_NAME, BOOTFILE, RELAY, SEARCH = 61, 66, 67, 82, 119
NTP, USER_CLASS, FQDN, ROUTES = 42, 77, 81, 121
_CHADDR = 28  # where it is
_FIELDS = {  # by their bytes; what is easily forgotten
    10: "chaddr has 16 bytes, the last 10 are",
    64: "sname is",
    128: "file is",
    192: "sname and file are",
    202: "sname, file and the last 10 bytes of chaddr are",
}
_LENGTHS = {WANTED: 4, LEASE: 4, OVERLOAD: 1, KIND: 1, SERVER: 4, MAXIMUM: 2}


@dataclass(frozen=True, slots=True)
class Message:
    op: int
    xid: int
    mac: bytes
    hops: int = 0
    seconds: int = 0
    flags: int = 0
    ciaddr: bytes = ZERO
    yiaddr: bytes = ZERO
    siaddr: bytes = ZERO
    giaddr: bytes = ZERO
    sname: bytes = b""
    file: bytes = b""
    options: dict[int, bytes] = field(default_factory=dict)  # in the order of importance
    vendor: bytes = b""  # instead of options: an area that begins with another cookie
    flaws: tuple[Malformed, ...] = field(default=(), compare=False)  # what was left out, and why
    overloaded: bool = field(default=False, compare=False)  # options stood in file or sname

    @property
    def kind(self) -> int:
        """DISCOVER to INFORM, or 0 for plain BOOTP."""
        return self.options.get(KIND, b"\0")[0]

    @property
    def leaves_address(self) -> bool:
        """From a client: it gives its address back, or begins anew."""
        return self.kind == RELEASE or self.ciaddr == ZERO

    def __str__(self) -> str:
        parts = [KINDS[self.kind], self.mac.hex(":"), f"xid {self.xid:#010x}"]
        for name in ("ciaddr", "yiaddr", "siaddr", "giaddr"):
            if (value := getattr(self, name)) != ZERO:
                parts.append(f"{name} {dotted(value)}")
        if wanted := self.options.get(WANTED):
            parts.append(f"wants {dotted(wanted)}")
        return " ".join(parts)


def decode(data: bytes | memoryview) -> Message:
    data = bytes(data)
    if len(data) < HEADER.size:
        text = f"{len(data)} bytes, at least 236 (RFC 951){_left_out(data)}"
        raise Malformed(rules.dhcp.LENGTH, text)
    op, hardware, length, hops, xid, seconds, flags, *rest = HEADER.unpack_from(data)
    ciaddr, yiaddr, siaddr, giaddr, mac, sname, file = rest
    if op not in (REQUEST, REPLY):
        raise Malformed(rules.dhcp.OP, f"op {op}, expected 1 or 2 (RFC 2131 section 2)")
    if (hardware, length) != (1, 6) or mac[0] & 1 or not any(mac[:6]):
        raise Malformed(
            rules.dhcp.HARDWARE,
            f"type {hardware}, length {length}, chaddr {mac[:6].hex(':')}; expected type 1, length"
            " 6 and the MAC address of the guest's card (RFC 2131 section 2)",
        )
    options: dict[int, bytes] = {}
    flaws: list[Malformed] = []
    vendor = b""
    area = data[HEADER.size :]
    if area[:4] == COOKIE:
        _read_options(area[4:], options, flaws)
    else:
        vendor = area[:_VENDOR_AREA] if any(area[:4]) else b""
        hint = _left_out(data)
        if hint or (vendor and vendor[:4] not in VENDORS):
            text = f"{area[:4].hex()}, expected 63825363 (RFC 2131 section 3){hint}"
            flaws.append(
                Malformed(rules.dhcp.COOKIE, f"{text}; answered as BOOTP, without options")
            )
    overload = options.get(OVERLOAD, b"\0") != b"\0"
    file, sname = _overloaded(file, sname, options, flaws)
    _check(options, flaws)
    sname, file = sname.partition(b"\0")[0], file.partition(b"\0")[0]
    addresses = (ciaddr, yiaddr, siaddr, giaddr)
    start = (op, xid, mac[:6], hops, seconds, flags, *addresses, sname, file)
    return Message(*start, options, vendor, tuple(flaws), overload)


def _left_out(data: bytes) -> str:
    """Of a message whose cookie is not in its place."""
    if data[HEADER.size :][:4] == COOKIE[::-1]:
        return ": its bytes are swapped"
    at = data.find(COOKIE, _CHADDR)
    early = HEADER.size - at
    if at < 0 or early <= 0:
        return ""
    why = f": {_FIELDS[early]} left out" if early in _FIELDS else ""
    return f": it is at byte {at}, {early} bytes too early{why}"


def _overloaded(
    file: bytes, sname: bytes, options: dict[int, bytes], flaws: list[Malformed]
) -> tuple[bytes, bytes]:
    """Both without the options that stand in them."""
    overload = options.pop(OVERLOAD, b"\0")
    if len(overload) != 1 or overload[0] > 3:
        text = f"option 52 is {overload.hex()}, expected 01, 02 or 03 (RFC 2132 section 9.3)"
        flaws.append(Malformed(rules.dhcp.OVERLOAD, f"{text}; it is left out"))
        return file, sname
    if overload[0] & 1:
        _read_options(file, options, flaws)
        file = b""
    if overload[0] & 2:
        _read_options(sname, options, flaws)
        sname = b""
    options.pop(OVERLOAD, None)  # means nothing in there
    return file, sname


def _read_options(area: bytes, options: dict[int, bytes], flaws: list[Malformed]) -> None:
    """A code seen before is a further piece of the same option (RFC 3396 section 7)."""
    at, end = 0, len(area)
    while at < end and area[at] != END:
        code = area[at]
        at += 1
        if code == PAD:
            continue
        value = area[at + 1 : at + 1 + area[at]] if at < end else b""
        if at == end or len(value) != area[at]:
            text = f"option {code} runs over the end (RFC 2132 section 2){_counted(options)}"
            text += "; it is left out"
            flaws.append(Malformed(rules.dhcp.OPTION, text))
            return
        options[code] = options.get(code, b"") + value
        at += 1 + len(value)


def _counted(options: dict[int, bytes]) -> str:
    """Where one is as long as if its length counted its code and its length byte, too."""
    for code, length in _LENGTHS.items():
        if len(options.get(code, b"")) == length + 2:
            return f": the length of option {code} counts its value, {length}, and nothing else"
    return ""


def _check(options: dict[int, bytes], flaws: list[Malformed]) -> None:
    """The message type is needed: of one that is too long the first byte counts."""
    kind = options.get(KIND)
    if kind is not None and (not kind or not DISCOVER <= kind[0] <= INFORM):
        text = f"option 53 is {kind.hex() or 'empty'}, expected 01 to 08 (RFC 2132 section 9.6)"
        raise Malformed(rules.dhcp.KIND, text)
    for code, length in _LENGTHS.items():
        if code in options and len(options[code]) != length:
            text = f"option {code} has {len(options[code])} bytes, expected {length} (RFC 2132)"
            text += _counted({code: options[code]})
            used = "its first byte is taken" if code == KIND else "it is left out"
            flaws.append(Malformed(rules.dhcp.OPTION, f"{text}; {used}"))
            if code != KIND:
                del options[code]
    if kind is not None:
        options[KIND] = kind[:1]


def encode(message: Message, limit: int = MAX_MESSAGE) -> tuple[bytes, list[int]]:
    """At most `limit` bytes, and the codes of the options for which there was no room.

    What does not fit after the header goes into `file` and `sname`, where these are empty or
    say only what option 67 or 66 says too (RFC 2131 section 4.1).
    """
    if len(message.file) > 127 or len(message.sname) > 63:
        raise ValueError("file or sname too long")
    if message.vendor:
        header = _header(message, message.sname, message.file)
        return header + message.vendor.ljust(_VENDOR_AREA, b"\0"), []
    space = limit - HEADER.size - len(COOKIE) - 1  # 1 for the end
    pieces = {code: _piece(code, value) for code, value in message.options.items()}
    file, sname = message.file, message.sname
    (options,), left_out = _fill([space], pieces)
    if left_out:
        spare_file = 127 if not file or BOOTFILE in pieces else 0
        spare_sname = 63 if not sname or SERVER_NAME in pieces else 0
        areas, left_out = _fill([space - 3, spare_file, spare_sname], pieces)
        options, in_file, in_sname = areas
        if in_file or in_sname:
            options += bytes((OVERLOAD, 1, bool(in_file) | bool(in_sname) << 1))
        file = in_file + bytes((END,)) if in_file else file
        sname = in_sname + bytes((END,)) if in_sname else sname
    header = _header(message, sname, file)
    return (header + COOKIE + options + bytes((END,))).ljust(MIN_MESSAGE, b"\0"), left_out


def _fill(spaces: list[int], pieces: dict[int, bytes]) -> tuple[list[bytes], list[int]]:
    """Each option goes to the first area with room for it."""
    areas = [b""] * len(spaces)
    left_out = []
    for code, piece in pieces.items():
        for i, space in enumerate(spaces):
            if len(areas[i]) + len(piece) <= space:
                areas[i] += piece
                break
        else:
            left_out.append(code)
    return areas, left_out


def _header(m: Message, sname: bytes, file: bytes) -> bytes:
    fixed = (m.op, 1, 6, m.hops, m.xid, m.seconds, m.flags)
    return HEADER.pack(*fixed, m.ciaddr, m.yiaddr, m.siaddr, m.giaddr, m.mac, sname, file)


def _piece(code: int, value: bytes) -> bytes:
    """An option as it is sent; more than 255 bytes become several in a row (RFC 3396)."""
    chunks = [value[i : i + 255] for i in range(0, len(value), 255)] or [b""]
    return b"".join(bytes((code, len(chunk))) + chunk for chunk in chunks)
