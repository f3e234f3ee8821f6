"""How flows to one destination are, where they are not as all others: as the metrics of a route say
it of a kernel's, and who has the last word on what leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from pynat.config import Tcp
from pynat.nat.tcp.acks import Acks
from pynat.wire.addresses import FourTuple
from pynat.wire.tcp import Run, Segment

Item = Segment | Run


class Egress(Protocol):
    """Of one flow: between it and the guest."""

    def __call__(self, items: list[Item], from_guest: int) -> Iterable[tuple[Item, str]]:
        """What leaves instead, each with a remark. from_guest: bytes that it has sent so far."""


@dataclass(frozen=True, slots=True)
class Parameters:
    tcp: Tcp
    segment: int | None = None  # bytes of payload at most, whatever the MSS
    closed: bool = False  # the window begins with nothing
    acks: Callable[[float], Acks] = Acks
    egress: Callable[[FourTuple], Egress] | None = None
