"""SIGTERM and SIGHUP ask a command to end in good order, with what it has started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALLED = 128  # exit codes behind this are signals


class Asked(SystemExit):
    """A signal asks us to end."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(SIGNALLED + number)
        self.number = number


@contextlib.contextmanager
def asked_to_leave() -> Iterator[None]:
    """SIGTERM and SIGHUP raise Asked, the first of them only; nohup's SIGHUP stays ignored."""
    wanted = (signal.SIGTERM, signal.SIGHUP)
    before = {n: was for n in wanted if (was := signal.getsignal(n)) is not signal.SIG_IGN}

    def leave(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Asked(signal.Signals(number))

    for number in before:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
