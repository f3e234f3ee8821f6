"""What is said of an exception in a user's script: where in the script, and not where in ours."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from pynat.interrupts import is_interrupt

MAX_CHAIN = 8  # exceptions that led to each other
MAX_COUNTED = 10_000  # of the others
_OURS = (str(Path(__file__).parent.parent), str(Path(asyncio.__file__).parent))
_PATHS = sysconfig.get_paths()
_LIBRARIES = tuple(_PATHS[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib"))


def is_ours(file: str) -> bool:
    return file.startswith(_OURS) or file.startswith("<frozen")


def name_of(function: object) -> str:
    """Whatever the function is: it may be an object whose __repr__ fails."""
    try:
        return str(getattr(function, "__name__", None) or repr(function))
    except BaseException as error:
        if is_interrupt(error):
            raise
        return f"a {type(function).__name__}"


def placed(function: object) -> str:
    """`look (net.py:7)`: what is to blame when a traceback has no line of the script's."""
    code = getattr(function, "__code__", None) if inspect.isroutine(function) else None
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return name_of(function) + place


def told(error: BaseException) -> str:
    """Its traceback, as Python writes it, with the frames that are the user's.

    Of a chain of exceptions the last ones are told, and of one that cannot be told its kind.
    """
    try:
        with _shortened(error) as more:
            found = traceback.TracebackException.from_exception(error)
        _trim(found)
        text = "".join(found.format()).rstrip("\n")
    except BaseException as fault:
        if is_interrupt(fault):
            raise
        return f"{place(error)}: {type(error).__name__}, of which nothing more can be told"
    return f"({more} earlier exceptions)\n{text}" if more else text


@contextlib.contextmanager
def _shortened(error: BaseException) -> Iterator[int]:
    """While it lasts the chain has an end; how many exceptions are behind it."""
    seen = {id(error)}
    last = error
    for _ in range(MAX_CHAIN - 1):
        before = _before(last, seen)
        if before is None:
            yield 0
            return
        last = before
    cause, context, suppress = last.__cause__, last.__context__, last.__suppress_context__
    more, further = 0, last
    while more < MAX_COUNTED and (before := _before(further, seen)) is not None:
        more, further = more + 1, before
    last.__cause__ = last.__context__ = None
    try:
        yield more
    finally:
        last.__context__, last.__cause__ = context, cause
        last.__suppress_context__ = suppress


def _before(error: BaseException, seen: set[int]) -> BaseException | None:
    """The exception before it in its chain, as Python tells it."""
    before = error.__cause__
    if before is None and not error.__suppress_context__:
        before = error.__context__
    if before is None or id(before) in seen:
        return None
    seen.add(id(before))
    return before


def summary(error: BaseException) -> str:
    """`ValueError: no number`, or its kind where its text cannot be had."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException as fault:
        if is_interrupt(fault):
            raise
        return type(error).__name__


def place(error: BaseException) -> str:
    """`net.py:7`, the last place in a user's file, or in a library if there is no other."""
    found = library = ""
    where: TracebackType | None = error.__traceback__
    while where is not None:
        file = where.tb_frame.f_code.co_filename
        if file.startswith(_LIBRARIES):
            library = f"{file}:{where.tb_lineno}"
        elif not is_ours(file):
            found = f"{file}:{where.tb_lineno}"
        where = where.tb_next
    return found or library


def _trim(found: traceback.TracebackException) -> None:
    theirs = [frame for frame in found.stack if not is_ours(frame.filename)]
    if theirs:
        found.stack[:] = theirs
    for inner in (found.__cause__, found.__context__, *(getattr(found, "exceptions", None) or ())):
        if inner is not None:
            _trim(inner)
