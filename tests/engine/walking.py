"""Follow one packet of the guest's through the engine: which files it is handed to.

    with Walk(carries, until="sendto") as walk: ...
    walk.way      # files of the package, in the order in which they get it, and how often each
    walk.asked    # other files of which something ran

A file gets it where one of its functions has it among its arguments, in whatever form: a frame, a
packet, an action. A value that is asked about itself is handed to nobody. What only looks on, and
whatever that calls, is on no way; nor are the loops that are C where that could be built.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pynat

PACKAGE = Path(pynat.__file__).parent
VALUES = ("pynat.wire.", "pynat.nat.messages")
IN_C = "_pure.py"  # stands in for C, of which nothing can be seen
ON_NO_WAY = ("lint/", "log/", IN_C)


class Call(NamedTuple):
    file: str
    function: str
    gets_it: bool
    inside: bool  # the file is at work already, further out


class Walk:
    def __init__(self, carries: Callable[[object], bool], until: str) -> None:
        """carries: whether a value has the packet in it. until: the loop or function in C that ends
        it."""
        self._carries = carries
        self._until = until
        self._stack: list[str] = []  # files
        self.calls: list[Call] = []

    def __enter__(self) -> Walk:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    @property
    def way(self) -> dict[str, int]:
        passes: Counter[str] = Counter()
        for call in self.calls:
            if call.gets_it and not (call.inside and passes[call.file]):
                passes[call.file] += 1
        return dict(passes)

    @property
    def asked(self) -> set[str]:
        return {call.file for call in self.calls} - self.way.keys()

    def _profile(self, frame: FrameType, event: str, what: Any) -> None:
        file = frame.f_code.co_filename
        called = what.__name__ if event == "c_call" else ""
        if event == "call" and file == str(PACKAGE / IN_C):
            called = frame.f_code.co_name
        if called == self._until and self.way:
            sys.setprofile(None)
        if event not in ("call", "return") or not file.startswith(str(PACKAGE)):
            return
        name = str(Path(file).relative_to(PACKAGE))
        if event == "call":
            self._enter(frame, name)
        elif self._stack:
            self._stack.pop()

    def _enter(self, frame: FrameType, file: str) -> None:
        if not any(one.startswith(ON_NO_WAY) for one in (*self._stack, file)):
            inside = file in self._stack
            function = frame.f_code.co_qualname
            gets_it = any(map(self._has, _arguments(frame)))
            self.calls.append(Call(file, function, gets_it, inside))
        self._stack.append(file)

    def _has(self, value: object, depth: int = 3) -> bool:
        if self._carries(value):
            return True
        return depth > 0 and any(self._has(one, depth - 1) for one in _within(value))


def _arguments(frame: FrameType) -> list[object]:
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = [(name, frame.f_locals[name]) for name in names if name in frame.f_locals]
    return [value for name, value in found if name != "self" or not _is_value(value)]


def _within(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, type(iter([]))):
        return list(copy.copy(value))
    if _is_value(value):
        names = getattr(type(value), "__dataclass_fields__", ())
        return [getattr(value, name) for name in names if hasattr(value, name)]
    return []


def _is_value(value: object) -> bool:
    return type(value).__module__.startswith(VALUES)
