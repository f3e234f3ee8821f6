"""What is said of an exception in a user's script: where in the script, and not where in ours."""

from __future__ import annotations

import asyncio
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

_OURS = (str(Path(__file__).parent.parent), str(Path(asyncio.__file__).parent))
_PATHS = sysconfig.get_paths()
_LIBRARIES = tuple(_PATHS[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib"))


def is_ours(file: str) -> bool:
    return file.startswith(_OURS) or file.startswith("<frozen")


def name_of(function: object) -> str:
    return getattr(function, "__name__", None) or repr(function)


def placed(function: object) -> str:
    """`look (net.py:7)`: what is to blame when a traceback has no line of the script's."""
    code = getattr(function, "__code__", None)
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return name_of(function) + place


def shown(text: str, keep: str = "") -> str:
    """For a line of the log: what the guest has sent must not steer a terminal."""
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def told(error: BaseException) -> str:
    """Its traceback, as Python writes it, with the frames that are the user's."""
    found = traceback.TracebackException.from_exception(error)
    _trim(found)
    return "".join(found.format()).rstrip("\n")


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
