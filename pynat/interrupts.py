"""Ctrl-C, and what only looks like it.

Whatever comes out of a user's code is a fault of that code, exceptions that are no Exception among
them (`pytest.fail` raises one). Only Ctrl-C is somebody who wants the program to end.
"""

from __future__ import annotations

import dis
import signal

_RAISE = dis.opmap["RAISE_VARARGS"]


def is_interrupt(error: BaseException) -> bool:
    """A KeyboardInterrupt that Python's own handler has made, and no `raise`."""
    last = error.__traceback__
    if not isinstance(error, KeyboardInterrupt) or last is None:
        return False
    while last.tb_next is not None:
        last = last.tb_next
    raised = last.tb_frame.f_code.co_code[last.tb_lasti] == _RAISE
    return not raised and signal.getsignal(signal.SIGINT) is signal.default_int_handler
