"""Whole transfers over a wire that loses, doubles, delays and reorders, in virtual time.

Whatever the wire does, both byte streams arrive whole and in order, the buffers stay within their
bounds, and the flow ends.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynat.nat.messages import (
    CloseFlow,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpRead,
    TcpReceived,
    TcpShutdown,
    TcpWritable,
)
from pynat.nat.tcp.send import MAX_CAPACITY
from pynat.testing.lab import Lab
from pynat.testing.simguest import SimGuest, Wire

GRID = Path(__file__).parent / "tcp_grid.txt"
PATIENCE = 4000.0  # virtual seconds


class SimHost:
    """A host program that sends `outgoing`, reads with a stuttering kernel, then closes."""

    def __init__(self, lab: Lab, seed: int, outgoing: bytes, *, stutter: bool) -> None:
        self.lab = lab
        self.rest = outgoing
        self.eof_sent = False
        self.shutdown = False
        self.closed: CloseFlow | None = None
        self._dice = Random(seed)
        self._stutter = stutter
        self._allowance = 0
        self._next = lab.now

    def act(self) -> None:
        for action in self.lab.to_host():
            match action:
                case TcpConnect(flow):
                    self.lab.from_host(TcpConnected(flow))
                case TcpRead(_, limit):
                    self._allowance = limit
                case TcpShutdown():
                    self.shutdown = True
                case CloseFlow():
                    self.closed = action
        if self.closed is None and self.lab.router.tcp:
            self._feed()
            if self._stutter and self.lab.now >= self._next:
                self._next = self.lab.now + 0.05
                self.lab.room = self._dice.randrange(4000)
                self.lab.from_host(TcpWritable(1))

    def _feed(self) -> None:
        if self.rest and self._allowance:
            size = min(self._allowance, self._dice.randrange(1, 20_000))
            data, self.rest = self.rest[:size], self.rest[size:]
            self._allowance -= len(data)
            self.lab.from_host(TcpReceived(1, data))
        elif not self.rest and not self.eof_sent and self._allowance:
            self.eof_sent = True
            self.lab.from_host(TcpEof(1))


def transfer(
    wire: Wire, seed: int, up: int, down: int, *, stutter: bool = False, **kinds: bool
) -> float:
    """Both streams at once; the virtual seconds they took."""
    dice = Random(seed)
    lab = Lab(seed=seed)
    start = lab.now
    guest = SimGuest(lab, wire, seed, dice.randbytes(up), **kinds)
    host = SimHost(lab, seed, dice.randbytes(down), stutter=stutter)
    sent = host.rest
    while not (guest.done and host.closed):
        guest.step()
        host.act()
        for flow in lab.router.tcp.flows():
            assert flow.receiver.held + flow.receiver.early.held <= lab.config.tcp.window
            assert flow.sender.buffered <= MAX_CAPACITY
        if lab.now > start + PATIENCE:
            break
    told = f"seed {seed}, {wire}: {lab.log[-3:]}"
    assert not guest.reset, told
    assert bytes(guest.incoming) == sent, told
    assert bytes(lab.host_bytes[1]) == guest.outgoing, told
    assert host.shutdown, told
    assert host.closed == CloseFlow(1), told
    return lab.now - start


@settings(deadline=None, max_examples=40)
@given(
    st.builds(
        Wire,
        loss=st.floats(0, 0.25),
        duplicate=st.floats(0, 0.2),
        delay=st.floats(0.0001, 0.2),
        jitter=st.floats(0, 0.05),
    ),
    st.integers(0, 2**32),
    st.integers(0, 60_000),
    st.integers(0, 60_000),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_both_streams_arrive_whole(
    wire: Wire, seed: int, up: int, down: int, slow: bool, selective: bool, stamped: bool
) -> None:
    transfer(wire, seed, up, down, stutter=slow, selective=selective, stamped=stamped)


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05, 0.2])
def test_a_lossy_download_ends_in_bearable_time(loss: float) -> None:
    seconds = transfer(Wire(loss=loss, delay=0.01), seed=5, up=0, down=300_000)
    assert seconds < 5 + 1500 * loss


def test_throughput_over_loss_and_delay_is_what_it_was() -> None:
    """The whole table of one seed; tcp_grid.txt is replaced by running this file as a program."""
    assert grid() == GRID.read_text()


def grid() -> str:
    """kB a second of virtual time of 300 kB to the guest, its window 16,000 bytes."""
    lines = ["loss    delay   plain  sack and timestamps"]
    for loss in (0.0, 0.01, 0.05, 0.2):
        for delay in (0.001, 0.01, 0.1):
            wire = Wire(loss=loss, delay=delay)
            plain = transfer(wire, 5, 0, 300_000)
            full = transfer(wire, 5, 0, 300_000, selective=True, stamped=True)
            lines.append(f"{loss:<7} {delay:<5} {300 / plain:7.0f} {300 / full:7.0f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    GRID.write_text(grid())
