"""The end of sockets whose flows have gone: what the kernel has taken, the peer gets.

The guest holds acknowledged what the kernel has taken of it, but much of that may still be on its
way. A reset throws it away; so does the close of a socket with unread input, and whatever the peer
sends to a closed one (RFC 1122 4.2.2.13). So a socket stays open, and its input is read and thrown
away, until the peer's kernel has everything (SIOCOUTQ, tcp(7)); then it is reset, or, where the
guest has sent its FIN, closed once the peer has done so too or is quiet. One that takes longer than
its bound is closed all the same: the kernel then goes on alone, and ends it with FIN where it
should have been RST.

A Unix socket's bytes are with the peer already, and it knows no reset. A program that we have
started must not be ended before it has read what is for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import termios
from struct import Struct

from pynat.host.destinations import ProgramSocket

PATIENCE = 60.0  # seconds (wall) that a socket may stay so while the network goes on
PROGRAM_PATIENCE = 5.0  # the same before a program is asked to end
QUIET = 0.25  # seconds (wall) that the peer says nothing, before a socket with FIN is closed
MAX_SOCKETS = 1024  # such sockets at once; then the oldest goes, and its bytes are the kernel's
_POLL = 0.02  # seconds (wall): no event tells when the queue is empty
_EACH = 100e-6  # the same for each socket, so that many of them do not keep a processor busy
_MAX_READS = 16  # reads of one socket's input between two looks at the others
_MAX_LAST_READS = 512  # the same before it is closed: more than a kernel keeps
_READ = 64 * 1024  # bytes of one of them
_LINGER = Struct("ii")
_INT = Struct("i")


class _Leaving:
    def __init__(
        self, sock: socket.socket, now: float, *, reset: bool, eof: bool, is_unix: bool
    ) -> None:
        self.is_program = isinstance(sock, ProgramSocket)
        self.until = now + (PROGRAM_PATIENCE if self.is_program else PATIENCE)
        self.sock = sock
        self._reset = reset
        self._heard = now  # when its peer last said something
        self._eof = eof
        self._is_unix = is_unix

    def is_over(self, now: float) -> bool:
        """Whether nothing is left to deliver, and the peer does not send to a closed socket."""
        try:
            self._discard(now)
        except OSError:  # the peer has reset it, say
            return True
        if self._is_unix:
            return not self.is_program or not undelivered(self.sock)
        is_quiet = self._reset or self._eof or now - self._heard >= QUIET
        return is_quiet and not undelivered(self.sock)

    def close(self) -> None:
        """Where bytes are left, the kernel goes on with them: a reset would throw them away.

        So would unread input, also what has come since the last look.
        """
        with contextlib.suppress(OSError):
            self._discard(self._heard, _MAX_LAST_READS)
        if self._reset and not undelivered(self.sock):
            reset_on_close(self.sock)
        self.sock.close()

    def _discard(self, now: float, reads: int = _MAX_READS) -> None:
        if self._eof:
            return
        with contextlib.suppress(BlockingIOError):
            for _ in range(reads):
                if not self.sock.recv(_READ):
                    self._eof = True
                    return
                self._heard = now


class Lingering:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: list[_Leaving] = []
        self.none_left = asyncio.Event()
        self.none_left.set()
        self._look: asyncio.TimerHandle | None = None

    @property
    def undelivered(self) -> tuple[int, int]:
        """How many sockets still have something to deliver, and how many bytes."""
        sizes = [size for one in self._open if (size := undelivered(one.sock))]
        return len(sizes), sum(sizes)

    def leave(self, sock: socket.socket, *, reset: bool, eof: bool, is_unix: bool) -> None:
        """Close `sock` once its peer has everything; at once, if it has.

        eof: nothing more can come from the peer.
        """
        now = self._loop.time()
        one = _Leaving(sock, now, reset=reset, eof=eof, is_unix=is_unix)
        if one.is_program:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
        if one.is_over(now):
            one.close()
        else:
            if len(self._open) >= MAX_SOCKETS:
                self.make_room()
            self._open.append(one)
            self.none_left.clear()
            self._watch()

    def make_room(self) -> bool:
        """Leave the oldest to the kernel, for its descriptor; no program, which that would end."""
        oldest = next((one for one in self._open if not one.is_program), None)
        if oldest is None:
            return False
        self._open.remove(oldest)
        oldest.close()
        return True

    def _step(self) -> None:
        """Close those that are done, and those whose time is over."""
        now = self._loop.time()
        over = {one for one in self._open if one.is_over(now) or now >= one.until}
        self._open = [one for one in self._open if one not in over]
        for one in over:
            one.close()

    def close(self) -> None:
        """Now."""
        if self._look is not None:
            self._look.cancel()
        for one in self._open:
            one.close()
        self._open.clear()

    def _watch(self) -> None:
        if self._look is None:
            pause = _POLL + _EACH * len(self._open)
            self._look = self._loop.call_later(pause, self._again)

    def _again(self) -> None:
        self._look = None
        self._step()
        if self._open:
            self._watch()
        else:
            self.none_left.set()


def undelivered(sock: socket.socket) -> int:
    """Bytes, and FIN as one, that the peer's kernel does not have; of a Unix socket, unread."""
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_INT.size))
    except OSError:
        return 0
    return int(_INT.unpack(answer)[0])


def reset_on_close(sock: socket.socket) -> None:
    """The peer sees RST instead of FIN (SO_LINGER with zero time)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
