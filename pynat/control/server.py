"""The control socket of one network, for this user alone (docs/control.md).

It lives in the engine's loop, between its turns. Nothing that a client does takes memory without
bound or makes the engine wait: a longer line than allowed is thrown away as it comes and answered
with an error; who does not read its answers is not read from; there are MAX_CLIENTS at most. A
socket that cannot be made is said and costs the network nothing. A hermetic network has one only
where `control` names its path: what comes through it comes when it comes.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pynat.config import Config
from pynat.control import places
from pynat.control.commands import Commands, Counters
from pynat.control.conversation import Conversation
from pynat.control.final import Final
from pynat.control.protocol import MAX_LINE, TOO_LONG, Answer, encode, refusal
from pynat.engine import Engine
from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.host import unix
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.lint.summary import Summary
from pynat.log.notices import Level

MAX_CLIENTS = 16
MAX_REQUESTS_AT_ONCE = 16  # requests of one client
HIGH_WATER = 64 * 1024  # bytes of answers that wait for a client before it is read from again
_ONE_AT_A_TIME = threading.Lock()  # cards with one MAC address would take each other's socket away


@asynccontextmanager
async def controlled(
    engine: Engine,
    config: Config,
    card: str,
    capture: CaptureLink,
    impair: ImpairLink,
    counters: Counters | None = None,
    summary: Callable[[], Summary] | None = None,
) -> AsyncIterator[None]:
    """While the engine runs. `card` names it among others of this process; the rest: Commands."""
    clients: set[_Client] = set()
    commands = Commands(engine, config, card, capture, impair, counters, summary)
    final = Final(engine, commands)
    wanted = "none" if config.hermetic and config.control == "auto" else config.control
    listener = _listener(engine, wanted, card)
    server = None
    if listener is not None:
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: _Client(commands, clients), sock=listener)
    try:
        yield
    finally:
        final.write()
        if server is not None:
            server.close()
        for client in list(clients):
            client.drop()
        await asyncio.sleep(0)  # for the transports to close their sockets


def _listener(engine: Engine, wanted: str, card: str) -> unix.UnixListener | None:
    if wanted == "none":
        return None
    try:
        with _ONE_AT_A_TIME:
            path = places.new_path(card) if wanted == "auto" else Path(wanted).expanduser()
            listener = unix.listen(path, MAX_CLIENTS)
    except OSError as error:
        _complain(engine, f"{error.filename or wanted}: {error.strerror or error}")
    except (ConfigError, RuntimeError) as error:  # RuntimeError: ~ of nobody
        _complain(engine, str(error))
    else:
        engine.notices.say(Level.INFO, f"control socket {path}")
        return listener
    return None


def _complain(engine: Engine, why: str) -> None:
    text = f"no control socket: {why}; pynat ctl cannot reach this network"
    engine.notices.say(Level.ERROR, text)


class _Client(asyncio.Protocol):
    def __init__(self, commands: Commands, others: set[_Client]) -> None:
        self._commands = commands
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._skipping = False  # the rest of a line that is too long
        self._full = False  # it does not read
        self._talk: Conversation | None = None  # what answers later
        self._ended = False  # it sends nothing more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        if len(self._others) >= MAX_CLIENTS:
            transport.write(refusal(f"{MAX_CLIENTS} clients are connected already"))
            transport.close()
        elif unix.user_at(transport.get_extra_info("socket")) not in (0, os.geteuid()):
            transport.close()
        else:
            self._others.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._others.discard(self)
        if self._talk is not None:
            self._talk.stop()
            self._talk = None

    def data_received(self, data: bytes) -> None:
        if self._talk is not None and self._talk.is_stream:
            self._talk.data(data)
            return
        self._received += data
        if self._talk is not None and len(self._received) > MAX_LINE:
            self.drop()  # it asks on and on, and waits for no answer
        else:
            self._answer()

    def eof_received(self) -> bool:
        """What comes without a newline is a request too. Who has only ended waits for answers."""
        self._ended = True
        if self._talk is None and self._received:
            self.data_received(b"\n")
        if self._talk is None or self._is_gone():
            return False
        if self._talk.is_stream:
            self._talk.eof()
        elif self._received:
            self._received += b"\n"
        return True

    def _is_gone(self) -> bool:
        """It has closed its socket, both ways."""
        assert self._transport is not None
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), 0)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def pause_writing(self) -> None:
        self._full = True
        if self._transport is not None and self._talk is None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        if self._talk is not None:
            self._talk.room()
        else:
            self._answer()

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _answer(self) -> None:
        """Some lines, for as long as the client takes the answers; then the network's turn."""
        transport = self._transport
        assert transport is not None
        for _ in range(MAX_REQUESTS_AT_ONCE):
            if self._full or transport.is_closing() or self._talk is not None:
                return
            end = self._received.find(b"\n")
            if end < 0:
                self._keep_waiting(transport)
                return
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            if self._skipping or len(line) > MAX_LINE:
                self._skipping = False
                transport.write(TOO_LONG)
            elif line.strip() and self._begin(transport, self._commands.reply(line)):
                return
        transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._answer)

    # ------------------------------------------------------------------ what takes time
    def _begin(self, transport: asyncio.Transport, answer: bytes | Conversation) -> bool:
        """Whether its end must be waited for."""
        if isinstance(answer, bytes):
            transport.write(answer)
            return False
        self._talk = answer
        if answer.is_stream:
            transport.pause_reading()  # until it has begun
            answer.data(bytes(self._received))
            self._received.clear()
        self._commands.soon(lambda now: self._open(answer, now))
        return True

    def _open(self, talk: Conversation, now: float) -> None:
        if self._talk is talk:  # else the client has left
            talk.begin(self, now)

    def answer(self, answer: Answer) -> None:
        self._end(encode({"ok": True} | answer))

    def refuse(self, why: str) -> None:
        self._end(refusal(harmless(why)))

    def _end(self, last: bytes) -> None:
        self._talk = None
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(last)
            transport.resume_reading()
            asyncio.get_running_loop().call_soon(self._answer)

    def tell(self, answer: Answer) -> bool:
        return self.send(encode({"ok": True} | answer))

    def send(self, data: bytes) -> bool:
        if self._transport is not None:
            self._transport.write(data)
        return not self._full

    def pause(self, paused: bool) -> None:
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def finish(self, *, broken: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if broken:
            self._transport.abort()
        else:
            self._transport.write_eof()

    def _keep_waiting(self, transport: asyncio.Transport) -> None:
        if len(self._received) > MAX_LINE:
            self._skipping = True
        if self._skipping:
            self._received.clear()
        if self._ended:
            transport.close()
        else:
            transport.resume_reading()
