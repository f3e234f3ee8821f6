"""For how long a thread was awake; true on any machine, however busy it is."""

from __future__ import annotations

import os
import threading
import time

import pytest

from pynat.link import awake as module
from pynat.link.awake import awake

RUNS = 0.05  # seconds


def test_it_goes_on_while_the_thread_runs() -> None:
    clock = awake()
    begun, end = clock(), time.thread_time() + RUNS
    while time.thread_time() < end:
        pass
    assert clock() - begun >= RUNS


def test_it_stands_still_while_the_thread_sleeps() -> None:
    """Until another thread, which has run for so long, wakes it."""
    clock = awake()
    reader, writer = os.pipe()

    def run_then_wake() -> None:
        end = time.thread_time() + 4 * RUNS
        while time.thread_time() < end:
            pass
        os.write(writer, b"!")

    wall, begun = time.monotonic(), clock()
    other = threading.Thread(target=run_then_wake)
    other.start()
    os.read(reader, 1)
    slept = time.monotonic() - wall - (clock() - begun)
    other.join()
    os.close(reader)
    os.close(writer)
    assert slept > 0


def test_without_the_kernels_count_it_is_wall_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SCHEDSTAT", "/nowhere")
    assert awake() is time.monotonic
