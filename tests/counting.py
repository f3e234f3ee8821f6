"""How many of Python's instructions a call takes: the same on every machine, busy or not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def instructions(call: Callable[[], object]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        _ask_for_opcodes(frame, trace)
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # 3.12 looks only when tracing begins
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def _ask_for_opcodes(frame: FrameType, trace: Callable[..., Any]) -> None:
    """3.13 looks only for a frame that is traced already."""
    frame.f_trace = trace
    frame.f_trace_opcodes, frame.f_trace_lines = True, False
