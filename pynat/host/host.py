"""The only sockets to the outside: carries out the engine's actions, reports what comes of them.

`take` takes actions; what comes of them are `events`, some of them before `take` returns (what the
kernel took of a TcpSend). All sockets are non-blocking and watched by the event loop; none outlives
`close`. Nothing here decides anything: every OSError becomes an event with its errno.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import assert_never

from pynat.config import Broadcast, Config
from pynat.host.echo import EchoSockets
from pynat.host.files import Files
from pynat.host.forwards import Forwards
from pynat.host.resolver import Resolver
from pynat.host.tcp import TcpSockets
from pynat.host.udp import UdpSockets
from pynat.nat.host_backend import Outside
from pynat.nat.messages import (
    Action,
    CloseFlow,
    EchoSend,
    FileOpen,
    FileRead,
    FileWrite,
    Resolve,
    TcpAdopt,
    TcpConnect,
    TcpRead,
    TcpSend,
    TcpShutdown,
    UdpAnswer,
    UdpSend,
    UdpSendRun,
)


class Host(Outside):
    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        wake: Callable[[], None],
        fault: Callable[[float], None],
    ) -> None:
        """wake, fault: as for Outside."""
        super().__init__(wake, fault)
        emit = self.emit
        keep = config.nat.keep_ports
        self._tcp = TcpSockets(loop, emit, keep_ports=keep)
        self.send_now = self._tcp.send_now
        room = self._tcp.make_room
        forward = config.udp.broadcast is Broadcast.FORWARD
        self._udp = UdpSockets(loop, emit, broadcast=forward, keep_ports=keep, make_room=room)
        self._echo = EchoSockets(loop, emit, room)
        self._resolver = Resolver(config.dns, loop, emit, make_room=room)
        self.forwards = Forwards(config.backlog, loop, emit, room)
        self._files = Files(config.tftp.root, emit, room)

    def perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case TcpSend():
                    self._tcp.send(action)
                case TcpRead():
                    self._tcp.read(action)
                case UdpSend():
                    self._udp.send(action)
                case UdpSendRun():
                    self._udp.send_run(action)
                case TcpConnect():
                    self._tcp.connect(action)
                case TcpShutdown():
                    self._tcp.shutdown(action)
                case EchoSend():
                    self._echo.send(action)
                case Resolve():
                    self._resolver.start(action)
                case FileOpen() | FileRead() | FileWrite():
                    self._files.perform(action)
                case TcpAdopt():
                    self._tcp.adopt(action.flow, self.forwards.claim(action.token))
                case UdpAnswer():
                    self.forwards.answer(action)
                case CloseFlow():
                    self._tcp.close(action)
                    self._udp.close(action.flow)
                    self._echo.close(action.flow)
                    self._files.close(action.flow)
                case never:
                    assert_never(never)
        self.forwards.reset_unclaimed()

    @property
    def stirs(self) -> bool:
        return super().stirs or self.forwards.has_unclaimed

    def read_at_most(self, octets: int) -> None:
        self._tcp.read_at_most(octets)

    def leave(self) -> None:
        """Nothing new comes in, and no flow goes on."""
        self.forwards.close()
        self._tcp.leave()

    @property
    def undelivered(self) -> tuple[int, int]:
        """TCP connections, and bytes of the guest's in them that their peers do not have yet."""
        return self._tcp.undelivered

    async def finish(self, limit: float) -> None:
        """After `leave`: until that has been delivered, for so many seconds at most."""
        await self._tcp.finish(limit)

    def close(self) -> None:
        self._tcp.close_all()
        self._udp.close_all()
        self._echo.close_all()
        self._resolver.close()
        self._files.close_all()
        self.forwards.close()
