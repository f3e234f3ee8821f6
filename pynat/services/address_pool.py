"""The addresses of which no record is kept, and the records whose time is over, each in the order
in which they are given out. Nothing here grows with the number of leases but by its logarithm.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count

MAX_LOOKS = 64  # addresses in use that are passed over for one question


class UnusedAddresses:
    """Host addresses without a record: from the first guest's upwards, then those below it."""

    def __init__(self, first: int, last: int, start: int) -> None:
        self._first = first
        self._size = last - first + 1
        self._start = start
        self._next = 0  # places from here on were never given out
        self._back: list[int] = []  # a heap of places before that, which are free again
        self._is_back: set[int] = set()
        self._used: deque[int] = deque()  # places passed over because somebody was there

    def put_back(self, address: bytes) -> None:
        place = (int.from_bytes(address, "big") - self._start) % self._size
        if place < self._next and place not in self._is_back:
            self._is_back.add(place)
            heapq.heappush(self._back, place)

    def find(self, known: Callable[[bytes], bool], unused: Callable[[bytes], bool]) -> bytes | None:
        """known: has a record, or is nobody's to have. unused: nobody is seen there.

        It stays the first until it has a record.
        """
        used = 0
        for place in self._places():
            address = self._address(place)
            if known(address):
                continue
            if unused(address):
                self.put_back(address)
                return address
            self._used.append(place)
            used += 1
            if used == MAX_LOOKS:
                break
        return None

    def _places(self) -> Iterator[int]:
        """Each is taken out."""
        while self._back:
            place = heapq.heappop(self._back)
            self._is_back.discard(place)
            yield place
        while self._next < self._size:
            self._next += 1
            yield self._next - 1
        for _ in range(len(self._used)):
            yield self._used.popleft()

    def _address(self, place: int) -> bytes:
        number = self._first + (self._start - self._first + place) % self._size
        return number.to_bytes(4, "big")


class Expiries:
    """Addresses by the time at which their records end."""

    def __init__(self) -> None:
        self._order: list[tuple[float, int, bytes]] = []  # sorted
        self._places: dict[bytes, tuple[float, int, bytes]] = {}
        self._numbers = count()

    def set(self, address: bytes, until: float) -> None:
        self.drop(address)
        place = self._places[address] = (until, next(self._numbers), address)
        insort(self._order, place)

    def drop(self, address: bytes) -> None:
        place = self._places.pop(address, None)
        if place is not None:
            del self._order[bisect_left(self._order, place)]

    def oldest(self, now: float, usable: Callable[[bytes], bool]) -> bytes | None:
        """The one that is over for longest; those that are not usable come later next time."""
        for until, _, address in self._order[:MAX_LOOKS]:
            if until > now:
                break
            if usable(address):
                return address
            self.set(address, now)
        return None
