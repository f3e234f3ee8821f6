"""Stands in for pynat's engine in the shim's tests; the NIC's script= names what it does."""

from __future__ import annotations

import math
import select
import sys
import time
from collections.abc import Callable

from pynat.serve.bochs import BochsNic

INFO = 1


def serve(port: BochsNic) -> None:
    BEHAVIOURS[port.script](port)


def until_closed(port: BochsNic, turn: Callable[[list[tuple[float, bytes]]], None]) -> None:
    while not port.closing:
        select.select([port.doorbell], [], [])
        turn(port.receive(64))


def echo(port: BochsNic) -> None:
    def turn(frames: list[tuple[float, bytes]]) -> None:
        assert port.send([frame for _, frame in frames]) == len(frames)
        port.done(0, None)

    port.ready()
    until_closed(port, turn)


def show(port: BochsNic) -> None:
    """Logs all that the port says of itself."""

    def turn(frames: list[tuple[float, bytes]]) -> None:
        for when, frame in frames:
            port.log(INFO, f"got {when:.6f} {frame.hex()}")
        port.done(0, None)

    port.log(INFO, f"port {port.ethdev} {port.script} {port.mac.hex()} {port.now()}")
    port.log(0, "a detail")
    port.ready()
    until_closed(port, turn)
    stats = port.stats()
    port.log(INFO, f"stats {stats['frames_from_guest']} {stats['bytes_from_guest']}")


def counts_resets(port: BochsNic) -> None:
    """Tells of each turn how many machines there were before, and what came."""

    def turn(frames: list[tuple[float, bytes]]) -> None:
        if not port.closing:
            port.log(INFO, f"resets {port.resets}: {len(frames)} frames")
        port.done(0, None)

    port.ready()
    until_closed(port, turn)


def imports(port: BochsNic) -> None:
    """Extension modules, which need libpython's symbols; and what a network needs."""
    import _decimal
    import asyncio
    import ctypes
    import signal
    import sqlite3
    import ssl
    import sys
    import threading

    ssl.create_default_context()
    asyncio.run(asyncio.sleep(0))
    connection = sqlite3.connect(":memory:")
    row = connection.execute("select 6 * 7").fetchone()
    connection.close()
    port.log(INFO, f"imported {_decimal.Decimal(1)} {ctypes.sizeof(ctypes.c_int)} {row[0]}")
    port.log(INFO, f"prefix {sys.prefix}")
    port.log(INFO, f"main thread {threading.current_thread() is threading.main_thread()}")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    port.log(INFO, f"blocked {signal.SIGALRM in blocked} {signal.SIGINT in blocked}")
    port.ready()
    until_closed(port, lambda _: port.done(0, None))


def fails_at_once(port: BochsNic) -> None:
    raise ValueError("no network today")


def fails_at_a_frame(port: BochsNic) -> None:
    def turn(frames: list[tuple[float, bytes]]) -> None:
        assert not frames, "a frame too many"
        port.done(0, None)

    port.ready()
    until_closed(port, turn)


def returns(port: BochsNic) -> None:
    port.ready()
    select.select([port.doorbell], [], [])


def lingers(port: BochsNic) -> None:
    """Takes a while to end, like a network whose hosts read slowly."""
    port.ready()
    until_closed(port, lambda _: port.done(0, None))
    time.sleep(0.3)
    sys.stderr.write("ended in good order\n")  # in one piece, as several engines do it at once


def sticks(port: BochsNic) -> None:
    port.ready()
    while True:
        pass


def times(port: BochsNic) -> None:
    """A timer half a second from the start, then holding until the end."""

    def turn(_: list[tuple[float, bytes]]) -> None:
        if port.now() < 0.5:
            port.done(0, 0.5)
        elif not port.closing:
            port.log(INFO, f"timer at {port.now():.4f}")
            port.done(math.inf, None)

    port.done(0, 0.5)
    port.ready()
    until_closed(port, turn)
    port.log(INFO, f"held {port.stats()['held_us'] // 1000} ms")


def steps(port: BochsNic) -> None:
    """Tells each of its turns; the first is at time 0, before the guest starts."""

    def turn(frames: list[tuple[float, bytes]]) -> None:
        if not port.closing:
            sent = " ".join(f"{when:.6f}" for when, _ in frames)
            port.log(INFO, f"turn at {port.now():.6f}: {sent}")
        port.send([frame for _, frame in frames])
        port.done(math.inf, 0.001 if port.now() < 0.001 else None)

    port.policy("step")
    port.ready()
    turn(port.receive(64))
    until_closed(port, turn)


def refuses(port: BochsNic) -> None:
    """What is no frame, no time and no policy raises and breaks nothing."""
    wrong: list[Callable[[], object]] = [
        lambda: port.done(math.nan, None),
        lambda: port.policy("sometimes"),
        lambda: port.send([bytearray(60)]),  # type: ignore[list-item]
        lambda: port.receive(-1),
    ]
    for call in wrong:
        try:
            call()
        except (ValueError, TypeError) as error:
            port.log(INFO, f"{type(error).__name__}")
    for text in ("always", "never", "auto"):
        port.policy(text)
    port.log(INFO, f"queued {port.send([bytes(60), bytes(13), bytes(5000)])}")
    echo(port)


BEHAVIOURS = {
    function.__name__: function
    for function in (
        steps,
        echo,
        show,
        counts_resets,
        imports,
        fails_at_once,
        fails_at_a_frame,
        returns,
        lingers,
        sticks,
        times,
        refuses,
    )
}
