"""What its maker probably did wrong, out of a wrong value alone.

Each way of getting a checksum wrong gives a value of its own; the first one, in the order of how
often they are met, that gives the value seen is named. A value that came by chance is explained
falsely once in about a thousand times. Nothing here is done for frames that are right.

Written with a sum's words in the order of the wire; a sum modulo 65,535 knows no carries
(pynat.wire.checksum), so all but the mistakes of the carries themselves are additions.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

from pynat import rules
from pynat.errors import Malformed
from pynat.wire.checksum import ones_sum, valid

Candidate = tuple[int, str]  # the value that the mistake gives, the mistake
Around = tuple[int, bytes]  # bytes of IPv4 header in front; the padding of the frame behind
NOTHING: Around = (20, b"")

FILLS = 46  # bytes of a packet that needs no padding
_PROTOCOLS = {1: "ICMP's", 6: "TCP's", 17: "UDP's"}
_IP_FIELDS = {
    (2, 4): "total length",
    (4, 6): "identification",
    (6, 8): "flags and offset",
    (8, 10): "time to live and protocol",
    (12, 16): "source address",
    (16, 20): "destination address",
}
TCP_FIELDS = {
    (0, 2): "source port",
    (2, 4): "destination port",
    (4, 8): "sequence number",
    (8, 12): "acknowledgement number",
    (12, 14): "header length and flags",
    (14, 16): "window",
}
UDP_FIELDS = {(0, 2): "source port", (2, 4): "destination port"}
_ICMP_FIELDS = {
    (0, 2): "type and code",
    (4, 6): "identifier",
    (6, 8): "sequence number",
}


_ECHO = 8 << 8  # type and code of a ping as a word; those of its reply are 0
_PLAIN = 5 << 4  # byte 12 of a TCP header without options
_BYTES = 20  # of such a header


# ---------------------------------------------------------------- byte order
def swapped(value: int) -> int:
    """A field of 16 bits, stored the lower byte first."""
    return (value & 0xFF) << 8 | value >> 8


def byte_order(seen: int, right: Container[int]) -> str:
    """The words for a field whose bytes, the other way round, would be one of `right`."""
    meant = swapped(seen)
    return f": its bytes are swapped, {meant} is meant" if meant in right else ""


def address_order(seen: bytes, is_right: Callable[[bytes], bool]) -> str:
    """The same for a packed address."""
    meant = seen[::-1]
    name = ".".join(map(str, meant))
    return f": its bytes are swapped, {name} is meant" if is_right(meant) else ""


def mac_order(seen: bytes, right: bytes) -> str:
    """The same for a MAC address, whose words of 16 bits may be swapped each."""
    if seen == right[::-1]:
        return ": its bytes are in reverse"
    swapped = b"".join(right[at : at + 2][::-1] for at in range(0, len(right), 2))
    return ": the bytes of each 16-bit word are swapped" if seen == swapped else ""


def half_bytes(seen: int, right: Container[int]) -> str:
    """The same for a byte of two fields; C's bit fields begin with the lower half on x86."""
    meant = (seen & 0x0F) << 4 | seen >> 4
    return f": its halves are swapped, {meant:#04x} is meant" if meant in right else ""


def in_data_offset(offset: int, flags: int, options: int = 0) -> str:
    """Of a header whose length cannot be; `offset` and `flags` are its bytes 12 and 13.

    options: bytes behind the first 20 that look like options.
    """
    if not offset:
        meant = _PLAIN + (options + 3) // 4 * 16
        which = f"with {options} bytes of" if options else "without"
        return f": it was not set, {meant:#04x} is meant for a header {which} options"
    if offset < _PLAIN and flags >= _PLAIN and not flags & 0x0F:
        return f": bytes 12 and 13 are swapped, {flags:#04x} and {offset:#04x} are meant"
    size = _BYTES if offset == _BYTES << 4 & 0xFF else offset
    if _BYTES <= size < _PLAIN and not size % 4:
        return f": words of four bytes are counted, not bytes, {size // 4 << 4:#04x} is meant"
    return half_bytes(offset, range(_PLAIN, 0x100))


# ---------------------------------------------------------------- lengths
# Rules by which what stands behind the packet may belong to it.
END_UNKNOWN = frozenset(
    (
        rules.ipv4.TOTAL_LENGTH,
        rules.icmp.LENGTH,
        rules.udp.LENGTH,
        rules.tcp.LENGTH,
        rules.tcp.HEADER_LENGTH,
    )
)


def header_missing(size: int) -> str:
    return f": the header's {size} bytes must be counted in"


def goes_on_behind(
    data: bytes | memoryview, pseudo: int, around: Around, *, is_cut: bool = False
) -> Malformed | None:
    """Of what the packet carries the end stands behind the packet, and the checksum counts it in.

    pseudo: the sum of the pseudo-header but for its length; 0 where there is none. is_cut: the
    packet has less than a header says; else it may be padding that was summed up, too.
    """
    in_front, behind = around
    counts = _may_be_missing(len(data), around) if is_cut else iter(())
    for count in (in_front, *counts):
        if count > len(behind):
            continue
        whole = bytes(data) + behind[:count]
        total = ones_sum(whole) + pseudo
        lengths = (len(whole), len(data)) if pseudo else (0,)  # one by hand, one out of IPv4's
        if any(whole) and any(valid(total + length) for length in lengths):
            return total_too_small(len(data), in_front, count)
    return None


def total_too_small(carried: int, header: int, count: int = 0) -> Malformed:
    """carried: bytes of the packet's payload; count: of those behind that belong to it, as many as
    the header has if it is not given."""
    total, count = header + carried, count or header
    text = f"total length {total}, expected {total + count} (RFC 791 3.1)"
    if count == header:
        text += header_missing(header)
    else:
        text += f": {count} bytes of what the packet carries stand behind its end"
    return Malformed(rules.ipv4.TOTAL_LENGTH, text)


def _may_be_missing(carried: int, around: Around) -> Iterator[int]:
    """Bytes: all behind the packet, or all but zeros that fill the frame."""
    in_front, behind = around
    most = len(behind)
    is_filled = in_front + carried + most == FILLS
    least = len(behind.rstrip(b"\0")) if is_filled else most
    yield from range(most, max(least, 1) - 1, -1)


# ---------------------------------------------------------------- checksums
def in_ipv4(header: bytes, payload: bytes) -> str:
    """`header` with its options, and what follows."""
    zeroed, seen = _zeroed(header, 10)
    return _named(seen, _ipv4(zeroed, payload))


def in_icmp(message: bytes, ends: bytes) -> str:
    """ends: both addresses of the packet."""
    zeroed, seen = _zeroed(message, 2)
    return _named(seen, _icmp(zeroed, ones_sum(ends) + 1 + len(message)))


def in_tcp(segment: bytes, ends: bytes, header: int, around: Around) -> str:
    """header: how long the segment's own is."""
    zeroed, seen = _zeroed(segment, 16)
    return _named(seen, of_transport(zeroed, ends, 6, header, TCP_FIELDS, around))


def in_udp(datagram: bytes, ends: bytes, around: Around) -> str:
    zeroed, seen = _zeroed(datagram, 6)
    return _named(seen, of_transport(zeroed, ends, 17, 8, UDP_FIELDS, around))


def _named(seen: int, candidates: Iterator[Candidate]) -> str:
    return next((f": {text}" for value, text in candidates if value == seen), "")


def _zeroed(data: bytes, at: int) -> tuple[bytes, int]:
    return data[:at] + b"\0\0" + data[at + 2 :], int.from_bytes(data[at : at + 2], "big")


def _check(total: int) -> int:
    """The field for a sum that has any bits set."""
    return 0xFFFF - (total % 0xFFFF or 0xFFFF)


def _ipv4(header: bytes, payload: bytes) -> Iterator[Candidate]:
    total = ones_sum(header)
    yield from _nothing_made()
    yield from _of_the_end(total, header)
    yield _check(total + ones_sum(payload)), "it goes over the header only, not over the payload"
    if len(header) > 20:
        text = f"it goes over the header with its options, {len(header)} bytes; without any the"
        text += " header's length is 5 words"
        yield _check(ones_sum(header[:20])), text
    yield from _made_too_early(total, header, _IP_FIELDS)
    for at, which in ((0, "first"), (len(header) - 2, "last")):
        text = f"it goes over all {len(header)} bytes: the {which} word counts too"
        yield _check(total - ones_sum(header[at : at + 2])), text
    yield from _hop_counted(total, header[8])


def _hop_counted(total: int, ttl: int) -> Iterator[Candidate]:
    """As a router does it, which must make the checksum anew."""
    for before in (ttl + 1, ttl - 1, 64, 128, 255):
        text = f"the time to live was changed from {before} to {ttl} after it was made"
        yield _check(total + (before - ttl << 8)), text


def _icmp(message: bytes, pseudo: int) -> Iterator[Candidate]:
    total = ones_sum(message)
    yield from _nothing_made()
    yield from _of_the_end(total, message)
    yield _check(total + pseudo), "ICMP has no pseudo-header"
    yield from _too_few(total, message, 8)
    if not message[0]:
        yield from _of_the_request(total)
    yield from _made_too_early(total, message, _ICMP_FIELDS)


def _of_the_request(total: int) -> Iterator[Candidate]:
    """A reply to a ping that was made in the request's buffer. total: of the reply."""
    request = _check(total + _ECHO)
    yield request, "it is the request's; make it anew once the type is changed from 8 to 0"
    yield _check(total + request), "the request's is counted in; the field must be 0 meanwhile"
    for change in (_ECHO, -_ECHO, swapped(_ECHO), -swapped(_ECHO)):
        text = "the request's plus 0x0800, and the carry of that, is wanted (RFC 1624)"
        yield (request + change) & 0xFFFF, text


def of_transport(
    data: bytes,
    ends: bytes,
    protocol: int,
    header: int,
    fields: dict[tuple[int, int], str],
    around: Around,
) -> Iterator[Candidate]:
    """`data` is the whole segment or datagram, `ends` both addresses."""
    length = len(data)
    pseudo = ones_sum(ends) + protocol + length
    total = ones_sum(data) + pseudo
    if protocol == 6:  # a 0 of UDP means that there is none
        yield from _nothing_made()
    if around[0] + length == FILLS:
        yield from _of_its_padding(total, data)
    yield from _offload(ones_sum(ends), protocol, length)
    whole = ends + bytes((0, protocol)) + length.to_bytes(2, "big") + data
    yield from _of_the_end(total, whole)
    yield _check(total - pseudo), "the pseudo-header (RFC 9293 3.1) must be counted in"
    yield from _of_the_length(total, length, header, around)
    yield from _of_the_protocol(total, protocol, length)
    yield _check(total + pseudo), "the pseudo-header must be counted once, not twice"
    yield from _too_few(total, data, header)
    yield from _made_too_early(total, data, fields)
    half = len(ends) // 2
    for address, whose in ((ends[:half], "source"), (ends[half:], "destination")):
        text = f"it was made before the {whose} address had its value"
        yield _check(total - ones_sum(address)), text


def _nothing_made() -> Iterator[Candidate]:
    yield (
        0,
        "none was made; a card that makes it (checksum offload) is not there, so the stack must",
    )


def _of_its_padding(total: int, data: bytes) -> Iterator[Candidate]:
    """Zeros change the pseudo-header's length alone."""
    for count in range(1, len(data) - len(data.rstrip(b"\0")) + 1):
        text = f"{count} bytes of the frame's padding were counted into IPv4's total length"
        yield _check(total - count), text


def _offload(ends: int, protocol: int, length: int) -> Iterator[Candidate]:
    text = (
        "only the pseudo-header's sum is there, as a driver leaves it for checksum offload; the"
        " stack must make the rest"
    )
    for pseudo in (ends + protocol + length, ends + protocol, ends + length):
        yield pseudo % 0xFFFF or 0xFFFF, text
        yield _check(pseudo), text


def _of_the_end(total: int, data: bytes) -> Iterator[Candidate]:
    """How a right sum is spoilt at last. `data`: all words of it."""
    right = _check(total)
    yield swapped(right), "its bytes are swapped, store the higher one first"
    yield 0xFFFF - right, "the complement of the sum is wanted, not the sum"
    yield swapped(0xFFFF - right), "its bytes are swapped, and the sum's complement is wanted"
    even = data + b"\0" * (len(data) % 2)
    for order in ("big", "little"):
        words = _words(even, little=order == "little")
        lost = "carries of the sum must be added to it (RFC 1071)"
        yield _stored(words, order), lost
        once = (words & 0xFFFF) + (words >> 16)
        yield _stored(once, order), f"{lost}, and the carry of that too"


def _words(data: bytes, *, little: bool) -> int:
    high, low = sum(data[0::2]), sum(data[1::2])
    return (low << 8) + high if little else (high << 8) + low


def _stored(total: int, order: str) -> int:
    value = 0xFFFF - (total & 0xFFFF)
    return swapped(value) if order == "little" else value


def _of_the_length(total: int, length: int, header: int, around: Around) -> Iterator[Candidate]:
    in_front, padding = around
    wanted = f"the pseudo-header's length must be header plus data, {length}"
    without = total - length
    yield _check(without + length - header), wanted
    yield _check(without + length + in_front), f"{wanted}, without the IPv4 header"
    yield _check(without), wanted
    yield _check(without + swapped(length)), f"{wanted}: its bytes are swapped"
    if header > _BYTES:
        options = header - _BYTES
        yield _check(total - options), f"{wanted}, with the {options} bytes of options"
    if padding:
        ending = f"without the frame's padding of {len(padding)} bytes"
        yield _check(total + len(padding) + ones_sum(padding)), f"{wanted}, {ending}"
        yield _check(total + ones_sum(padding)), f"it ends with the packet, {ending}"


def _of_the_protocol(total: int, protocol: int, length: int) -> Iterator[Candidate]:
    wanted = f"the pseudo-header's protocol must be {protocol}"
    without = total - protocol
    yield _check(without), wanted
    yield _check(without + (protocol << 8)), f"{wanted}, in the lower half of its word"
    both = without - length + swapped(length) + (protocol << 8)
    yield _check(both), f"{wanted} and its length {length}: their bytes are swapped"
    for other, whose in _PROTOCOLS.items():
        if other != protocol:
            yield _check(without + other), f"{wanted}, not {whose} {other}"


def _too_few(total: int, data: bytes, header: int) -> Iterator[Candidate]:
    body = data[header:]
    size = f"all {len(data)} bytes, header and data"
    last = data[-1]
    if len(data) % 2:  # before the header alone, which is the same where the data is one byte
        yield _check(total - (last << 8)), f"it goes over {size}: the last odd byte counts too"
    if body:
        yield _check(total - ones_sum(body)), f"it goes over {size}, not the header alone"
        yield _check(total - ones_sum(data[:header])), f"it goes over {size}, not the data alone"
    if len(data) % 2:
        yield (
            _check(total - (last << 8) + last),
            "the last odd byte is the higher half of its word, a zero follows it (RFC 1071)",
        )
    at = len(data) - 2 + len(data) % 2
    yield _check(total - ones_sum(data[at:])), f"it goes over {size}: the last word counts too"
    yield _check(total - ones_sum(data[:2])), f"it goes over {size}: the first word counts too"


def _made_too_early(
    total: int, data: bytes, fields: dict[tuple[int, int], str]
) -> Iterator[Candidate]:
    """Before a field had its value; or before that was turned to network byte order."""
    for (start, end), name in fields.items():
        value = data[start:end]
        rest = total - ones_sum(value)
        yield _check(rest), f"it was made before the {name} had its value"
        yield _check(rest + ones_sum(value[::-1])), f"it was made before the {name} was swapped"
