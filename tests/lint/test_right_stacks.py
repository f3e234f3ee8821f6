"""lwIP and gVisor's netstack in virtual time, on a wire and among servers that a seed draws.

What they fetch and push is right, and the linter has nothing against them but what docs/lint.md
explains. That `pynat lint` says the same of the capture, tests/both_ways.py sees to. A seed is the
same each time, to the byte; `make fuzz` takes others.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pynat.net import Net, Stream
from pynat.testing.program import ProgramStack
from pynat.testing.script import pattern
from pynat.testing.servers import sha256
from pynat.testing.virtual import Guest, virtual
from tests.fuzzing import seeds
from tests.linting import unexplained
from tests.netns.network import GUEST
from tests.netns.stacks import STACKS, ZOO, Stack, among_peers

SERVER = "192.0.2.50"
SERVED = 7000  # of the guest
LONG = 600  # seconds of virtual time for all of it
SIZES = (1, 1000, 20_000, 100_000, 300_000)
WHOLE = 65_536

# How often, and what. A wire without any length would have all of a burst at one instant.
FASTEST = "rate 100mbit"
WIRE = (
    (0.5, ("loss 1%", "loss 5%", "loss gemodel 2% 80%")),
    (0.3, ("duplicate 2%", "duplicate 10%")),
    (0.2, ("corrupt 1%",)),
    (
        0.7,
        (
            "delay 5ms",
            "delay 40ms 20ms",
            "delay 80ms 70ms 25%",
            "delay 10ms 9ms distribution pareto",
            "delay 20ms reorder 5%",
            "delay 10ms reorder 50% gap 5",
        ),
    ),
    (0.2, ("rate 2mbit limit 20", "rate 10mbit")),
)
TCP = {
    "window": (1024, 4096, 16_384),
    "mss": (256, 536, 1000),
    "isn": (0, 2**32 - 10),
    "delayed_ack": (0, 0.1, 0.5),
    "sack": (False,),
    "timestamps": (False,),
    "window_scale": (False,),
}
LAGS = (0, 0, 0.0005, 0.003, 0.03)  # seconds at most


def impairments(dice: Random) -> list[str]:
    ways = dice.choice(("", "to-guest", "from-guest", "to-guest from-guest")).split(" ")
    rules = []
    for way in ways:
        parts = [dice.choice(kinds) for often, kinds in WIRE if dice.random() < often]
        rules += [" ".join([way, *parts])] if parts else []
    return rules or [FASTEST]


def settings(dice: Random) -> dict[str, object]:
    return {key: dice.choice(values) for key, values in TCP.items() if dice.random() < 0.15}


class Lagging:
    """A machine whose program is woken late: it then takes all that has come, and its timer."""

    def __init__(self, inner: Guest, dice: Random, most: float) -> None:
        self.inner, self.dice, self.most = inner, dice, most
        self.come: list[bytes] = []
        self.wakes: float | None = None
        self.start, self.to_wire = inner.start, inner.to_wire

    def from_wire(self, frame: bytes, now: float) -> None:
        self.come.append(frame)
        self.wakes = self.wakes or self._late(now)

    def next_timer(self) -> float | None:
        return self.wakes or self.inner.next_timer()

    def on_timer(self, now: float) -> None:
        self.wakes = self.wakes or self._late(now)
        if now < self.wakes:
            return
        self.wakes = None
        come, self.come = self.come, []
        for frame in come:
            self.inner.from_wire(frame, now)
        due = self.inner.next_timer()
        if due is not None and due <= now:
            self.inner.on_timer(now)

    def _late(self, now: float) -> float:
        return now + self.dice.random() ** 4 * self.most


class Servers:
    """Of what the guest does, each with a port of its own: its words, and its line."""

    def __init__(self, net: Net, dice: Random) -> None:
        self.net, self.dice = net, dice
        net.machine(SERVER)
        self.port = 1000
        self.peers = list(among_peers().items())
        self.sent: list[bytes] = []  # to the guest that serves
        self.came_back: list[bytes] = []

    def some(self) -> Iterator[tuple[str, str]]:
        often, seldom = (self.fetch, self.push, self.peer), (self.refused, self.reset, self.dropped)
        for _ in range(self.dice.randint(3, 8)):
            yield self.dice.choice((*often, *often, *seldom))()
        if self.dice.random() < 0.3:
            yield self.serve()

    def add(self, handler: Any) -> str:
        self.port += 1
        self.net.tcp(SERVER, self.port)(handler)
        return f"{SERVER} {self.port}"

    def pace(self) -> tuple[int, float]:
        """Bytes, and seconds after each of those."""
        return self.dice.choice(((WHOLE, 0), (WHOLE, 0), (2000, 0.02), (7000, 0.3), (30_000, 1.2)))

    def fetch(self) -> tuple[str, str]:
        data = pattern(self.dice.choice(SIZES))
        piece, pause = self.pace()

        async def source(stream: Stream) -> None:
            for at in range(0, len(data), piece):
                await stream.write(data[at : at + piece])
                await self.net.sleep(pause)

        verb = self.dice.choice(("fetch", "slow"))
        return f"{verb} {self.add(source)}", f"{len(data)} {sum(data)}"

    def push(self) -> tuple[str, str]:
        data = pattern(self.dice.choice(SIZES))
        piece, pause = self.pace()

        async def sink(stream: Stream) -> None:
            come = b""
            while more := await stream.read(piece):
                come += more
                await self.net.sleep(pause)
            await stream.write(f"{sha256(come)}\n".encode())

        return f"push {self.add(sink)} {len(data)}", sha256(data)

    def peer(self) -> tuple[str, str]:
        return self.dice.choice(self.peers)

    def refused(self) -> tuple[str, str]:
        return f"fetch {SERVER} 1", "refused"

    def dropped(self) -> tuple[str, str]:
        async def resets(stream: Stream) -> None:
            await stream.read(1)
            stream.reset()

        return f"push {self.add(resets)} 1", "refused"

    def reset(self) -> tuple[str, str]:
        async def reads(stream: Stream) -> None:
            while await stream.read(WHOLE):
                pass

        return f"reset {self.add(reads)}", "aborted"

    def serve(self) -> tuple[str, str]:
        data = pattern(self.dice.choice((1, 700, 5000)))
        self.sent.append(data)

        @self.net.at(0)
        async def knock() -> None:
            while self.came_back != self.sent:
                await self.net.sleep(1)
                with contextlib.suppress(ConnectionError):  # it does not listen yet
                    async with await self.net.connect(SERVED) as stream:
                        await stream.write(data)
                        stream.write_eof()
                        self.came_back.append(await stream.readexactly(len(data)))

        return f"serve {SERVED}", "listening\nserved"


def run(stack: Stack, seed: int, capture: Path) -> tuple[str, list[str]]:
    """What the network said, and what the guest must have."""
    dice = Random(f"{stack.name} {seed}")
    net = Net(
        hermetic=True,
        seed=seed,
        capture=str(capture),
        impair=impairments(dice),
        tcp=settings(dice),
        **tomllib.loads(ZOO),
    )
    servers = Servers(net, dice)
    wanted = dict(servers.some())
    with (
        ProgramStack(stack.command(wanted, str(seed))) as program,
        virtual(net.configured(), net) as network,
    ):
        network.run(Lagging(program, dice, dice.choice(LAGS)), LONG)
    assert servers.came_back == servers.sent, network.log
    return network.log, [f"address {GUEST}", *"\n".join(wanted.values()).splitlines()]


@pytest.mark.parametrize("seed", seeds(12))
@pytest.mark.parametrize("stack", STACKS)
def test_all_is_right_and_nothing_is_said_of_them(
    stack: Stack, seed: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log, wanted = run(stack, seed, tmp_path / "net.pcapng")
    assert capfd.readouterr().out.splitlines() == wanted, log
    assert not unexplained(log, stack.name)


@pytest.mark.parametrize("stack", STACKS)
def test_a_seed_is_the_same_each_time(stack: Stack, tmp_path: Path) -> None:
    captures = [tmp_path / name for name in ("one.pcapng", "two.pcapng")]
    for capture in captures:
        run(stack, 1, capture)
    one, two = (capture.read_bytes() for capture in captures)
    assert one == two
