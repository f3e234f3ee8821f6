"""One impairment as people write it: which frames, and what becomes of them.

    to-guest delay 100ms 20ms loss 1%
    drop to-guest tcp data flow 1 nth 3
    tcp synack delay 2s
    flip tcp.checksum frame 10

A rule is phrases in any order. Those that choose frames must all fit; those that say what to do
are tc-netem(8)'s words, and a few of our own (`pynat.impair.reading`). `str` of a rule writes it in
one order, and reads as the same rule again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from ipaddress import IPv4Address

DEFAULT_LIMIT = 1000  # frames that one rule keeps, netem's own default
MAX_SECONDS = 3600.0  # seconds
MAX_DIGITS = 9  # behind the point: of percents, seconds and bits; what is written reads as the same


class BadRule(ValueError):  # noqa: N818 - reads as a word
    """The text is one sentence with the word and what would be right."""


class Direction(StrEnum):
    BOTH = ""
    TO_GUEST = "to-guest"
    FROM_GUEST = "from-guest"


class Spread(StrEnum):
    """How a delay varies around its mean (netem's `distribution`)."""

    UNIFORM = "uniform"
    NORMAL = "normal"
    PARETO = "pareto"
    PARETO_NORMAL = "paretonormal"


@dataclass(frozen=True, slots=True)
class Chance:
    """Share of the frames, 0 to 1; `correlation` with the fate of the one before."""

    share: float
    correlation: float = 0.0


@dataclass(frozen=True, slots=True)
class GilbertElliott:
    """Loss in bursts: netem's `loss gemodel p r 1-h 1-k`, each a share."""

    to_bad: float  # p
    to_good: float  # r
    lost_in_bad: float = 1.0  # 1-h
    lost_in_good: float = 0.0  # 1-k


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds."""

    mean: float
    jitter: float = 0.0
    correlation: float = 0.0
    spread: Spread = Spread.UNIFORM


@dataclass(frozen=True, slots=True)
class Reorder:
    """These frames are not delayed, so they overtake; with a gap only every so many-th may."""

    chance: Chance
    gap: int = 1


class Order(StrEnum):
    """Of the fragments of one packet."""

    FORWARD = ""
    BACKWARDS = "backwards"
    SHUFFLED = "shuffled"


@dataclass(frozen=True, slots=True)
class Fragment:
    size: int  # bytes of each packet at most
    order: Order = Order.FORWARD


@dataclass(frozen=True, slots=True)
class ImpairRule:
    """Fields in the order in which they are written; those not set stand for no phrase."""

    direction: Direction = Direction.BOTH
    kinds: tuple[str, ...] = ()  # "tcp", "syn", "data": all must fit
    host: IPv4Address | None = None
    port: int | None = None
    longer: int | None = None  # bytes of the frame
    flow: int | None = None  # the n-th flow of those that fit so far
    frame: int | None = None  # the n-th frame on the wire, both directions counted
    nth: int | None = None  # of those that fit
    first: int | None = None
    every: int | None = None
    after: float | None = None  # seconds of guest time
    until: float | None = None
    drop: bool = False
    flap: tuple[float, float] | None = None  # seconds: down, up
    loss: Chance | GilbertElliott | None = None
    duplicate: Chance | None = None
    corrupt: Chance | None = None
    flip: str | None = None  # one of FIELDS
    truncate: int | None = None  # bytes that are left
    fragment: Fragment | None = None
    delay: Delay | None = None
    reorder: Reorder | None = None
    rate: float | None = None  # bits a second
    limit: int = DEFAULT_LIMIT

    def __str__(self) -> str:
        return " ".join(_written(self))

    def fits(self, to_guest: bool, kinds: frozenset[str]) -> bool:
        """As far as its direction and its protocols say."""
        wanted = Direction.TO_GUEST if to_guest else Direction.FROM_GUEST
        return self.direction in (Direction.BOTH, wanted) and kinds.issuperset(self.kinds)


# ---------------------------------------------------------------------- writing
def _written(rule: ImpairRule) -> Iterator[str]:
    if rule.direction:
        yield rule.direction
    yield from rule.kinds
    for one in fields(rule)[2:]:
        value = getattr(rule, one.name)
        if (
            value is not None
            and value is not False
            and (one.name != "limit" or value != DEFAULT_LIMIT)
        ):
            yield one.name
            yield from _value(one.name, value)


def _value(name: str, value: object) -> Iterator[str]:
    match value:
        case bool():
            pass
        case Chance(1.0, 0.0) if name in ("duplicate", "corrupt"):
            pass
        case Chance(share, correlation):
            yield _share(share)
            if correlation:
                yield _share(correlation)
        case GilbertElliott(p, r, bad, good):
            yield from ("gemodel", *map(_share, (p, r, bad, good)))
        case Delay(mean, jitter, correlation, spread):
            yield _duration(mean)
            if jitter:
                yield _duration(jitter)
            if jitter and correlation:
                yield _share(correlation)
            if spread is not Spread.UNIFORM:
                yield from ("distribution", spread)
        case Fragment(size, order):
            yield from filter(None, (str(size), order))
        case Reorder(chance, gap):
            yield from _value(name, chance)
            if gap > 1:
                yield from ("gap", str(gap))
        case (float(down), float(up)):
            yield from (_duration(down), _duration(up))
        case float() if name == "rate":
            yield f"{_plain(value)}bit"
        case float():
            yield _duration(value)
        case _:
            yield str(value)


def _share(share: float) -> str:
    return f"{_plain(share * 100)}%"


def _duration(seconds: float) -> str:
    return f"{_plain(seconds)}s" if seconds >= 1 or not seconds else f"{_plain(seconds * 1000)}ms"


def _plain(number: float) -> str:
    """Without an exponent, and no longer than needed."""
    return f"{number:.{MAX_DIGITS}f}".rstrip("0").rstrip(".")
