"""For how long a thread was awake: it ran, or it wanted to and had no processor.

What comes while a thread sleeps wakes it, so nothing has waited for longer than the thread was
awake. On a busy machine that can be a long time in which it does nothing at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

_SCHEDSTAT = "/proc/thread-self/schedstat"  # ns run, ns waited for a processor, slices


def awake() -> Callable[[], float]:
    """A clock of seconds for the thread that asks for it; wall time where Linux counts no waits."""
    try:
        descriptor = os.open(_SCHEDSTAT, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return time.monotonic

    def clock() -> float:
        waited = os.pread(descriptor, 64, 0).split()[1]
        return time.thread_time() + int(waited) / 1e9

    return clock
