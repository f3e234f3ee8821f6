"""The guest's fragments become packets again (RFC 791 3.2, RFC 1122 3.3.2).

from_guest() takes one fragment and returns the whole packet with the last missing one. What belongs
together has the same source, destination, protocol and identification. No two fragments may
overlap: one that does costs the whole datagram, and what else comes of it is dropped until its time
is over (as RFC 5722 has it for IPv6), because overlaps are never sent by a right sender and have
been used to slip things past filters (RFC 1858, RFC 3128). An exact repetition is harmless and only
counted. Without overlaps the datagram is whole when the lengths add up to its end; no list of holes
(RFC 815) is needed.

A datagram has `LIFETIME` seconds of guest time from its first fragment: 30 as in Linux and BSD. RFC
791 proposed 15, which a slow link can need; the 60 to 120 of RFC 1122 bring the reuse of 16-bit
identifications near (RFC 4963 3). Then, if fragment zero has come, ICMP says time exceeded, code 1
(RFC 792), and the log says what was missing.

Copies of fragments that come when the datagram is whole wait like others, since a guest may send
the same datagram again; those that stay alone have been no datagram of their own.

Bounds: `MAX_DATAGRAMS` at once, `MAX_BYTES_OF_ONE` bytes for each source and `MAX_BYTES` bytes
together, each fragment charged with `OVERHEAD`. At a bound the datagram that began first goes.

The whole packet has fragment zero's header just as it came, so that ICMP errors quote what the
guest has sent.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field

from pynat import rules
from pynat.log.bad_wire import Key, key_of
from pynat.nat.guest_output import GuestOutput
from pynat.rules import Rule
from pynat.wire import icmp, ipv4
from pynat.wire.addresses import address_text
from pynat.wire.ipv4 import Ipv4

LIFETIME = 30.0  # seconds of guest time
UNDER_WAY = 1.0  # seconds
MAX_DATAGRAMS = 256
MAX_BYTES_OF_ONE = 2 << 20  # bytes: 28 datagrams of the longest kind
MAX_BYTES = 8 << 20  # bytes
OVERHEAD = 128  # bytes that a fragment costs besides its data
_SWAPPED_DF = 0x40 * 8  # the offset, in bytes


@dataclass(slots=True, eq=False)
class _Datagram:
    key: Key
    table: Reassembly
    since: float
    pieces: dict[int, bytes] = field(default_factory=dict)  # by offset
    offsets: list[int] = field(default_factory=list)  # in order
    first: Ipv4 | None = None  # fragment zero
    end: int | None = None  # known from the last fragment
    length: int = 0  # bytes of data here
    refused: bool = False  # nothing of it is wanted any more

    def __str__(self) -> str:
        source, destination, protocol, ident = self.key
        ends = f"{address_text(source)} > {address_text(destination)}"
        return f"{ends} protocol {protocol} ident {ident:#06x}"

    @property
    def cost(self) -> int:
        return self.length + OVERHEAD * (1 + len(self.pieces))

    @property
    def whole(self) -> bool:
        return self.length == self.end

    def repeats(self, fragment: Ipv4) -> bool:
        last = fragment.offset + len(fragment.payload) == self.end
        return self.pieces.get(fragment.offset) == bytes(fragment.payload) and fragment.more != last

    def fits(self, fragment: Ipv4) -> bool:
        """Whether it overlaps no other and contradicts none about where the end is."""
        start, end = fragment.offset, fragment.offset + len(fragment.payload)
        at = bisect(self.offsets, start)
        if at and self._end_of(at - 1) > start:
            return False
        if at < len(self.offsets) and self.offsets[at] < end:
            return False
        if fragment.more:
            return self.end is None or end < self.end
        return self.end is None and at == len(self.offsets)

    def add(self, fragment: Ipv4) -> None:
        at = bisect(self.offsets, fragment.offset)
        self.offsets.insert(at, fragment.offset)
        self.pieces[fragment.offset] = bytes(fragment.payload)
        self.length += len(fragment.payload)
        if not fragment.more:
            self.end = fragment.offset + len(fragment.payload)
        if fragment.offset == 0:
            own = memoryview(bytes(fragment.packet))  # its frame may be longer, up to 64 KiB
            self.first = ipv4.decode(own)

    def refuse(self) -> None:
        self.refused = True
        self.pieces.clear()
        self.offsets.clear()
        self.length = 0
        self.first = None

    def missing(self) -> str:
        """The first gap."""
        start = 0
        for offset in self.offsets:
            if offset > start:
                return f"bytes {start} to {offset - 1}"
            start = offset + len(self.pieces[offset])
        return f"what follows byte {start - 1}"

    def hint(self) -> str:
        """What is never sent: the flags and the offset 0x0040 alone, and offsets in bytes."""
        if self.offsets == [_SWAPPED_DF] and self.end is not None:
            return "; if 0x0040 is to be DF its bytes are swapped, expected 0x4000"
        size = len(self.pieces.get(0, b""))
        if size and self.offsets[1:2] == [size * 8]:
            counted = f"the offset counts units of 8 bytes, expected {size // 8} in its field"
            return f"; {counted}, seen {size}"
        return ""

    def joined(self) -> bytes:
        return b"".join(self.pieces[offset] for offset in self.offsets)

    def on_timer(self, now: float) -> None:
        self.table.expire(self, now)

    def _end_of(self, at: int) -> int:
        offset = self.offsets[at]
        return offset + len(self.pieces[offset])


class Reassembly:
    def __init__(self, output: GuestOutput) -> None:
        self._timers = output.timers
        self._notices = output.notices
        self._output = output
        self._datagrams: dict[Key, _Datagram] = {}  # in the order of their first fragments
        self._of_source: dict[bytes, int] = {}  # bytes
        self._done: dict[Key, tuple[float, dict[int, int]]] = {}  # when; hashes by offset
        self.cost = 0  # bytes

    def __len__(self) -> int:
        return len(self._datagrams)

    def items(self) -> Iterable[tuple[Key, _Datagram]]:
        return self._datagrams.items()

    def from_guest(self, fragment: Ipv4, now: float) -> Ipv4 | None:
        """The whole packet, if this was the last piece of it."""
        key = key_of(fragment)
        datagram = self._datagrams.get(key) or self._begin(key, now)
        if datagram.refused:
            self._drop(
                rules.ipv4.FRAGMENT_REFUSED,
                datagram,
                "another of its fragments overlapped (RFC 5722)",
                now,
            )
        elif datagram.repeats(fragment):
            why = f"offset {fragment.offset} came before (RFC 791 3.2)"
            self._drop(rules.ipv4.FRAGMENT_REPEATED, datagram, why, now)
        elif not datagram.fits(fragment):
            end = fragment.offset + len(fragment.payload)
            why = f"bytes {fragment.offset} to {end - 1} do not fit the others (RFC 5722)"
            if datagram.end == fragment.offset:
                why += "; MF is clear in the one before them: expected set in all but the last"
            self._refuse(datagram, why, now)
        else:
            self._add(datagram, fragment, now)
            if datagram.whole:
                return self._finish(datagram, now)
            self._bound(datagram.key[0], now)
        return None

    def reset_guest(self) -> None:
        """What has begun is never ended, and identifications begin anew."""
        for datagram in list(self._datagrams.values()):
            self._remove(datagram)
        self._done.clear()

    def end(self, now: float) -> None:
        """The network ends before their time. The rest of what has just begun may be on its way."""
        for datagram in list(self._datagrams.values()):
            self._remove(datagram)
            if now - datagram.since >= UNDER_WAY:
                self._tell(datagram, "the network ends", now)

    def _tell(self, datagram: _Datagram, why: str, now: float) -> None:
        if datagram.refused:
            return
        if self._is_copy(datagram, now):
            text = "it was whole before these came (RFC 791 3.2)"
            by, count = self._notices.bad_wire.doubled(datagram.key, now), len(datagram.pieces)
            self._drop(rules.ipv4.FRAGMENT_REPEATED, datagram, text, now, count, because=by)
            return
        missing = f"{datagram.missing()} did not (RFC 791 3.2)"
        text = f"{why}, {datagram.length} bytes came, {missing}{datagram.hint()}"
        lost = self._notices.bad_wire.keeps_a_piece(datagram.key, now)
        self._drop(rules.ipv4.FRAGMENTS_TIMED_OUT, datagram, text, now, because=lost)

    def expire(self, datagram: _Datagram, now: float) -> None:
        self._remove(datagram)
        self._tell(datagram, f"{LIFETIME:g} s are over", now)
        if datagram.first is not None and not self._is_copy(datagram, now):
            kind, code = icmp.TIME_EXCEEDED, icmp.REASSEMBLY
            self._output.send_error(kind, code, datagram.first.quote, now)

    def _is_copy(self, datagram: _Datagram, now: float) -> bool:
        """Of fragments of one that was whole."""
        when, pieces = self._done.get(datagram.key, (-LIFETIME, {}))
        known = all(pieces.get(at) == hash(piece) for at, piece in datagram.pieces.items())
        return known and now - when <= 2 * LIFETIME

    def _begin(self, key: Key, now: float) -> _Datagram:
        if len(self._datagrams) >= MAX_DATAGRAMS:
            oldest = next(iter(self._datagrams.values()))
            self._evict(oldest, f"more than {MAX_DATAGRAMS} datagrams", now)
        datagram = self._datagrams[key] = _Datagram(key, self, now)
        self._charge(key[0], datagram.cost)
        self._timers.set(datagram, now + LIFETIME)
        return datagram

    def _add(self, datagram: _Datagram, fragment: Ipv4, now: float) -> None:
        if fragment.dont_fragment:
            text = f"{datagram}: DF on a fragment; it is taken all the same (RFC 6864 4.1)"
            self._notices.limited("ipv4 fragment with DF", text, now)
        before = datagram.cost
        datagram.add(fragment)
        self._charge(datagram.key[0], datagram.cost - before)

    def _bound(self, source: bytes, now: float) -> None:
        while self._of_source.get(source, 0) > MAX_BYTES_OF_ONE:
            oldest = next(found for key, found in self._datagrams.items() if key[0] == source)
            self._evict(oldest, f"more than {MAX_BYTES_OF_ONE} bytes of one source", now)
        while self.cost > MAX_BYTES:
            oldest = next(iter(self._datagrams.values()))
            self._evict(oldest, f"more than {MAX_BYTES} bytes", now)

    def _finish(self, datagram: _Datagram, now: float) -> Ipv4 | None:
        self._remove(datagram)
        if len(self._done) >= MAX_DATAGRAMS:
            del self._done[next(iter(self._done))]
        self._done.pop(datagram.key, None)
        self._notices.joined(datagram.key, now)
        self._done[datagram.key] = now, {at: hash(one) for at, one in datagram.pieces.items()}
        first = datagram.first
        assert first is not None
        header = bytes(first.header)
        if len(header) + datagram.length > ipv4.MAX_PACKET:
            why = (
                f"{len(header)} + {datagram.length} bytes, at most {ipv4.MAX_PACKET} (RFC 791 3.1)"
            )
            self._drop(rules.ipv4.FRAGMENT_BEYOND, datagram, why, now)
            return None
        packet = memoryview(header + datagram.joined())
        return Ipv4(
            first.source,
            first.destination,
            first.protocol,
            first.ttl,
            first.ident,
            dont_fragment=False,
            is_fragment=False,
            offset=0,
            packet=packet,
            payload=packet[len(header) :],
            options=first.options,
        )

    def _refuse(self, datagram: _Datagram, why: str, now: float) -> None:
        self._drop(rules.ipv4.FRAGMENT_OVERLAP, datagram, why, now, len(datagram.pieces) + 1)
        before = datagram.cost
        datagram.refuse()
        self._charge(datagram.key[0], datagram.cost - before)

    def _evict(self, datagram: _Datagram, why: str, now: float) -> None:
        self._remove(datagram)
        text = f"{why} wait for fragments, this one began first"
        self._drop(rules.net.FRAGMENTS_EVICTED, datagram, text, now, len(datagram.pieces))

    def _remove(self, datagram: _Datagram) -> None:
        del self._datagrams[datagram.key]
        self._timers.set(datagram, None)
        self._charge(datagram.key[0], -datagram.cost)

    def _charge(self, source: bytes, cost: int) -> None:
        self.cost += cost
        self._of_source[source] = self._of_source.get(source, 0) + cost
        if not self._of_source[source]:
            del self._of_source[source]

    def _drop(
        self,
        rule: Rule,
        datagram: _Datagram,
        why: str,
        now: float,
        count: int = 1,
        because: str = "",
    ) -> None:
        self._notices.drop(rule, f"{datagram}: {why}", now, count=count, because=because)
