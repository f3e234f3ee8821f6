"""Where in a capture the guest's machine was reset."""

from __future__ import annotations

from pathlib import Path

from pynat.log.comments import RESET
from pynat.net import Net
from pynat.replay.capture import Capture
from pynat.testing.virtual import VirtualNetwork, virtual
from tests.frames import ping
from tests.log.test_bad_wire import ANNOUNCED, SERVER, Says


def resets(network: VirtualNetwork, frame: bytes) -> bytes:
    network.card.resets += 1
    return frame


def test_what_a_reset_has_lost_is_of_the_machine_before(tmp_path: Path) -> None:
    """It is in the capture before the reset, and what follows it is of that machine, too."""
    path = tmp_path / "x.pcapng"
    net = Net(hermetic=True, control="none", capture=path, impair=["from-guest delay 1s"])
    with virtual(net.configured(), net) as network:
        frames = [(at, ping(SERVER)) for at in (5.0, 5.1, 5.2)]
        last = (5.3, lambda _: resets(network, ANNOUNCED))
        network.run(Says((0.0, ANNOUNCED), *frames, last), 20)
        live = {one.rule.code for one in network.engine.notices.verdict if one.count}
    seen = Capture(path)
    said = [one.comment for one, _ in seen.frames(lambda _: None)]
    assert {one.record.rule.code for one in seen.summary().findings} == live
    assert sum(RESET in one for one in said) == 1
