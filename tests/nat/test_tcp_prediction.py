"""The short way of a lone segment (`Flow.expects`) does what the long way does.

Two networks that are told the same: to one of them no segment is the expected one. What comes to
the guest and to the host is the same, and so is all that is left in both.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynat.config import Config
from pynat.nat.messages import (
    Action,
    TcpEof,
    TcpFailed,
    TcpRead,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpWritable,
)
from pynat.nat.tcp.flow import Flow
from pynat.nat.tcp.parameters import Item
from pynat.nat.tcp.seq import wrap
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import established, pattern
from pynat.wire import ethernet, ipv4, tcp
from pynat.wire.tcp import ACK, FIN, PSH, RST, URG, Options, Segment

CONFIG = Config()
GUEST, REMOTE = CONFIG.network.guest.packed, bytes((192, 0, 2, 7))
STAMPED = "S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,wscale 3>"
SYNS = ("S 0:0(0) <mss 1460>", STAMPED)
SMALL = 30_000  # bytes of all flows: soon short


class Sent(NamedTuple):
    """A segment of the guest's, or some, beside the expected one."""

    flags: int
    length: int
    aside: int = 0
    acked: float = 1  # of what the guest has not acknowledged
    window: int = 65_000
    age: int = 0  # of the timestamp
    times: int = 1


class Unpredicted(Flow):
    __slots__ = ()

    def expects(self, *_: Any) -> bool:
        return False


class Net(Lab):
    """Whose frames come as an engine has them, and whose kernel takes bytes at once."""

    def __init__(self, config: Config, flow_type: type[Flow]) -> None:
        super().__init__(config)
        self.router.tcp.flow_type = flow_type
        self.router.tcp.send_by(self._send_now)
        self.takes_later = False  # what it is given at once, it leaves
        self.taken_at_once = 0
        self.urgent: list[int] = []  # numbers of bytes

    def _send_now(self, flow: int, data: bytes) -> TcpSent | None:
        if self.takes_later:
            return None
        self.taken_at_once += 1
        return self._send(TcpSend(flow, [data]))

    def _send(self, action: TcpSend) -> TcpSent:
        if action.urgent is not None:
            self.urgent.append(len(self.host_bytes[action.flow]) + action.urgent)
        return super()._send(action)

    def take(self, frames: list[bytes]) -> None:
        """All in one turn."""
        at = 0
        while at < len(frames):
            at += self.router.run_from_guest(frames, at, self.now)
        self.turn()

    @property
    def flow(self) -> Flow | None:
        return next(self.router.tcp.flows(), None)

    def left(self) -> tuple[Any, ...]:
        """What comes of all so far, and what is left."""
        table, output = self.router.tcp, self.router.output
        flow, memory, hold = self.flow, table.memory, output.time_hold
        asked = [one for one in self.to_host() if not isinstance(one, TcpSend)]
        rest = self.next_timer(), memory.used, memory.share, hold.until(), len(hold._owed)
        came = bytes(self.host_bytes[flow.number]) if flow else b""
        said = self.to_guest(), asked, came, self.urgent, self.log, self.drops
        return *said, rest, flow and state(flow)


def state(thing: Any) -> Any:
    """All that is in it."""
    if callable(thing):
        return None
    ours = type(thing).__module__.startswith(("pynat.", __name__))
    if not ours or isinstance(thing, Enum | tuple):
        return thing
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    values = {name: getattr(thing, name, None) for name in names} or vars(thing)
    return {name: state(value) for name, value in values.items()}


def frame(segment: Segment) -> bytes:
    packet = ipv4.encode(GUEST, REMOTE, ipv4.TCP, tcp.encode(GUEST, REMOTE, segment))
    return ethernet.encode(CONFIG.network.mac, GUEST_MAC, ethernet.IPV4, packet)


class Pair:
    def __init__(self, syn: str, config: Config) -> None:
        self.nets = Net(config, Flow), Net(config, Unpredicted)
        for net in self.nets:
            self.stamped = "TS" in syn
            script = established(net, syn)
            self.ports = script.guest_port, script.remote_port
        self.clock = 100

    def left(self) -> list[Any]:
        """What the last story has come to, by the short way and by the long one."""
        return [net.left() for net in self.nets]

    def segments(self, *drawn: Sent) -> None:
        """All in one turn."""
        flow = self.nets[1].flow
        if flow is None:
            return
        frames, seq = [], flow.receiver.nxt
        for one in drawn:
            self.clock += 1
            for _ in range(one.times):
                frames.append(self._frame(flow, one, seq))
                seq += one.length
        for net in self.nets:
            net.take(frames)

    def _frame(self, flow: Flow, one: Sent, seq: int) -> bytes:
        sender = flow.sender
        ack = sender.una + int((sender.top - sender.una) * one.acked)
        stamps = (wrap(self.clock - one.age), sender.iss) if self.stamped else None
        numbers = wrap(seq + one.aside), wrap(ack), one.flags, one.window
        text, urgent = pattern(one.length, seq), 800 if one.flags & URG else 0
        return frame(Segment(*self.ports, *numbers, text, Options(timestamps=stamps), urgent))

    def host(self, what: str, number: int) -> None:
        for net in self.nets:
            flow = net.flow
            match what:
                case _ if flow is None:
                    pass
                case "says" if not flow.sender.fin_queued:
                    net.from_host(TcpReceived(flow.number, pattern(number)))
                case "ends":
                    net.from_host(TcpEof(flow.number))
                case "fills":
                    net.room = number
                case "drains":
                    net.room = None
                    net.from_host(TcpWritable(flow.number))
                case "takes later":
                    net.takes_later = bool(number)
                case "fails":
                    net.from_host(TcpFailed(flow.number, errno.ECONNRESET))
                case "waits":
                    net.wait(number / 1000)


LENGTHS = 0, 1, 50, 700, 1460
usual: dict[str, Any] = {
    "flags": st.sampled_from((ACK, ACK, ACK | PSH)),
    "length": st.sampled_from(LENGTHS),
    "aside": st.just(0),
    "acked": st.sampled_from((0, 1, 1, 0.5)),
    "window": st.sampled_from((65_000, 65_000, 65_000, 700)),
    "age": st.just(0),
    "times": st.just(1),
}
unusual: dict[str, Any] = {
    "flags": st.sampled_from((ACK | FIN, ACK | URG, ACK | URG, RST | ACK, PSH)),
    "aside": st.sampled_from((-1, 1, 50, 700, -700, 1460, 100_000)),
    "acked": st.sampled_from((1.5, -0.5)),
    "window": st.sampled_from((0, 1)),
    "age": st.sampled_from((50, 1 << 20)),
    "times": st.sampled_from((2, 3)),
}
as_ever = st.builds(Sent, **usual)
anything = st.one_of(as_ever, *(st.builds(Sent, **usual | {odd: unusual[odd]}) for odd in unusual))
says = st.tuples(st.just("says"), st.sampled_from((1, 50, 3000, 20_000)))
fills = st.tuples(st.just("fills"), st.sampled_from((0, *LENGTHS)))
others = st.sampled_from((("drains", 0), ("takes later", 0), ("takes later", 1), ("waits", 50)))
ends = st.sampled_from((("ends", 0), ("fails", 0), ("waits", 20_000), ("waits", 601_000)))
steps = st.one_of(
    *[st.tuples(st.just("segments"), st.tuples(as_ever))] * 4,
    *[st.tuples(st.just("segments"), st.tuples(anything))] * 2,
    st.tuples(st.just("segments"), st.tuples(anything, anything)),
    *(says, says, fills, others, others, ends),
)


def segments(*sent: Sent) -> tuple[str, tuple[Sent, ...]]:
    return "segments", sent


EMPTY, LITTLE, FULL = Sent(ACK, 0), Sent(ACK, 50), Sent(ACK, 1460)
AGAIN = segments(EMPTY._replace(acked=0))
STORIES: list[list[tuple[str, Any]]] = [
    [("says", 50), AGAIN, AGAIN, AGAIN],
    [("says", 50), segments(LITTLE._replace(acked=1.5)), segments(LITTLE)],
    [("says", 50), segments(EMPTY), segments(LITTLE._replace(acked=-0.5)), segments(LITTLE)],
    [("says", 3000), segments(LITTLE._replace(acked=0.5)), ("waits", 50), segments(EMPTY)],
    [segments(LITTLE, LITTLE), segments(LITTLE._replace(times=3)), ("waits", 50)],
    [segments(LITTLE), ("waits", 50), segments(LITTLE), ("waits", 601_000)],
    [segments(LITTLE), segments(LITTLE._replace(age=50)), segments(LITTLE._replace(age=2))],
    [segments(LITTLE._replace(flags=ACK | URG)), segments(FULL), segments(FULL)],
    [segments(EMPTY._replace(flags=ACK | FIN, aside=1460)), segments(FULL)],
    [segments(LITTLE._replace(aside=50)), segments(LITTLE), segments(LITTLE)],
    [segments(LITTLE._replace(aside=-1)), segments(LITTLE._replace(aside=1))],
    [("fills", 50), segments(LITTLE), segments(LITTLE), ("drains", 0), segments(LITTLE)],
    [("fills", 1), segments(LITTLE), segments(LITTLE), ("drains", 0), segments(LITTLE)],
    [("takes later", 1), ("fills", 1), segments(LITTLE), segments(LITTLE), ("drains", 0)],
    [("ends", 0), segments(EMPTY), segments(LITTLE), segments(LITTLE._replace(flags=ACK | FIN))],
    [segments(EMPTY._replace(flags=ACK | FIN)), segments(EMPTY), ("says", 50), segments(EMPTY)],
    [("says", 20_000), ("fails", 0), segments(LITTLE), segments(EMPTY)],
    [segments(LITTLE._replace(window=0)), ("says", 50), ("waits", 20_000), segments(LITTLE)],
    [segments(FULL._replace(times=60)), segments(FULL)],
]


@pytest.mark.parametrize("syn", SYNS)
@pytest.mark.parametrize("delayed_ack", [0.0, 0.1])
@pytest.mark.parametrize("story", STORIES)
def test_where_the_expected_segment_ends(
    syn: str, delayed_ack: float, story: list[tuple[str, Any]]
) -> None:
    tell(syn, delayed_ack, CONFIG.tcp.memory, story)


@given(
    st.sampled_from(SYNS),
    st.sampled_from((0.0, 0.1)),
    st.sampled_from((CONFIG.tcp.memory, SMALL)),
    st.lists(steps, min_size=10, max_size=30),
)
@settings(max_examples=200)
def test_the_short_way_does_what_the_long_one_does(
    syn: str, delayed_ack: float, memory: int, story: list[tuple[str, Any]]
) -> None:
    tell(syn, delayed_ack, memory, story)


def tell(syn: str, delayed_ack: float, memory: int, story: list[tuple[str, Any]]) -> None:
    chosen = replace(CONFIG.tcp, delayed_ack=delayed_ack, memory=memory)
    pair = Pair(syn, replace(CONFIG, tcp=chosen))
    for what, which in story:
        if what == "segments":
            pair.segments(*which)
        else:
            pair.host(what, which)
        short, long = pair.left()
        assert short == long


@pytest.mark.parametrize("syn", SYNS)
def test_a_lone_segment_takes_the_short_way(syn: str) -> None:
    pair = Pair(syn, CONFIG)
    for _ in range(3):
        pair.segments(Sent(ACK | PSH, 1000))
    pair.host("says", 500)
    pair.segments(Sent(ACK, 0))
    pair.segments(Sent(ACK, 1000, times=3))
    assert [net.taken_at_once for net in pair.nets] == [4, 0]
    short, long = pair.left()
    assert short == long


def test_nothing_is_asked_of_the_host_then() -> None:
    pair = Pair(SYNS[0], CONFIG)
    pair.segments(Sent(ACK | PSH, 1000))
    short, long = pair.nets
    assert [kinds(net.to_host()) for net in (short, long)] == [[], [TcpSend]]
    assert len(short.to_guest()) == len(long.to_guest()) == 1
    assert short.flow is not None
    segment = pair._frame(short.flow, Sent(ACK | PSH, 1000), short.flow.receiver.nxt)
    assert short.router.run_from_guest([segment], 0, short.now) == 1
    assert not short.router.tcp.asks


def kinds(actions: list[Action]) -> list[type[Action]]:
    return [type(one) for one in actions if not isinstance(one, TcpRead)]


def test_a_host_that_looks_at_segments_sees_all() -> None:
    pair = Pair(SYNS[0], CONFIG)
    for net in pair.nets:
        assert net.flow is not None
        net.flow.filter = Deaf()
        net.to_guest()
    pair.segments(Sent(ACK | PSH, 1000))
    assert [net.taken_at_once for net in pair.nets] == [0, 0]
    short, long = pair.left()
    assert short == long


class Deaf:
    """Between a flow and the guest."""

    def from_guest(self, segment: Segment) -> bool:
        return False

    def to_guest(self, items: list[Item], received: int) -> list[tuple[Item, str]]:
        return [(item, "") for item in items]
