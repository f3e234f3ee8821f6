"""What is drawn for each frame, as tc-netem(8) draws it; given dice decide everything."""

from __future__ import annotations

from random import Random
from statistics import NormalDist

from pynat.impair.rule import Chance, Delay, GilbertElliott, Spread

_NORMAL = NormalDist()
_PARETO = 3.0  # the shape; mean 1.5, standard deviation 0.866
_PARETO_MEAN = _PARETO / (_PARETO - 1)
_PARETO_SIGMA = 0.75**0.5
_FARTHEST = 4.0  # standard deviations; netem's tables end there
_EDGE = 1e-5  # of a quantile: the normal one has none at 0 and 1


class Correlated:
    """Numbers from 0 to 1 that depend on the one before (netem's get_crandom)."""

    def __init__(self, dice: Random, correlation: float = 0.0) -> None:
        self._dice = dice
        self._correlation = correlation
        self._last = dice.random()

    def __call__(self) -> float:
        drawn = self._dice.random()
        rho = self._correlation
        self._last = drawn * (1 - rho) + self._last * rho
        return self._last


class Occurrence:
    def __init__(self, chance: Chance, dice: Random) -> None:
        self._share = chance.share
        self._draw = Correlated(dice, chance.correlation)

    def __call__(self) -> bool:
        return self._share > 0 and self._draw() < self._share


class Bursts:
    """Two states with a loss of their own each (Gilbert 1960, Elliott 1963)."""

    def __init__(self, model: GilbertElliott, dice: Random) -> None:
        self._model = model
        self._dice = dice
        self._bad = False

    def __call__(self) -> bool:
        model, draw = self._model, self._dice.random
        if self._bad:
            self._bad = draw() >= model.to_good
            return draw() < model.lost_in_bad
        self._bad = draw() < model.to_bad
        return draw() < model.lost_in_good


class Lateness:
    """Seconds that each frame is late."""

    def __init__(self, delay: Delay, dice: Random) -> None:
        self._delay = delay
        self._draw = Correlated(dice, delay.correlation)

    def __call__(self) -> float:
        delay = self._delay
        if not delay.jitter:
            return delay.mean
        return max(0.0, delay.mean + delay.jitter * _deviation(self._draw(), delay.spread))


def _deviation(drawn: float, spread: Spread) -> float:
    """In units of the jitter."""
    drawn = min(max(drawn, _EDGE), 1 - _EDGE)
    normal = _NORMAL.inv_cdf(drawn)
    pareto = ((1 - drawn) ** (-1 / _PARETO) - _PARETO_MEAN) / _PARETO_SIGMA
    match spread:
        case Spread.UNIFORM:
            return 2 * drawn - 1
        case Spread.NORMAL:
            found = normal
        case Spread.PARETO:
            found = pareto
        case Spread.PARETO_NORMAL:
            found = 0.25 * normal + 0.75 * pareto
    return min(max(found, -_FARTHEST), _FARTHEST)
