"""Ctrl-C, and what only looks like it.

Whatever comes out of a user's code is a fault of that code, exceptions that are no Exception among
them (`pytest.fail` raises one). Only Ctrl-C is somebody who wants the program to end.

A KeyboardInterrupt does not tell who made it: a future may have kept one, or a generator may have
been given one. So while a user's code runs where Python's own handler would raise one, a handler of
ours is in its place, which marks what it raises.
"""

from __future__ import annotations

import contextlib
import dis
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_RAISE = dis.opmap["RAISE_VARARGS"]


class Interrupt(KeyboardInterrupt):
    """Ctrl-C, surely."""


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Around a user's code, and whoever asks `is_interrupt` of what comes out of it."""
    if not _is_default():
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt:  # else that code has set its own
            signal.signal(signal.SIGINT, signal.default_int_handler)


def is_interrupt(error: BaseException) -> bool:
    """In our own code, also a KeyboardInterrupt that Python's handler has made, and no `raise`."""
    if isinstance(error, Interrupt):
        return True
    last = error.__traceback__
    if not isinstance(error, KeyboardInterrupt) or last is None:
        return False
    while last.tb_next is not None:
        last = last.tb_next
    raised = last.tb_frame.f_code.co_code[last.tb_lasti] == _RAISE
    return not raised and _is_default()


def _is_default() -> bool:
    """Whether Python's own handler would raise here."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupt
