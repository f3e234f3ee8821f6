"""What a flow asks of its host socket: one send at a time, no more to read than it can keep."""

from __future__ import annotations

from collections.abc import Callable

from pynat.nat.messages import (
    Action,
    CloseFlow,
    Destination,
    TcpConnect,
    TcpRead,
    TcpSend,
    TcpSent,
    TcpShutdown,
)
from pynat.nat.tcp.receive import Receiver
from pynat.nat.tcp.send import Sender
from pynat.wire.addresses import FourTuple

SendNow = Callable[[int, bytes], TcpSent | None]


class HostRequests:
    __slots__ = ("_actions", "_allowance", "_number", "_offered", "open")

    def __init__(self, number: int) -> None:
        self.open = True  # the socket may still have to be closed
        self._number = number
        self._actions: list[Action] = []
        self._allowance = 0  # bytes that the host may still read
        self._offered = 0  # bytes of the TcpSend that is unanswered or was not taken whole

    def connect(self, to: Destination, four_tuple: FourTuple) -> None:
        self._actions.append(TcpConnect(self._number, to, four_tuple))

    def offer(self, receiver: Receiver) -> None:
        if receiver.held and not self._offered:
            self._offered = receiver.held
            self._actions.append(TcpSend(self._number, [*receiver.chunks], receiver.urgent_at))

    def pass_on(self, receiver: Receiver, send: SendNow) -> TcpSent | None:
        """As `offer` of a single piece, where the host takes it at once; else None."""
        if len(receiver.chunks) != 1 or self._offered or not self.open:
            return None
        sent = send(self._number, receiver.chunks[0])
        if sent is not None:
            self._offered = receiver.held
        return sent

    def taken(self, count: int) -> None:
        if count == self._offered:
            self._offered = 0  # else `writable` will say when to go on

    def writable(self) -> None:
        self._offered = 0

    def received(self, count: int) -> None:
        self._allowance -= count

    def allow_reading(self, sender: Sender, share: int) -> None:
        """share: what may be buffered. Where it has shrunk, what was allowed is taken back.

        Whole segments are allowed, or the last read makes a short one.
        """
        segment, capacity = sender.mss, min(sender.capacity, share)
        room = max(0, capacity - sender.buffered)
        whole = room - room % segment if capacity > segment else room
        if whole - self._allowance >= capacity // 4 or room < self._allowance:
            self._allowance = whole
            self._actions.append(TcpRead(self._number, whole, segment))

    def shut_down(self) -> None:
        self._actions.append(TcpShutdown(self._number))

    def close(self, why: str, *, reset: bool) -> None:
        if self.open:
            self.open = False
            self._actions.append(CloseFlow(self._number, reset, why))

    def lost(self) -> None:
        """The socket is gone already."""
        self.open = False

    def actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions
