"""The host of a hermetic network: none. No socket is ever opened, no resolver asked.

Whatever would leave the process fails at once as on a machine without a network: connections,
datagrams and pings with ENETUNREACH. Files below the TFTP root are there as always.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from pynat.config import Config, Forward
from pynat.errors import ConfigError
from pynat.host.files import Files
from pynat.nat.host_backend import Outside
from pynat.nat.messages import (
    Action,
    CloseFlow,
    EchoSend,
    FileOpen,
    FileRead,
    FileWrite,
    Resolve,
    Resolved,
    SocketError,
    TcpConnect,
    TcpFailed,
    UdpSend,
    UdpSendRun,
)
from pynat.wire import icmp
from pynat.wire.icmp import Icmp


class NoForwards:
    def open(self, number: int, forward: Forward) -> Forward:
        raise ConfigError(f"forward {forward}: a hermetic network opens no socket of the host")

    def shut(self, number: int) -> None:
        """There is none."""


class HermeticHost(Outside):
    def __init__(
        self, config: Config, wake: Callable[[], None], fault: Callable[[float], None]
    ) -> None:
        """wake, fault: as for Outside."""
        super().__init__(wake, fault)
        self._files = Files(config.tftp.root, self.emit)
        self.forwards = NoForwards()

    def perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case TcpConnect():
                    self.emit(TcpFailed(action.flow, errno.ENETUNREACH))
                case UdpSend():
                    self._unreachable(action.flow, action.to[0], action.to[1], action.payload)
                case UdpSendRun():
                    for payload in action.payloads:
                        self._unreachable(action.flow, *action.to, payload)
                case EchoSend():
                    sent = Icmp(icmp.ECHO_REQUEST, 0, action.ident, action.sequence, action.payload)
                    self._unreachable(action.flow, action.to, 0, icmp.encode(sent))
                case Resolve():
                    self.emit(Resolved(action.query_id, None))
                case FileOpen() | FileRead() | FileWrite():
                    self._files.perform(action)
                case CloseFlow():
                    self._files.close(action.flow)

    undelivered = (0, 0)

    def leave(self) -> None:
        """Nobody is there who could be left."""

    async def finish(self, limit: float) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        self._files.close_all()

    def _unreachable(self, flow: int, address: bytes, port: int, payload: bytes) -> None:
        self.emit(SocketError(flow, errno.ENETUNREACH, (address, port), payload))
