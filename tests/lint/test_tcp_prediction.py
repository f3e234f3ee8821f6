"""The short way of an expected segment (`Prediction`) does what the long way does.

Two linters see the same frames; to one of them no frame is like those before. What they find and
count is the same, and so is all that is left in both.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from enum import Enum
from random import Random
from typing import Any, NamedTuple

import pytest

from pynat.config import Config
from pynat.lint.frame import Finding
from pynat.lint.linter import Linter
from pynat.lint.span import Span
from pynat.lint.tcp.connection import Connection
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet, ipv4, tcp
from pynat.wire.arp import Arp
from pynat.wire.tcp import ACK, FIN, PSH, RST, SYN, URG, Options, Segment
from tests.fuzzing import seeds

CONFIG = Config()
GUEST, PEER = bytes((192, 168, 16, 2)), bytes((192, 0, 2, 7))
ROUTER_MAC = CONFIG.network.mac
PORTS = 50_000, 80
ISN = 0xFFFF_FA00, 0x7FFF_FF00  # soon beyond 2^32, and 2^31
SPACE = 0xFFFF_FFFF
SYNS = Options(1460), Options(1460, 3, sack_permitted=True, timestamps=(100, 0))


class Said(NamedTuple):
    """A segment beside the expected one, and its frame."""

    by_guest: bool
    flags: int = ACK
    length: int = 0
    after: float = 0.0001  # seconds
    took: float = 0.0  # seconds in which it was on the wire
    aside: int = 0  # of the number expected
    acked: float = 1  # of what is not acknowledged
    window: int = 65_000
    eats: bool = True  # the window's edge moves with what is acknowledged
    age: int = 0  # of the timestamp
    echo: int = 0  # beside the newest one
    stamps: bool = True  # where the SYNs agreed on them; else where they did not
    sack: tuple[tuple[int, int], ...] = ()
    ident: int = 1  # beside the one before
    ttl: int = 64
    df: bool = True
    padding: int | None = None  # bytes; None: up to the shortest frame
    spoilt: int | None = None  # the byte of the frame that is another


class Pair:
    """Two linters, and the talk of a guest with its peer. `which` is 0 for the guest, else 1."""

    def __init__(self, syn: Options) -> None:
        self.linters = Linter(CONFIG), Linter(CONFIG, short_ways=False)
        self.found = [Counter[str](), Counter[str]()]
        self._stamped = syn.timestamps is not None
        self._now = 1.0
        self._clock = 100.0
        self._next = [*ISN]  # behind what each has sent
        self._acked = [*ISN]  # of what each has sent
        self._edge = [0, 0]  # that each has announced
        self._stamp = [100, 100]
        self._ident = 0
        question = Arp(arp.REQUEST, GUEST_MAC, GUEST, bytes(6), PEER)
        answer = Arp(arp.REPLY, ROUTER_MAC, PEER, GUEST_MAC, GUEST)
        self._show(
            0, ethernet.encode(ethernet.BROADCAST, GUEST_MAC, ethernet.ARP, arp.encode(question))
        )
        self._show(1, ethernet.encode(GUEST_MAC, ROUTER_MAC, ethernet.ARP, arp.encode(answer)))
        self._send(0, Said(True), SYN, b"", syn)
        self._send(1, Said(False), SYN | ACK, b"", syn)
        self._send(0, Said(True), ACK, b"", self._stamps(0, Said(True)))

    def say(self, one: Said) -> None:
        which = 0 if one.by_guest else 1
        self._now += one.after
        self._clock += one.after * 1000
        self._send(which, one, one.flags, bytes(one.length), self._stamps(which, one))

    def _stamps(self, which: int, one: Said) -> Options:
        if one.stamps != self._stamped:
            return Options(sack=one.sack)
        self._stamp[which] = max(self._stamp[which], int(self._clock))
        stamps = self._stamp[which] - one.age, self._stamp[1 - which] + one.echo
        return Options(timestamps=(stamps[0] & SPACE, stamps[1] & SPACE), sack=one.sack)

    def _send(self, which: int, one: Said, flags: int, data: bytes, options: Options) -> None:
        other = 1 - which
        waiting = (self._next[other] - self._acked[other]) & SPACE
        ack = (self._acked[other] + int(waiting * one.acked)) & SPACE
        if 0 <= one.acked <= 1:
            self._acked[other] = ack
        seq = (self._next[which] + one.aside) & SPACE
        if not one.eats:
            window = (self._edge[which] - ack) & SPACE
            one = one._replace(window=window if window < 65_536 else 0)
        self._edge[which] = (ack + one.window) & SPACE
        ports = PORTS if one.by_guest else PORTS[::-1]
        urgent = 3 if flags & URG else 0
        ack = ack if flags & ACK else 0
        segment = Segment(*ports, seq, ack, flags, one.window, data, options, urgent)
        if one.aside >= 0 and one.spoilt is None:
            self._next[which] = (seq + segment.length) & SPACE
        ends = (GUEST, PEER) if one.by_guest else (PEER, GUEST)
        self._ident = (self._ident + one.ident) & 0xFFFF
        packet = ipv4.encode(
            *ends,
            ipv4.TCP,
            tcp.encode(*ends, segment),
            ident=self._ident,
            ttl=one.ttl,
            dont_fragment=one.df,
        )
        macs = (ROUTER_MAC, GUEST_MAC) if one.by_guest else (GUEST_MAC, ROUTER_MAC)
        frame = bytearray(ethernet.encode(*macs, ethernet.IPV4, packet))
        frame += bytes(max(0, 60 - len(frame)) if one.padding is None else one.padding)
        if one.spoilt is not None:
            frame[one.spoilt % len(frame)] ^= 0x40
        self._show(which, bytes(frame), one.took)

    def _show(self, which: int, frame: bytes, took: float = 0.0) -> None:
        span = Span(self._now - took, self._now)
        found = [
            linter.to_guest(frame, span) if which else linter.from_guest(frame, span)
            for linter in self.linters
        ]
        assert found[0] == found[1]
        self._note(found)

    def _note(self, found: list[list[Finding]]) -> None:
        for counter, each in zip(self.found, found, strict=True):
            counter.update(one.rule.code for one in each)

    def left(self) -> tuple[Any, Any]:
        short, long = ((linter.counts(), state(linter._tcp)) for linter in self.linters)
        return short, long

    def asked(self) -> None:
        """Somebody asks what is overdue."""
        found = [linter.overdue(self._now) for linter in self.linters]
        assert found[0] == found[1]

    def end(self) -> None:
        found = [linter.end(self._now + 1) for linter in self.linters]
        assert found[0] == found[1]


LEFT_OUT = {"_tally", "_prediction", "expected"}


def state(thing: Any) -> list[Any]:
    """All that is in it, but for what is counted, and what only the short way knows."""
    seen = set[int]()

    def walk(thing: Any) -> Any:
        if isinstance(thing, dict):
            return [(walk(key), walk(value)) for key, value in thing.items()]
        if type(thing) is tuple or isinstance(thing, deque | list | set):
            return [walk(one) for one in thing]
        ours = type(thing).__module__.startswith("pynat.lint")
        if callable(thing) or not ours or isinstance(thing, Enum | tuple):
            return thing
        if id(thing) in seen:
            return None
        seen.add(id(thing))
        names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
        return [(name, walk(getattr(thing, name))) for name in names if name not in LEFT_OUT]

    return [walk(thing)]


LENGTHS = 0, 1, 50, 600, 1448, 1460
USUAL: dict[str, Sequence[Any]] = {
    "by_guest": (True, False),
    "flags": (ACK, ACK, ACK | PSH),
    "length": LENGTHS,
    "after": (0.0, 0.0001, 0.0001, 0.002),
    "acked": (1, 1, 1, 0),
    "eats": (True, True, False),
}
UNUSUAL: dict[str, Sequence[Any]] = {
    "flags": (ACK | FIN, ACK | URG, RST | ACK, RST, PSH, SYN, SYN | ACK, 0xD0),
    "after": (0.015, 0.3, 0.7, 3.5, 11.0, 31.0, 61.0),
    "took": (0.0005, 0.02, 1.0),
    "aside": (-1, 1, 50, -50, -1448, -1460, -2908, 1448, 100_000, 1 << 31),
    "acked": (0.5, 1.5, -0.5, 0.999, 1000),
    "window": (0, 1, 100, 1459, 30_000, 65_535),
    "age": (-1, 1, 50, 1 << 20, -1 << 31),
    "echo": (-1, 1, -50, 1 << 20),
    "stamps": (False,),
    "sack": (((1, 100),), ((ISN[0] + 1, ISN[0] + 51),)),
    "ident": (0, 256, 0xFFFF),
    "ttl": (0, 1, 31, 255),
    "df": (False,),
    "padding": (0, 1, 40),
    "spoilt": range(100),
}


def drawn(dice: Random, oddly: float) -> Said:
    """oddly: how often something of it is unusual."""
    fields = {name: dice.choice(choices) for name, choices in USUAL.items()}
    if dice.random() < oddly:
        odd = dice.choice([*UNUSUAL])
        fields[odd] = dice.choice(UNUSUAL[odd])
    return Said(**fields)


GUESTS, PEERS = Said(True), Said(False)
TEXT = GUESTS._replace(length=1448, flags=ACK | PSH)
MORE = PEERS._replace(length=500, flags=ACK | PSH)
ENDS = PEERS._replace(flags=ACK | FIN)
STORIES: list[list[Said]] = [
    [TEXT, PEERS, TEXT, PEERS],
    [MORE, GUESTS, MORE, GUESTS._replace(after=0.2), MORE, MORE, GUESTS],
    [MORE, TEXT, MORE, TEXT._replace(length=1), MORE, GUESTS],
    [TEXT, TEXT, TEXT, PEERS, PEERS, TEXT, PEERS._replace(acked=0.5), PEERS],
    [MORE, GUESTS, GUESTS, GUESTS, MORE, GUESTS._replace(acked=0), GUESTS],
    [TEXT, PEERS, PEERS, GUESTS, PEERS, GUESTS, PEERS, GUESTS, TEXT],
    [TEXT, TEXT._replace(aside=-1448), PEERS, TEXT, PEERS],
    [TEXT._replace(aside=1448), PEERS, TEXT._replace(aside=-2896), PEERS, TEXT, PEERS],
    [MORE._replace(aside=500), GUESTS, MORE._replace(aside=-1000), GUESTS, MORE, GUESTS],
    [TEXT, PEERS._replace(window=0), TEXT._replace(length=1), PEERS, TEXT, PEERS],
    [MORE, GUESTS._replace(window=0), MORE._replace(length=1), GUESTS, MORE, GUESTS],
    [TEXT, PEERS, GUESTS._replace(aside=-1, after=11), PEERS, TEXT, PEERS],
    [TEXT, PEERS, TEXT._replace(flags=ACK | FIN), PEERS, MORE, GUESTS, ENDS, GUESTS],
    [MORE._replace(flags=ACK | FIN), GUESTS, TEXT, PEERS, TEXT, PEERS],
    [TEXT, PEERS._replace(flags=RST), TEXT, PEERS, TEXT],
    [TEXT._replace(flags=RST | ACK), TEXT, PEERS, TEXT],
    [TEXT, PEERS, TEXT._replace(after=31), PEERS, TEXT, GUESTS._replace(after=31), PEERS, GUESTS],
    [TEXT._replace(age=5), PEERS, TEXT._replace(echo=1), PEERS, TEXT._replace(after=4, age=4000)],
    [TEXT._replace(stamps=False), PEERS, TEXT, PEERS._replace(stamps=False), TEXT, PEERS],
    ([TEXT] * 20 + [PEERS._replace(eats=False)]) * 2 + [TEXT] * 8,
    [TEXT, *[MORE._replace(acked=0, after=0.77), GUESTS] * 40],
    [GUESTS._replace(window=2000), *[MORE] * 6, GUESTS, MORE, GUESTS],
    [TEXT._replace(flags=ACK | FIN), PEERS, TEXT, PEERS],
    [TEXT._replace(aside=1448), TEXT, PEERS._replace(acked=0), TEXT, PEERS],
    [*[TEXT] * 3, TEXT._replace(aside=-4344, after=0.7), PEERS._replace(acked=0.5), TEXT, PEERS],
    [GUESTS._replace(window=500), MORE, GUESTS._replace(window=0), MORE],
    [TEXT._replace(df=False, ident=0), PEERS, TEXT._replace(df=False, ident=0), PEERS],
    [TEXT._replace(ttl=3), PEERS, TEXT._replace(spoilt=80), PEERS, TEXT, PEERS],
    [GUESTS._replace(padding=0), MORE, GUESTS._replace(padding=3), MORE, GUESTS],
    [TEXT._replace(flags=ACK), MORE] * 6,
    [TEXT._replace(length=20, flags=ACK, acked=0)] * 60,
    [MORE, GUESTS._replace(eats=False), MORE._replace(length=77), GUESTS._replace(eats=False)] * 4,
    [MORE._replace(length=1448), GUESTS._replace(acked=0.999)] * 5,
    [MORE, GUESTS._replace(window=1000), MORE, GUESTS._replace(window=1001)] * 5,
    [GUESTS._replace(sack=((1, 100),)), MORE, GUESTS, PEERS._replace(sack=((1, 9),)), TEXT, PEERS],
    [MORE, MORE._replace(aside=-500), MORE, GUESTS._replace(after=0.001), MORE, GUESTS] * 2,
]  # fmt: skip


@pytest.mark.parametrize("syn", SYNS)
@pytest.mark.parametrize("story", STORIES)
def test_where_the_expected_segment_ends(syn: Options, story: list[Said]) -> None:
    tell(syn, [TEXT, PEERS, MORE, GUESTS, *story, TEXT, PEERS, MORE, GUESTS])


@pytest.mark.parametrize("syn", SYNS)
def test_full_segments_and_more(syn: Options) -> None:
    full, more = (TEXT._replace(length=length) for length in (1000 - 12, 1001))
    tell(syn._replace(mss=1000), [full, full, PEERS, full, PEERS, more, PEERS, full, PEERS])
    tell(syn._replace(mss=1000), [full, full, PEERS, full._replace(length=995), PEERS])


@pytest.mark.parametrize("syn", SYNS)
def test_one_that_never_pushes(syn: Options) -> None:
    tell(syn, [TEXT._replace(length=50, flags=ACK), MORE] * 8)


def test_the_short_way_does_what_the_long_one_does() -> None:
    for seed in seeds(60):
        dice = Random(seed)
        oddly = dice.choice((0.02, 0.1, 0.3))
        tell(SYNS[seed % 2], [drawn(dice, oddly) for _ in range(40)])


def tell(syn: Options, story: list[Said]) -> None:
    pair = Pair(syn)
    for number, one in enumerate(story):
        pair.say(one)
        if number % 7 == 6:
            pair.asked()
        short, long = pair.left()
        assert short == long, story[: number + 1]
    pair.end()


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Segment]:
    """Segments that went the long way."""
    segments: list[Segment] = []
    for name in ("from_guest", "to_guest"):
        monkeypatch.setattr(Connection, name, noting(getattr(Connection, name), segments))
    return segments


def noting(look: Any, segments: list[Segment]) -> Any:
    def looking(connection: Connection, segment: Segment, *rest: Any) -> None:
        segments.append(segment)
        look(connection, segment, *rest)

    return looking


@pytest.mark.parametrize("syn", SYNS)
@pytest.mark.parametrize(
    "turn",
    [[TEXT, PEERS], [MORE, GUESTS], [MORE, TEXT], [TEXT, TEXT, PEERS], [MORE, MORE, GUESTS]],
)
def test_turns_take_the_short_way(looked_at: list[Segment], syn: Options, turn: list[Said]) -> None:
    pair = Pair(syn)
    for one in turn * 26:  # by then it is told that one segment goes at a time
        pair.say(one)
    looked_at.clear()
    for one in turn * 20:
        pair.say(one)
    assert len(looked_at) == 20 * len(turn)  # those of the linter that has no short way
    first, second = pair.left()
    assert first == second
    assert {code for code in pair.found[0] if code.startswith("TCP")} <= {"TCP139"}
