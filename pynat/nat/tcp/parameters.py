"""How flows to one destination are, where they are not as all others: as the metrics of a route say
it of a kernel's, and what is between them and the guest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from pynat.config import Tcp
from pynat.nat.tcp.acks import Acks
from pynat.wire.addresses import FourTuple
from pynat.wire.tcp import Segment, SegmentRun

Item = Segment | SegmentRun


class Filter(Protocol):
    """Between one flow and the guest."""

    def from_guest(self, segment: Segment) -> bool:
        """Whether the flow gets it."""

    def to_guest(self, items: list[Item], received: int) -> Iterable[tuple[Item, str]]:
        """What leaves instead, each with a comment. received: bytes of the guest's so far."""


@dataclass(frozen=True, slots=True)
class Parameters:
    tcp: Tcp
    segment: int | None = None  # bytes of payload at most, whatever the MSS
    closed: bool = False  # the window begins with nothing
    acks: Callable[[float], Acks] = Acks
    filter: Callable[[FourTuple], Filter] | None = None
