"""Where a flow's bytes go: a connected socket to a TCP port, a Unix socket or a program.

A connect on the loopback is over before `connect` returns although it says otherwise, so it is
asked a second time before the loop is bothered. A program gets one end of a socket pair as its
standard input and output, no shell, its own session; standard error is Bochs's. Its end begins when
its socket is closed, which waits until it has read what is for it (`pynat.host.linger`): it has
`GRACE` seconds to finish by itself, for it has seen the end of file, then it gets SIGTERM, and
`GRACE` seconds later SIGKILL. Whatever still runs at the end of the network is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pynat.config import Command, UnixPath
from pynat.host import errqueue
from pynat.host.descriptors import checked, open_socket
from pynat.host.families import family_of, open_for
from pynat.nat.messages import Destination, Nowhere

MAX_PROGRAMS = 64  # at once
GRACE = 2.0  # seconds (wall)
_POLL = 0.05  # seconds (wall) between looks at programs that are to end


class Destinations:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._programs: set[_Program] = set()
        self.none_left = asyncio.Event()
        self.none_left.set()

    def connect(self, to: Destination, source: int = 0) -> tuple[socket.socket, int]:
        """A non-blocking socket and what connect_ex said. Raises OSError where there is none.

        source: the port of ours, 0 for any.
        """
        match to:
            case Command():
                return self._start(to), 0
            case UnixPath():
                sock = open_socket(socket.AF_UNIX, socket.SOCK_STREAM)
                return sock, sock.connect_ex(to.path)
            case Nowhere():
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            case (address, port):
                return _connect(address, port, source)

    def close(self) -> None:
        for program in list(self._programs):
            program.kill()

    def _gone(self, program: _Program) -> None:
        self._programs.discard(program)
        if not self._programs:
            self.none_left.set()

    def _start(self, command: Command) -> socket.socket:
        if len(self._programs) >= MAX_PROGRAMS:
            raise OSError(errno.EAGAIN, f"{MAX_PROGRAMS} programs run already")
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                checked(ours)
                end = theirs.fileno()
                with _unblocked_signals():
                    process = subprocess.Popen(
                        command.argv, stdin=end, stdout=end, start_new_session=True
                    )
            except OSError:
                ours.close()
                raise
        program = _Program(process, self._loop, self._gone)
        self._programs.add(program)
        self.none_left.clear()
        sock = ProgramSocket(fileno=ours.detach())
        sock.setblocking(False)
        sock.program = program
        return sock


class ProgramSocket(socket.socket):
    """Closing it ends the program at its other end."""

    program: _Program | None = None

    def close(self) -> None:
        super().close()
        program, self.program = self.program, None
        if program is not None:
            program.end()


class _Program:
    def __init__(
        self,
        process: subprocess.Popen[bytes],
        loop: asyncio.AbstractEventLoop,
        gone: Callable[[_Program], None],
    ) -> None:
        self._process = process
        self._loop = loop
        self._gone = gone
        self._signals = [signal.SIGTERM, signal.SIGKILL]
        self._next = 0.0  # when the next signal is due, in the loop's time
        self._look: asyncio.TimerHandle | None = None

    def end(self) -> None:
        self._next = self._loop.time() + GRACE
        self._watch()

    def kill(self) -> None:
        """Now, and wait for it."""
        if self._look is not None:
            self._look.cancel()
        self._send(signal.SIGKILL)
        self._process.wait()
        self._gone(self)

    def _watch(self) -> None:
        if self._process.poll() is not None:
            self._gone(self)
            return
        if self._signals and self._loop.time() >= self._next:
            self._send(self._signals.pop(0))
            self._next = self._loop.time() + GRACE
        self._look = self._loop.call_later(_POLL, self._watch)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended in this very moment
            os.killpg(self._process.pid, number)


@contextmanager
def _unblocked_signals() -> Iterator[None]:
    """The engine's thread under Bochs blocks them all, and a program inherits that for good.

    Meanwhile the kernel still gives signals of the process to its first thread.
    """
    before = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _connect(address: bytes, port: int, source: int) -> tuple[socket.socket, int]:
    sock = open_for(address, socket.SOCK_STREAM)
    errqueue.enable(sock)
    to = family_of(address).name((address, port))
    code = (source and _bind(sock, source)) or sock.connect_ex(to)
    if code == errno.EINPROGRESS:
        code = sock.connect_ex(to)
    if not code and sock.getsockname()[:2] == to:
        # nobody listened there, so it has connected to itself
        code = errno.EADDRINUSE if source else errno.ECONNREFUSED
    return sock, code


def _bind(sock: socket.socket, port: int) -> int:
    """Also where other connections have the port, to elsewhere. What went wrong, or 0."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("", port))
    except OSError as error:
        return error.errno or errno.EIO
    return 0
