"""What is said of an exception in a user's script: where in the script, and not where in ours."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path
from types import TracebackType

_OURS = (str(Path(__file__).parent.parent), str(Path(asyncio.__file__).parent))


def is_ours(file: str) -> bool:
    return file.startswith(_OURS) or file.startswith("<frozen")


def name_of(function: object) -> str:
    return getattr(function, "__name__", None) or repr(function)


def told(error: BaseException) -> str:
    """Its traceback, as Python writes it, with the frames that are the user's."""
    found = traceback.TracebackException.from_exception(error)
    _trim(found)
    return "".join(found.format()).rstrip("\n")


def place(error: BaseException) -> str:
    """`net.py:7`, the last place in a user's file; empty where there is none."""
    found = ""
    where: TracebackType | None = error.__traceback__
    while where is not None:
        file = where.tb_frame.f_code.co_filename
        if not is_ours(file):
            found = f"{file}:{where.tb_lineno}"
        where = where.tb_next
    return found


def _trim(found: traceback.TracebackException) -> None:
    theirs = [frame for frame in found.stack if not is_ours(frame.filename)]
    if theirs:
        found.stack[:] = theirs
    for inner in (found.__cause__, found.__context__, *(getattr(found, "exceptions", None) or ())):
        if inner is not None:
            _trim(inner)
