"""Processes that a script starts, and programs behind `guestfwd`: they end when Bochs does.

Two nets, for no single one catches all:
- `none_left()` around an engine ends what is left of all descendants when the last engine of this
  process has ended. Orphans come back to us meanwhile (PR_SET_CHILD_SUBREAPER), so a program that
  has gone to the background is found too.
- A child that an engine's thread starts, by `subprocess` or a fork, asks the kernel to be killed
  when that thread ends (PR_SET_PDEATHSIG): that holds if Bochs is killed or crashes. It is not
  inherited: what the child itself has started then lives on, under `bochs` but not `pynat run`.

What we start on purpose, Bochs, a network for a test and the guest's programs in it, begins with
`dies_with_us()`, which asks the kernel the same.

The engine's thread under Bochs blocks all signals, and a child would inherit that for good; so they
are unblocked in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

PATIENCE = 0.5  # seconds (wall) between SIGTERM and SIGKILL
_POLL = 0.01
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_BEFORE_EXEC = 6  # arguments of Popen before preexec_fn

_libc = ctypes.CDLL(None)


class _State:
    """Of this process."""

    engines: ClassVar[set[int]] = set()  # threads
    others: ClassVar[set[int]] = set()  # processes that were there before the first engine
    lock: ClassVar[threading.Lock] = threading.Lock()
    caught = False  # forks are
    forked = 0  # the process that has forked last


@contextlib.contextmanager
def none_left() -> Iterator[None]:
    """Around an engine and the reading of its script, in its thread."""
    thread = threading.get_ident()
    with _State.lock:
        if not _State.engines:
            _catch_forks()
            _State.others = _descendants()
            _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        _State.engines.add(thread)
    try:
        yield
    finally:
        with _State.lock:
            _State.engines.discard(thread)
            if not _State.engines:
                _end(lambda: _descendants() - _State.others)


def dies_with_us() -> list[str]:
    """Before a command: what it runs is killed when our thread that starts it ends, however."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


# ---------------------------------------------------------------- forks of a script
def _catch_forks() -> None:
    """Python calls hooks in a child that goes on to exec only if there is something to call there,
    so there is.
    """
    if _State.caught:
        return
    _State.caught = True
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
    inner = subprocess.Popen.__init__

    @functools.wraps(inner)
    def init(self: subprocess.Popen[Any], *arguments: Any, **named: Any) -> None:
        if threading.get_ident() in _State.engines and len(arguments) <= _BEFORE_EXEC:
            named["preexec_fn"] = named.get("preexec_fn") or _nothing
        inner(self, *arguments, **named)

    subprocess.Popen.__init__ = init  # type: ignore[method-assign]


def _nothing() -> None:
    pass


def _before_fork() -> None:
    _State.forked = os.getpid()


def _after_fork() -> None:
    """A child has none of the engines, and whoever held the lock is not there to release it."""
    from_engine = threading.get_ident() in _State.engines
    _State.engines.clear()
    _State.lock = threading.Lock()
    if not from_engine:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if os.getppid() != _State.forked:  # it has died already
        os._exit(1)


# ---------------------------------------------------------------- at the end
def _descendants() -> set[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                status = (folder / "stat").read_bytes()  # a process's name is any bytes
                state, parent = status.rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    parents[int(folder.name)] = int(parent)
    found: set[int] = set()
    new = {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new}
        found |= new
    return found


def _end(left: Callable[[], set[int]]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + PATIENCE
        for pid in left():
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        while left() and time.monotonic() < until:
            time.sleep(_POLL)
