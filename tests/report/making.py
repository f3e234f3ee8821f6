"""Captures for reports: whole transfers in virtual time, over a wire that loses things."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from pynat.capture import pcap
from pynat.testing.lab import Lab
from pynat.testing.simguest import SimGuest, Wire
from tests.nat.test_tcp_sim import SimHost


def transfer(path: Path, up: int, down: int, *, loss: float = 0.0, delay: float = 0.02) -> Path:
    """The guest sends `up` bytes and gets `down`, and the capture is written as pcapng."""
    lab, dice = Lab(seed=1), Random(1)
    guest = SimGuest(lab, Wire(loss=loss, delay=delay), 1, dice.randbytes(up), selective=True)
    host = SimHost(lab, 1, dice.randbytes(down), stutter=False)
    with path.open("wb") as file:
        file.write(pcap.pcapng_header())
        _record(lab, file.write)
        while not (guest.done and host.closed):
            guest.step()
            host.act()
    return path


def _record(lab: Lab, write: Callable[[bytes], object]) -> None:
    """Whatever crosses the lab's wire."""
    from_guest, to_guest = lab.from_guest, lab.to_guest

    def sent(frame: bytes) -> None:
        write(pcap.pcapng_block(round(lab.now * 1e6), frame, from_guest=True))
        from_guest(frame)

    def delivered() -> list[bytes]:
        frames = to_guest()
        for frame in frames:
            write(pcap.pcapng_block(round(lab.now * 1e6), frame, from_guest=False))
        return frames

    lab.from_guest, lab.to_guest = sent, delivered  # type: ignore[method-assign]
