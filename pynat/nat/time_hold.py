"""How long guest time may not run ahead of wall time (docs/time.md).

Two reasons to hold: somebody outside owes the guest an answer (a connect, a DNS question, data
that has not been answered, an echo), for at most `MAX_ANSWER_TIME` seconds each; and a flow has
carried something within the last `patience` seconds. With neither, the guest runs free.
"""

from __future__ import annotations

MAX_ANSWER_TIME = 60.0  # seconds of guest time; whoever has not answered by then is not waited for


class TimeHold:
    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._until = 0.0
        self._owed: dict[object, float] = {}  # in the order of their deadlines

    def expect(self, owner: object, now: float) -> None:
        """`owner` waits for an answer from outside, from now on."""
        self._owed.pop(owner, None)
        self._owed[owner] = now + MAX_ANSWER_TIME

    def answered(self, owner: object) -> None:
        self._owed.pop(owner, None)

    def carried(self, now: float) -> None:
        """A flow has carried something."""
        self._until = max(self._until, now + self._patience)

    def until(self) -> float:
        """Guest time up to which the guest may not run ahead; 0 = free."""
        if self._owed:
            return max(self._until, next(reversed(self._owed.values())))
        return self._until
