"""A NIC of ours must not make the boot of a guest slower."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import READY, Boot, Machine, linux_image
from tests.live.network import HANGS, nic

pytestmark = [pytest.mark.boots, pytest.mark.linux, pytest.mark.timeout(HANGS)]

SLOWER = 1.15
ROUNDS = 5  # the least of each counts: other work on the machine only ever adds


def test_boot_is_not_slower(artifacts: Path, bochs: Bochs) -> None:
    image = linux_image(artifacts / "linux.iso", "true")
    without: list[float] = []
    with_nic: list[float] = []
    for number in range(ROUNDS):
        folder = artifacts / str(number)
        without.append(_boot(Machine(image, ()), folder / "without", bochs))
        (folder / "with").mkdir()
        machine = Machine(image, (nic(folder / "with"),))
        with_nic.append(_boot(machine, folder / "with", bochs))
        if min(with_nic) <= SLOWER * min(without):
            break
    (artifacts / "seconds.txt").write_text(f"without {without}\nwith {with_nic}\n")
    assert min(with_nic) <= SLOWER * min(without), (without, with_nic)


def _boot(machine: Machine, folder: Path, bochs: Bochs) -> float:
    with Boot(machine, folder, bochs) as boot:
        return boot.wait_for(READY, 150) - boot.began - boot.starved()
