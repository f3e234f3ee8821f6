"""How far connections have come: those that the guest opened, and those that were opened to it.

A connection is looked at when it is forgotten, and when somebody asks: that costs no segment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from pynat.lint.tcp.connection import Connection
from pynat.lint.tcp.side import Side


class Stage(StrEnum):
    BEGUN = "SYN sent"
    HEARD = "answered in any way"
    ANSWERED = "SYN-ACK"
    OPEN = "opened"
    GUESTS_DATA = "data of the guest's"
    GUESTS_DATA_TAKEN = "of which some was acknowledged"
    OTHERS_DATA = "data of the other end's"
    OTHERS_DATA_TAKEN = "of which the guest acknowledged some"
    CLOSED = "closed by both ends"
    RESET_BY_GUEST = "reset by the guest"
    RESET_BY_OTHER = "reset by the other end"


Reached = Counter[tuple[bool, Stage]]  # by whether the guest opened it


class Progress:
    def __init__(self) -> None:
        self._forgotten = Reached()

    def forget(self, connection: Connection) -> None:
        self._forgotten.update(_of(connection))

    def so_far(self, there: Iterable[Connection]) -> Reached:
        total = Reached(self._forgotten)
        for connection in there:
            total.update(_of(connection))
        return total


def _of(connection: Connection) -> Iterator[tuple[bool, Stage]]:
    return ((connection.by_guest, stage) for stage in _stages(connection))


def _stages(connection: Connection) -> Iterator[Stage]:
    guest, peer = connection.guest, connection.peer
    yield Stage.BEGUN
    if guest is None or peer is None:
        if connection.answered or connection.refused:
            yield Stage.HEARD
        return
    yield from (Stage.HEARD, Stage.ANSWERED)
    opener = guest if connection.by_guest else peer
    if opener.acked:
        yield Stage.OPEN
    if _has_data(guest):
        yield Stage.GUESTS_DATA
        if peer.acked > 1:
            yield Stage.GUESTS_DATA_TAKEN
    if _has_data(peer):
        yield Stage.OTHERS_DATA
        if guest.acked > 1:
            yield Stage.OTHERS_DATA_TAKEN
    yield from _end(guest, peer)


def _has_data(side: Side) -> bool:
    return side.top - bool(side.fin) > 1


def _end(guest: Side, peer: Side) -> Iterator[Stage]:
    if guest.reset_at is not None:
        yield Stage.RESET_BY_GUEST
    elif peer.reset_at is not None:
        yield Stage.RESET_BY_OTHER
    elif guest.fin and peer.fin and guest.acked > peer.fin and peer.acked > guest.fin:
        yield Stage.CLOSED
