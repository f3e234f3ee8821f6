"""How long guest time may not run ahead of wall time (docs/time.md).

Two reasons to hold: somebody outside owes the guest an answer (a connect, a DNS question, data
that has not been answered, an echo), for at most `MAX_ANSWER_TIME` seconds; and a flow has carried
something within the last `patience` seconds, so more may follow. Each is of one owner, which is
released once it is the guest's turn there. With none, the guest runs free.
"""

from __future__ import annotations

from itertools import islice

MAX_ANSWER_TIME = 60.0  # seconds of guest time; whoever has not answered by then is not waited for
_FEW = 2  # that are over are forgotten with each that comes, so that no turn pays for all of them


class TimeHold:
    def __init__(self, patience: float) -> None:
        self._patience = patience
        # Deadlines by owner, in the order in which they come.
        self._owed: dict[object, float] = {}
        self._carried: dict[object, float] = {}

    def expect(self, owner: object, now: float) -> None:
        """`owner` waits for an answer from outside, from now on."""
        self._owed.pop(owner, None)
        self._owed[owner] = now + MAX_ANSWER_TIME

    def answered(self, owner: object) -> None:
        self._owed.pop(owner, None)

    def carried(self, owner: object, when: float) -> None:
        """`owner` has carried something."""
        carried, until = self._carried, when + self._patience
        if carried.get(owner, 0.0) < until:
            for first in [*islice(carried, _FEW)]:
                if carried[first] <= when:
                    del carried[first]
            carried.pop(owner, None)
            carried[owner] = until

    def release(self, owner: object) -> None:
        """Nothing is waited for there: the guest has its turn, or nobody has one any more."""
        self._owed.pop(owner, None)
        self._carried.pop(owner, None)

    def until(self) -> float:
        """Guest time up to which the guest may not run ahead; 0 = free."""
        return max(_last(self._owed), _last(self._carried))


class NeverHeld(TimeHold):
    """Where guest time is the wall's, or there is no outside."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def expect(self, owner: object, now: float) -> None:
        pass

    def carried(self, owner: object, when: float) -> None:
        pass


def _last(deadlines: dict[object, float]) -> float:
    return next(reversed(deadlines.values())) if deadlines else 0.0
