"""Peers whose TCP misbehaves on purpose (pynat.faulty_host): what is done to segments that leave a
flow.

The flow itself stays an ordinary one: it knows what it has sent and what it has got, and repairs
what is mangled as any TCP would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pynat.faults import options
from pynat.faulty_host import FaultyHost, Mangling, TcpMisbehavior
from pynat.log.comments import IGNORED
from pynat.nat.tcp.acks import Acks
from pynat.nat.tcp.parameters import Item
from pynat.nat.tcp.seq import wrap
from pynat.wire.tcp import ACK, FIN, RST, SYN, Segment, SegmentRun

OVERLAP = 100  # bytes
EXTRA_ACKS = 3  # as many as make a sender retransmit at once (RFC 5681 3.2)
_HEARD = -1  # no number any more
STAMP_AGE = 100_000  # ms: so much older is an old timestamp
FAREWELL = b"this connection was reset on purpose"

Told = tuple[Item, str]  # with what was done to it

_OPTIONS: dict[Mangling, Callable[[Item], Item]] = {
    Mangling.NO_MSS: options.without_mss,
    Mangling.UNKNOWN_OPTIONS: options.unknown,
    Mangling.ILLEGAL_OPTIONS: options.illegal,
    Mangling.SHIFTED_OPTIONS: options.shifted,
    Mangling.OPTIONS_ON_DATA: options.on_data,
}


class LazyAcks(Acks):
    """Every acknowledgement waits for the whole delay (against RFC 9293 3.8.6.3)."""

    def received(self, length: int, *, push: bool, at_once: bool) -> None:
        pass

    def taken(self, ack: int, now: float) -> None:
        if self.later is None:
            self.later = now + self._delay


class SegmentMangler:
    """Of one flow. Each mangling takes the items of a turn and says what leaves instead."""

    def __init__(
        self, misbehavior: TcpMisbehavior, faulty_host: FaultyHost, comment: Callable[[str], None]
    ) -> None:
        """comment: on the frame that the guest has just sent."""
        self._misbehavior = misbehavior
        self._peer = faulty_host
        self._comment = comment
        self._unheard = misbehavior.unheard
        self._syn_acks = 0
        self._acks = 0
        self._acknowledged: int | None = None  # the number that the guest was told last
        self._late: int | None = None  # the number beyond which the first acknowledgement is late
        self._selective = False  # the SYNs agree on SACK
        self._guest_opens = False  # its SYN-ACK has come
        self._guest_end: int | None = None  # the number behind its FIN
        self._end: int | None = None  # the number behind our FIN
        self._wrong_ack: int | None = None  # the number that no SYN of the guest's has
        self._manglings: dict[Mangling, Callable[[list[Told]], Iterable[Told]]] = {
            Mangling.REORDER: self._reorder,
            Mangling.DUPLICATE: self._duplicate,
            Mangling.OVERLAP: self._overlap,
            Mangling.DUPLICATE_ACKS: self._repeat_acks,
            Mangling.SHRINK: self._shrink,
            Mangling.WRONG_SYN_ACK: self._spoil_syn_ack,
            Mangling.SIMULTANEOUS: self._open_too,
            Mangling.RESET_TEXT: self._explain_reset,
            Mangling.LATE_ACK: self._acknowledge_late,
            Mangling.D_SACK: self._say_twice,
            Mangling.OLD_STAMPS: self._repeat_old,
            Mangling.FIN_AGAIN: self._remember_the_end,
        }

    def from_guest(self, segment: Segment) -> bool:
        """Whether the flow gets it."""
        self._guest_opens |= segment.flags & (SYN | ACK) == SYN | ACK
        if segment.flags & FIN:
            self._guest_end = wrap(segment.seq + segment.length)
        if segment.flags & RST and segment.seq == self._wrong_ack:
            self._comment(f"the right answer to what {self._peer} did on purpose")
            return False
        if self._is_lost(segment):
            self._comment(f"{self._peer} {IGNORED}")
            return False
        return True

    def _is_lost(self, segment: Segment) -> bool:
        if segment.ack == self._end and not segment.length:
            self._end = _HEARD
            return True
        if self._unheard and segment.payload:
            self._unheard = max(0, self._unheard - segment.count)
            return True
        return False

    def to_guest(self, items: list[Item], received: int) -> list[Told]:
        """What leaves, each with what was done to it on purpose."""
        misbehavior = self._misbehavior
        if misbehavior.silent_after is not None and received >= misbehavior.silent_after:
            return []
        out: list[Told] = [(item, "") for item in items]
        for mangling in misbehavior.manglings:
            change = _OPTIONS.get(mangling)
            out = list(_each(change, out, mangling) if change else self._manglings[mangling](out))
        return [(item, why and f"{self._peer} on purpose: {why}") for item, why in out]

    # ------------------------------------------------------------------ the manglings
    def _reorder(self, items: list[Told]) -> Iterator[Told]:
        singles = [one for item, why in items for one in _singles(item, why)]
        if len(singles) > 1 and not any(_is_control(item) for item, _ in singles):
            singles = [(item, _and(why, "reordered")) for item, why in reversed(singles)]
        yield from singles

    def _duplicate(self, items: list[Told]) -> Iterator[Told]:
        for item, why in items:
            for one, told in _singles(item, why):
                yield one, told
                if isinstance(one, SegmentRun) and one.length:
                    yield one, _and(told, "duplicate")

    def _overlap(self, items: list[Told]) -> Iterator[Told]:
        before: SegmentRun | None = None
        for item, why in items:
            for one, told in _singles(item, why):
                if isinstance(one, SegmentRun) and before is not None and _follows(one, before):
                    yield _joined(before, one), _and(told, f"overlaps by up to {OVERLAP}")
                else:
                    yield one, told
                before = one if isinstance(one, SegmentRun) else None

    def _repeat_acks(self, items: list[Told]) -> Iterator[Told]:
        for item, why in items:
            yield item, why
            if _is_ack(item) and _head(item).ack != self._guest_end:  # behind it nobody is there
                for _ in range(EXTRA_ACKS):
                    yield item, _and(why, "duplicate acknowledgement")

    def _shrink(self, items: list[Told]) -> Iterator[Told]:
        for item, why in items:
            self._acks += _is_ack(item)
            if isinstance(item, Segment) and _is_ack(item) and self._acks % 2 == 0:
                yield replace(item, window=item.window // 4), _and(why, "window shrunk")
            else:
                yield item, why

    def _spoil_syn_ack(self, items: list[Told]) -> Iterator[Told]:
        for item, why in items:
            if isinstance(item, Segment) and item.flags & (SYN | ACK) == SYN | ACK:
                self._syn_acks += 1
                if self._syn_acks == 1:
                    self._wrong_ack = wrap(item.ack + 1)
                    wrong = replace(item, ack=self._wrong_ack)
                    yield wrong, _and(why, "acknowledges a byte too many")
                    continue
            yield item, why

    def _open_too(self, items: list[Told]) -> Iterator[Told]:
        """As a host that opens the connection at the same moment (RFC 9293 3.5, figure 8)."""
        for item, why in items:
            if _head(item).flags & (SYN | ACK) == SYN | ACK and not self._guest_opens:
                yield replace(_head(item), flags=SYN, ack=0), _and(why, "SYN instead of SYN-ACK")
            else:
                yield item, why

    def _explain_reset(self, items: list[Told]) -> Iterator[Told]:
        for item, why in items:
            if isinstance(item, Segment) and item.flags & RST:
                yield replace(item, payload=FAREWELL), _and(why, "reset with data")
            else:
                yield item, why

    def _acknowledge_late(self, items: list[Told]) -> Iterator[Told]:
        """What was not heard at first counts as heard late: both copies are acknowledged."""
        for item, why in items:
            head = _head(item)
            if head.flags & SYN:
                self._late = head.ack
            elif self._late not in (None, head.ack):
                self._late = None
                yield replace(head, flags=ACK), "acknowledged late, after it was sent again"
            yield item, why

    def _say_twice(self, items: list[Told]) -> Iterator[Told]:
        """RFC 2883: the first block names what came twice, below the acknowledgement."""
        for item, why in items:
            head = _head(item)
            if head.flags & SYN:
                self._selective = head.options.sack_permitted
            before, self._acknowledged = self._acknowledged, head.ack
            if before in (None, head.ack) or not self._selective or not _is_ack(item):
                yield item, why
            else:
                yield _with_block(head, before), _and(why, "said to have come twice")

    def _repeat_old(self, items: list[Told]) -> Iterator[Told]:
        """Before the first segment of each burst one with its numbers, from long ago."""
        once = True
        for item, why in items:
            for one, told in _singles(item, why):
                stamps = _head(one).options.timestamps
                if once and stamps and isinstance(one, SegmentRun) and one.length:
                    once = False
                    yield _of_old(one, stamps), _and(told, "other bytes, with an old timestamp")
                yield one, told

    def _remember_the_end(self, items: list[Told]) -> Iterator[Told]:
        for item, why in items:
            if isinstance(item, SegmentRun) and item.last_flags & FIN and self._end is None:
                self._end = wrap(item.head.seq + item.length + 1)
            yield item, why


def _each(change: Callable[[Item], Item], items: list[Told], name: str) -> Iterator[Told]:
    for item, why in items:
        changed = change(item)
        yield changed, why if changed is item else _and(why, name)


def _with_block(ack: Segment, start: int) -> Segment:
    """With a SACK block up to the acknowledgement itself."""
    blocks = ((start, ack.ack), *ack.options.sack[:2])
    return replace(ack, options=ack.options._replace(sack=blocks))


def _of_old(run: SegmentRun, stamps: tuple[int, int]) -> SegmentRun:
    value, echo = stamps
    options = run.head.options._replace(timestamps=(wrap(value - STAMP_AGE), echo))
    data = bytes(byte ^ 0xFF for byte in b"".join(run.text))
    return SegmentRun(replace(run.head, options=options), [data], run.last_flags & ~FIN)


def _head(item: Item) -> Segment:
    return item if isinstance(item, Segment) else item.head


def _is_ack(item: Item) -> bool:
    """Nothing but an acknowledgement."""
    return isinstance(item, Segment) and item.flags & (SYN | FIN | RST) == 0 and not item.payload


def _is_control(item: Item) -> bool:
    return isinstance(item, Segment) and bool(item.flags & (SYN | RST))


def _and(why: str, more: str) -> str:
    return f"{why}, {more}" if why else more


def _singles(item: Item, why: str) -> Iterator[Told]:
    """A run as runs of one segment."""
    for one in [item] if isinstance(item, Segment) else item.singles():
        yield one, why


def _follows(one: SegmentRun, before: SegmentRun) -> bool:
    after = wrap(before.head.seq + before.length)
    return before.length > 0 and one.head.seq == after and one.length > 0


def _joined(before: SegmentRun, one: SegmentRun) -> SegmentRun:
    shared = b"".join(before.text)[-OVERLAP:]
    seq = wrap(one.head.seq - len(shared))
    return SegmentRun(replace(one.head, seq=seq), [shared, *one.text], one.last_flags)
