"""The table of what is measured, of whom, and of the goals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benchmarks import bochs, boot_loaders, flows, idle, linting, starts
from benchmarks.acks import ack
from benchmarks.back_ends import BackEnd, Opener
from benchmarks.bochs import Booted
from benchmarks.bochs_guest import MIB, SIZE, SMALL_REQUESTS
from benchmarks.connections import connections
from benchmarks.flows import COUNTS, Flows
from benchmarks.pings import late, ping
from benchmarks.results import Cell, Goal, Group, Row
from benchmarks.starts import Start
from benchmarks.streams import FROM_GUEST, TO_GUEST, tcp, throughput, udp
from benchmarks.turns import echo, step
from tests.netns.lwip.build import guest_program

JUMBO = 65_520  # pasta's own choice
DIRECTIONS = {"from-guest": FROM_GUEST, "to-guest": TO_GUEST}
WORDS = {"from-guest": "guest to host", "to-guest": "host to guest"}
TRUE_FRAMES = {"from-guest": 3.0, "to-guest": 1.0}  # of slirp4netns's


def _flows(number: int) -> str:
    return f"{number:,} flow{'s' * (number > 1)}"


# ---------------------------------------------------------------------- TCP and UDP
def _tcp(direction: str, number: int) -> Row[BackEnd]:
    goals = [
        Goal("pynat", "slirp4netns", at_least=TRUE_FRAMES[direction]),
        Goal("pynat offload", "slirp4netns", at_least=4.0),
    ]
    if number == 1:
        goals.append(_beside_pasta(direction))
    return Row(
        f"tcp {direction} {number}",
        f"TCP, MTU 1500, {WORDS[direction]}, {_flows(number)}",
        "Mbit/s",
        partial(tcp, direction=DIRECTIONS[direction], flows=number),
        tuple(goals),
    )


def _beside_pasta(direction: str) -> Goal:
    pasta = Cell(f"jumbo {direction} 1", "pasta")
    return Goal("pynat offload", pasta, at_least=1.0 if direction == "from-guest" else 0.5)


def _jumbo(direction: str) -> Row[BackEnd]:
    return Row(
        f"jumbo {direction} 1",
        f"TCP, MTU {JUMBO:,}, {WORDS[direction]}, {_flows(1)}",
        "Mbit/s",
        partial(tcp, direction=DIRECTIONS[direction], flows=1),
        (Goal("pynat", "slirp4netns", at_least=1.0),),
    )


def _udp(direction: str, size: int, kind: str) -> Row[BackEnd]:
    measure, title = {"udp": (udp, "no limit"), "rate": (throughput, "at most 1 % lost")}[kind]
    return Row(
        f"{kind} {direction} {size}",
        f"UDP, {size:,} bytes, {WORDS[direction]}, {title}",
        "datagrams/s",
        partial(measure, direction=DIRECTIONS[direction], size=size),
        (Goal("pynat", "slirp4netns", at_least=2.0),),
    )


# ---------------------------------------------------------------------- turns, pings, connections
CONNECTIONS: Row[BackEnd] = Row(
    "connections",
    "TCP: connect, request, close",
    "connections/s",
    connections,
    (Goal("pynat", "slirp4netns", at_least=2.0),),
)
_TURN = (
    Goal("pynat", "slirp4netns", at_most=1.0),
    Goal("pynat linted", "slirp4netns", at_most=1.3),
)
TURNS: tuple[Row[BackEnd], ...] = (
    Row("turn step", "lwIP, 5 MB, each segment waits for its ACK", "s", step, _TURN),
    Row("turn echo", "lwIP, 5 MB there and back", "s", echo, _TURN),
)
SHARES: dict[str, Callable[[list[float]], float]] = {"median": median, "late": late}
LATENESS = {"median": "median", "late": "99th percentile"}
BESIDE = {
    "idle": ("alone", None),
    "from-guest": ("beside a bulk flow to the host", FROM_GUEST),
    "to-guest": ("beside a bulk flow to the guest", TO_GUEST),
}


def _ping(beside: str, share: str) -> Row[BackEnd]:
    title, direction = BESIDE[beside]
    goals = [Goal("pynat", "slirp4netns", at_most=1.0)]
    if direction is not None:
        goals.append(Goal("pynat", at_most=1.0))
    return Row(
        f"ping {beside} {share}",
        f"ping of the router, {title}, {LATENESS[share]}",
        "ms",
        partial(ping, share=SHARES[share], beside=direction),
        tuple(goals),
    )


def _ack(beside: str, share: str) -> Row[BackEnd]:
    title, direction = BESIDE[beside]
    assert direction is not None
    return Row(
        f"ack {beside} {share}",
        f"ACK of a byte, {title}, {LATENESS[share]}",
        "ms",
        partial(ack, share=SHARES[share], beside=direction),
        (Goal("pynat", at_most=1.0),),
    )


LATE: tuple[Row[BackEnd], ...] = (
    *(_ping(beside, share) for beside in BESIDE for share in SHARES),
    *(_ack(beside, share) for beside in DIRECTIONS for share in SHARES),
)
LINT: Row[list[linting.Turn]] = Row(
    "lint frame",
    "linter, a TCP frame of a bulk flow",
    "us",
    linting.frame,
    (Goal("pynat", at_most=8.0),),
)


# ---------------------------------------------------------------------- many flows
SLIRPS = 1_000  # flows; with more slirp4netns takes minutes


def _growth(kind: str, number: int) -> Row[Flows]:
    title = {"used": f"{_flows(number)} used in turn", "idle": f"a flow beside {number:,} idle"}
    return Row(
        f"flows {kind} {number}",
        title[kind],
        "Mbit/s",
        partial({"used": flows.used, "idle": flows.idle}[kind], number=number),
        contenders=("pynat", "slirp4netns") if number <= SLIRPS else ("pynat",),
    )


GROWTH: tuple[Row[Flows], ...] = (
    *(_growth(kind, number) for number in COUNTS for kind in ("used", "idle")),
    Row(
        "flows held",
        "memory of an idle TCP flow",
        "KiB",
        flows.held,
        (Goal("pynat", at_most=4.0),),
        ("pynat",),
    ),
    Row(
        "flows closed",
        f"until {_flows(flows.MOST)} have given back their descriptors",
        "s",
        flows.given_back,
        (Goal("pynat", at_most=flows.BACK),),
        ("pynat",),
    ),
    Row(
        "flows kept",
        f"memory kept of each {flows.BACK:g} s after {_flows(flows.MOST)} are closed",
        "KiB",
        flows.kept,
        (),
        ("pynat",),
    ),
)


# ---------------------------------------------------------------------- Bochs
WORK = {
    "down": f"{SIZE // MIB} MiB host to guest",
    "up": f"{SIZE // MIB} MiB guest to host",
    "small": f"{SMALL_REQUESTS} small HTTP requests",
}


def _bochs(name: str, clock: bochs.Clock) -> Row[Booted]:
    most = 0.8 if (name, clock) == ("small", "wall") else 0.9
    return Row(
        f"bochs {name} {clock}",
        f"Bochs: {WORK[name]}, {clock} time",
        "s",
        partial(bochs.work, name=name, clock=clock),
        (Goal("pynat", "slirp", at_most=most),),
    )


BOCHS: tuple[Row[Booted], ...] = (
    *(_bochs(name, clock) for name in WORK for clock in bochs.CLOCKS),
    Row(
        "bochs ping",
        "Bochs: ping of the router, guest time",
        "ms",
        bochs.ping,
        (Goal("pynat", "slirp", at_most=0.9),),
    ),
)


def _loader(loader: str, part: str) -> Row[boot_loaders.Boots]:
    title = {"boot": f"boot by {loader}", "file": f"a file by {loader}'s HTTP"}[part]
    return Row(
        f"loader {loader.lower()} {part}",
        f"Bochs: {title}, wall time",
        "s",
        partial(boot_loaders.seconds, loader=loader, part=part),
        (Goal("pynat", "slirp", at_most=0.9),),
    )


LOADERS: tuple[Row[boot_loaders.Boots], ...] = tuple(
    _loader(loader, part) for loader in boot_loaders.LOADERS for part in boot_loaders.Booted._fields
)


STARTS: tuple[Row[Start], ...] = (
    Row(
        "start network",
        "start of Bochs, with a network later than without",
        "s",
        starts.network,
        (Goal("pynat", at_most=0.25),),
    ),
    Row(
        "start run",
        "start of Bochs, by `pynat run` later than by itself",
        "s",
        starts.command,
        (Goal("pynat", at_most=0.3),),
        ("pynat",),
    ),
)


IDLE: Row[Start] = Row(
    "idle",
    "Bochs: an idle guest's second, of the simulator's CPU for the network",
    "us",
    idle.second,
    (Goal("pynat", "slirp", at_most=0.5),),
)


# ---------------------------------------------------------------------- all of them
def groups(seconds: float = 2.0) -> tuple[Group[Any], ...]:
    """seconds: for each row whose length can be chosen; half of it for many flows."""
    plain = Opener(seconds=seconds)
    beside_slirp = ("pynat", "slirp4netns")
    return (
        Group(
            ("pynat", "pynat offload", "slirp4netns"),
            plain,
            tuple(_tcp(direction, number) for direction in DIRECTIONS for number in (1, 16)),
        ),
        Group(
            ("pynat", "slirp4netns", "pasta"),
            Opener(JUMBO, seconds=seconds),
            tuple(_jumbo(direction) for direction in DIRECTIONS),
        ),
        Group(
            beside_slirp,
            plain,
            tuple(
                _udp(direction, size, kind)
                for kind in ("udp", "rate")
                for direction in DIRECTIONS
                for size in (64, 1_400)
            ),
        ),
        Group(beside_slirp, plain, (CONNECTIONS,)),
        Group(beside_slirp, plain, LATE),
        Group(("pynat",), linting.recorded, (LINT,)),
        Group(
            ("pynat", "pynat linted", "slirp4netns"),
            Opener(bare=True, seconds=seconds),
            TURNS,
            guest_program,
        ),
        Group(
            beside_slirp,
            partial(flows.opened, opener=Opener(config=flows.CONFIG, seconds=seconds / 2)),
            GROWTH,
        ),
        Group(tuple(bochs.CONFIGS), bochs.booted, BOCHS, bochs.prepare),
        Group(tuple(bochs.CONFIGS), boot_loaders.opened, LOADERS, boot_loaders.prepare),
        Group(("pynat", "slirp"), starts.opened, STARTS, bochs.prepare),
        Group(("pynat", "slirp"), idle.opened, (IDLE,), bochs.prepare),
    )
