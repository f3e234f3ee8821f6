"""A virtual network in the shape of a Lab, which ticks as the shim does in step.

A frame waits for the next tick; a tick at which something waits, or a deadline has come, is a turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pynat.config import Config
from pynat.net import Net
from pynat.testing.virtual import VirtualNetwork, virtual

TICK = 100e-6  # seconds, of the shim


class Stepped:
    def __init__(self, config: Config, network: VirtualNetwork) -> None:
        self.config = config
        self.network = network

    @property
    def now(self) -> float:
        return self.network.card.time

    def next_timer(self) -> float | None:
        return self.network.card.timer

    def from_guest(self, frame: bytes) -> None:
        self.network.card.waiting.append((self.now, frame))

    def to_guest(self) -> list[bytes]:
        card = self.network.card
        frames, card.delivered = card.delivered, []
        return frames

    def wait(self, seconds: float) -> None:
        """Rounded up to whole ticks."""
        card = self.network.card
        end = card.time + seconds
        while card.time < end:
            card.time = round(card.time / TICK + 1) * TICK
            if card.waiting or (card.timer is not None and card.timer <= card.time):
                self.network.engine.turn()


@contextmanager
def stepped(config: Config, program: Net | None = None) -> Iterator[Stepped]:
    with virtual(config, program) as network:
        network.engine.turn()
        yield Stepped(config, network)
