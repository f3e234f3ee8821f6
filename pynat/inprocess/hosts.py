"""The hosts within the process: which flow ends at which of their services.

A flow whose host is an `InProcessAddress` ends here instead of at a host socket: its
actions are taken out of the stream of actions, and answered with the events that a socket would
give. `tcp` and `udp` say who serves which address and port, and `before` the same with precedence;
port 0 is any port, and the address ANYWHERE is every host that has nothing of its own. What nobody
serves is refused, as by a host where nobody listens.

The policy, where there is one, is asked first about every flow, also about those that lead to a
socket.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

from pynat.inprocess.connection import Connection
from pynat.nat.messages import (
    Action,
    CloseFlow,
    Event,
    GuestDatagram,
    InProcessAddress,
    SocketError,
    TcpAdopt,
    TcpConnect,
    TcpFailed,
    TcpIncoming,
    TcpRead,
    TcpSend,
    TcpShutdown,
    UdpReceived,
    UdpSend,
    UdpSendRun,
)
from pynat.nat.tcp.memory import MemoryBudget
from pynat.wire.addresses import Address, FourTuple

ANYWHERE = b""  # an address that no host has
MAX_VERDICTS = 64  # verdicts on the datagrams of one guest port
_NO_FORWARD = -1


class Verdict(Enum):
    REFUSE = auto()
    DROP = auto()  # never answered at all


@dataclass(frozen=True, slots=True)
class ReceivedDatagram:
    """One of the guest's, and the way back."""

    four_tuple: FourTuple
    payload: bytes
    flow: int
    to: Address
    now: float
    emit: Callable[[Event], None]

    def reply(self, payload: bytes) -> None:
        self.emit(UdpReceived(self.flow, self.to, payload))

    def refuse(self, number: int = errno.ECONNREFUSED) -> None:
        """As a host does where nobody listens, or the path to it for another reason."""
        host = self.to[0] if number == errno.ECONNREFUSED else None
        self.emit(SocketError(self.flow, number, self.to, self.payload, offender=host))


TcpService = Callable[[Connection, float], None]
UdpService = Callable[[ReceivedDatagram], None]
UdpRefused = Callable[[Address], None]
Service = TypeVar("Service", TcpService, UdpService)


@dataclass(frozen=True, slots=True)
class Services:
    """By address and port."""

    tcp: dict[Address, TcpService] = field(default_factory=dict)
    udp: dict[Address, UdpService] = field(default_factory=dict)


class FlowPolicy:
    """Asked about each flow that the guest opens; None leaves it where it leads."""

    def tcp(self, number: int, four_tuple: FourTuple, now: float) -> Verdict | TcpService | None:
        return None

    def udp(self, number: int, four_tuple: FourTuple, now: float) -> Verdict | UdpService | None:
        """About the first datagram from a port of the guest's to this one of the host's."""
        return None


class InProcessHosts:
    def __init__(
        self,
        unhold: Callable[[int], None],
        memory: MemoryBudget,
        before: Services | None = None,
        policy: FlowPolicy | None = None,
        hosts: Iterable[bytes] = (),
    ) -> None:
        """unhold: guest time need not be held for this flow. memory: of all flows together.

        before: these come before `tcp` and `udp`. hosts: have nothing but what is served here.
        """
        self.memory = memory
        self._before = before or Services()
        self._was_short = False
        self.tcp: dict[Address, TcpService] = {}
        self.udp: dict[Address, UdpService] = {}
        self._refused: dict[Address, UdpRefused] = {}
        self._hosts = frozenset(hosts)
        self._policy = policy
        self._unhold = unhold
        self._connections: dict[int, Connection] = {}
        self._calls: dict[int, Connection] = {}  # to the guest, by token
        self._announced: list[int] = []  # tokens that are to be adopted by the next `carry_out`
        self._token = 0
        self._verdicts: dict[int, dict[Address, Verdict | UdpService | None]] = {}
        self._events: list[Event] = []
        self._touched: dict[Connection, None] = {}  # in the order of touching

    # ------------------------------------------------------------------ once a turn
    @property
    def stirs(self) -> bool:
        """Whether there is something to carry out, or an event, that nobody has asked for."""
        relief = self._was_short is not self.memory.is_short
        return bool(self._events or self._touched or self._announced) or relief

    def carry_out(self, actions: list[Action], now: float) -> list[Action]:
        """Do what is ours among `actions`; the rest comes back."""
        rest = [action for action in actions if not self._mine(action, now)]
        if self._announced:
            self._give_up_calls()
        if self._was_short is not self.memory.is_short:
            self._tell_relief()
        while self._touched:
            touched, self._touched = self._touched, {}
            for connection in touched:
                connection.changed(now)
        return rest

    def events(self) -> list[Event]:
        events, self._events = self._events, []
        self._announced = list(self._calls)
        return events

    def serve_tcp(self, place: Address, service: TcpService) -> None:
        self.tcp[place] = service

    def serve_udp(
        self, place: Address, service: UdpService, refused: UdpRefused | None = None
    ) -> None:
        """refused: told of a port of the guest's that takes none of its datagrams."""
        self.udp[place] = service
        if refused is not None:
            self._refused[place] = refused

    def serves_udp(self, place: Address) -> bool:
        return place in self.udp

    def forget_udp(self, place: Address) -> None:
        self.udp.pop(place, None)
        self._refused.pop(place, None)

    def udp_refused(self, host: Address, guest: Address) -> None:
        """The guest says that nobody is at its port, to which `host` has sent."""
        if (told := self._refused.get(host)) is not None:
            told(guest)

    def move_tcp(self, before: Address, after: Address) -> None:
        """What is served at the one place, is from now on served at the other."""
        self.tcp[after] = self.tcp.pop(before)

    def _tell_relief(self) -> None:
        """Once memory is no longer short there is room again, also where nothing is taken now."""
        was_short, self._was_short = self._was_short, self.memory.is_short
        if was_short and not self._was_short:
            for connection in self._connections.values():
                connection.tell_room()
                self.touch(connection)

    # ------------------------------------------------------------------ for connections
    def emit(self, event: Event) -> None:
        self._events.append(event)

    def touch(self, connection: Connection) -> None:
        self._touched[connection] = None

    def forget(self, connection: Connection) -> None:
        self._connections.pop(connection.flow, None)

    # ------------------------------------------------------------------ to the guest
    def call(self, guest: Address, host: Address, *, is_probe: bool = False) -> Connection:
        """Connect to a port of the guest's, which sees `host`. is_probe: as for TcpIncoming."""
        self._token -= 1  # those of forwards are above 0
        connection = self._calls[self._token] = Connection(self, FourTuple(guest, host))
        self.emit(TcpIncoming(_NO_FORWARD, self._token, host, guest, is_probe))
        return connection

    def send(self, guest: Address, host: Address, payload: bytes) -> None:
        self.emit(GuestDatagram(host, guest, payload))

    def _give_up_calls(self) -> None:
        announced, self._announced = self._announced, []
        for token in announced:
            connection = self._calls.pop(token, None)
            if connection is not None:
                connection.over("there are too many flows already (tcp.flows)", broken=True)

    def _adopt(self, action: TcpAdopt) -> bool:
        connection = self._calls.pop(action.token, None)
        if connection is None:
            return False
        connection.adopted(action.flow)
        self._unhold(action.flow)
        if connection.why:
            self.emit(TcpFailed(action.flow, errno.ECONNRESET))  # given up in the meantime
        else:
            self._connections[action.flow] = connection
        return True

    # ------------------------------------------------------------------ actions
    def _mine(self, action: Action, now: float) -> bool:
        match action:
            case TcpSend() | TcpRead() | TcpShutdown() | CloseFlow():
                return self._carry(action, now)
            case UdpSend():
                return self._datagram(action, now)
            case UdpSendRun():
                return self._policy is not None and self._datagrams(action, now)
            case TcpConnect():
                return self._connect(action, now)
            case TcpAdopt():
                return self._adopt(action)
            case _:
                return False

    def _carry(self, action: TcpSend | TcpRead | TcpShutdown | CloseFlow, now: float) -> bool:
        connection = self._connections.get(action.flow)
        match action:
            case CloseFlow(flow, reset, why):
                self._verdicts.pop(flow, None)
                if connection is not None:
                    if self._touched.pop(connection, connection) is None:
                        connection.changed(now)  # what came before the end is told before it
                    self._connections.pop(flow, None)
                    connection.over(why, broken=reset)
            case _ if connection is None:
                pass
            case TcpSend():
                connection.receive(action, now)
            case TcpRead(_, limit):
                connection.allow(limit)
            case TcpShutdown():
                connection.shut()
        return connection is not None

    def _connect(self, action: TcpConnect, now: float) -> bool:
        four_tuple, policy = action.four_tuple, self._policy
        verdict = policy.tcp(action.flow, four_tuple, now) if policy and four_tuple else None
        if verdict is None:
            if not isinstance(action.to, InProcessAddress):
                return False
            verdict = self._who(self._before.tcp, self.tcp, action.to) or Verdict.REFUSE
        self._unhold(action.flow)
        if verdict is Verdict.REFUSE:
            self.emit(TcpFailed(action.flow, errno.ECONNREFUSED))
        elif not isinstance(verdict, Verdict) and four_tuple is not None:
            connection = Connection(self, four_tuple, action.flow)
            self._connections[action.flow] = connection
            verdict(connection, now)
            if not connection.waits:
                connection.accept()
        return True

    def _datagram(self, action: UdpSend, now: float) -> bool:
        four_tuple, policy = action.four_tuple, self._policy
        verdict = (
            self._remembered(action.flow, four_tuple, policy, now)
            if policy and four_tuple
            else None
        )
        if verdict is None:
            if not isinstance(action.to, InProcessAddress):
                return False
            verdict = self._who(self._before.udp, self.udp, action.to) or Verdict.REFUSE
        self._unhold(action.flow)
        if verdict is Verdict.DROP or four_tuple is None:
            return True
        payload = bytes(action.payload)
        datagram = ReceivedDatagram(four_tuple, payload, action.flow, action.to, now, self.emit)
        if isinstance(verdict, Verdict):
            datagram.refuse()
        else:
            verdict(datagram)
        return True

    def _datagrams(self, action: UdpSendRun, now: float) -> bool:
        """Whether the policy says something of them."""
        numbers = range(len(action.payloads))
        return all(self._datagram(action.single(number), now) for number in numbers)

    def _remembered(
        self, flow: int, four_tuple: FourTuple, policy: FlowPolicy, now: float
    ) -> Verdict | UdpService | None:
        known = self._verdicts.setdefault(flow, {})
        if four_tuple.remote not in known:
            if len(known) >= MAX_VERDICTS:
                del known[next(iter(known))]
            known[four_tuple.remote] = policy.udp(flow, four_tuple, now)
        return known[four_tuple.remote]

    def _who(
        self, before: dict[Address, Service], services: dict[Address, Service], to: InProcessAddress
    ) -> Service | None:
        address = to.address
        found = _at(address, before, to) or _at(address, services, to)
        if found is None and address not in self._hosts:
            found = _at(ANYWHERE, services, to)
        return found


def _at(address: bytes, services: dict[Address, Service], to: InProcessAddress) -> Service | None:
    return services.get((address, to.port)) or services.get((address, 0))
