"""Peers whose TCP misbehaves on purpose (pynat.peer): what is done to segments that leave a flow.

The flow itself stays an ordinary one: it knows what it has sent and what it has got, and repairs
what the twists spoil as any TCP would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pynat.nat.tcp.acks import Acks
from pynat.nat.tcp.parameters import Item
from pynat.nat.tcp.seq import wrap
from pynat.peer import Manner, Peer, Twist
from pynat.wire.tcp import ACK, FIN, RST, SYN, Run, Segment

OVERLAP = 100  # bytes
EXTRA_ACKS = 3  # as many as make a sender retransmit at once (RFC 5681 3.2)


class LazyAcks(Acks):
    """Every acknowledgement waits for the whole delay (against RFC 9293 3.8.6.3)."""

    def received(self, length: int, *, push: bool, at_once: bool) -> None:
        pass

    def taken(self, ack: int, now: float) -> None:
        if self.later is None:
            self.later = now + self._delay


class Twister:
    """Of one flow. Each twist takes the items of a turn and says what leaves instead."""

    def __init__(self, manner: Manner, peer: Peer) -> None:
        self._manner = manner
        self._peer = peer
        self._unacknowledged = manner.unacknowledged
        self._syn_acks = 0
        self._acks = 0
        self._twists = {
            Twist.REORDER: self._reorder,
            Twist.DUPLICATE: self._duplicate,
            Twist.OVERLAP: self._overlap,
            Twist.DUPLICATE_ACKS: self._repeat_acks,
            Twist.SHRINK: self._shrink,
            Twist.WRONG_SYN_ACK: self._spoil_syn_ack,
        }

    def __call__(self, items: list[Item], from_guest: int) -> list[tuple[Item, str]]:
        """What leaves, each with what was done to it on purpose."""
        manner = self._manner
        if manner.silent_after is not None and from_guest >= manner.silent_after:
            return []
        out = [(item, "") for item in self._admitted(items)]
        for twist in manner.twists:
            out = list(self._twists[twist](out))
        return [(item, why and f"{self._peer} on purpose: {why}") for item, why in out]

    def _admitted(self, items: list[Item]) -> Iterator[Item]:
        for item in items:
            if self._unacknowledged and _is_ack(item):
                self._unacknowledged -= 1
            else:
                yield item

    # ------------------------------------------------------------------ the twists
    def _reorder(self, items: list[tuple[Item, str]]) -> Iterator[tuple[Item, str]]:
        singles = [one for item, why in items for one in _singles(item, why)]
        if len(singles) > 1 and not any(_is_control(item) for item, _ in singles):
            singles = [(item, _and(why, "reordered")) for item, why in reversed(singles)]
        yield from singles

    def _duplicate(self, items: list[tuple[Item, str]]) -> Iterator[tuple[Item, str]]:
        for item, why in items:
            for one, told in _singles(item, why):
                yield one, told
                if isinstance(one, Run) and any(one.payloads):
                    yield one, _and(told, "duplicate")

    def _overlap(self, items: list[tuple[Item, str]]) -> Iterator[tuple[Item, str]]:
        before: Run | None = None
        for item, why in items:
            for one, told in _singles(item, why):
                if isinstance(one, Run) and before is not None and _follows(one, before):
                    yield _joined(before, one), _and(told, f"overlaps by up to {OVERLAP}")
                else:
                    yield one, told
                before = one if isinstance(one, Run) else None

    def _repeat_acks(self, items: list[tuple[Item, str]]) -> Iterator[tuple[Item, str]]:
        for item, why in items:
            yield item, why
            if _is_ack(item):
                for _ in range(EXTRA_ACKS):
                    yield item, _and(why, "duplicate acknowledgement")

    def _shrink(self, items: list[tuple[Item, str]]) -> Iterator[tuple[Item, str]]:
        for item, why in items:
            self._acks += _is_ack(item)
            if isinstance(item, Segment) and _is_ack(item) and self._acks % 2 == 0:
                yield replace(item, window=item.window // 4), _and(why, "window shrunk")
            else:
                yield item, why

    def _spoil_syn_ack(self, items: list[tuple[Item, str]]) -> Iterator[tuple[Item, str]]:
        for item, why in items:
            if isinstance(item, Segment) and item.flags & (SYN | ACK) == SYN | ACK:
                self._syn_acks += 1
                if self._syn_acks == 1:
                    wrong = replace(item, ack=wrap(item.ack + 1))
                    yield wrong, _and(why, "acknowledges a byte too many")
                    continue
            yield item, why


def _is_ack(item: Item) -> bool:
    """Nothing but an acknowledgement."""
    return isinstance(item, Segment) and item.flags & (SYN | FIN | RST) == 0 and not item.payload


def _is_control(item: Item) -> bool:
    return isinstance(item, Segment) and bool(item.flags & (SYN | RST))


def _and(why: str, more: str) -> str:
    return f"{why}, {more}" if why else more


def _singles(item: Item, why: str) -> Iterator[tuple[Item, str]]:
    """A run as runs of one segment."""
    if isinstance(item, Segment) or len(item.payloads) <= 1:
        yield item, why
        return
    seq = item.head.seq
    for number, payload in enumerate(item.payloads, 1):
        flags = item.last_flags if number == len(item.payloads) else item.head.flags
        yield Run(replace(item.head, seq=wrap(seq)), [payload], flags), why
        seq += len(payload)


def _follows(one: Run, before: Run) -> bool:
    length = len(before.payloads[0])
    return length > 0 and one.head.seq == wrap(before.head.seq + length) and bool(one.payloads[0])


def _joined(before: Run, one: Run) -> Run:
    shared = bytes(before.payloads[0])[-OVERLAP:]
    seq = wrap(one.head.seq - len(shared))
    return Run(replace(one.head, seq=seq), [shared + bytes(one.payloads[0])], one.last_flags)
