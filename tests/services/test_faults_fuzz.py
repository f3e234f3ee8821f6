"""Whatever a guest sends, no fault makes the router raise."""

from __future__ import annotations

from random import Random

import pytest

from pynat.config_faults import FORMS, usage
from pynat.testing.linted import LintedLab
from tests.frames import ROUTER, udp
from tests.lint.examples import EXAMPLES, collect

WORDS = {"SECONDS": "0.5", "WHOLE": "0", "BYTES": "577", "MTU": "68", "NAME": "*"}
WORDS |= {"ADDRESS": "192.0.2.7", "[N]": "", "[discover|request]": "request"}
HEADERS = 42  # bytes of Ethernet, IP and UDP
collect()


def every_fault() -> list[str]:
    forms = [usage(service, kind) for service, kinds in FORMS.items() for kind in kinds]
    written = (
        " ".join(WORDS.get(word, word.split("|")[0]) for word in form.split()) for form in forms
    )
    return [" ".join(text.split()) for text in written]


def spoilt(frame: bytes, dice: Random) -> bytes:
    changed = bytearray(frame)
    for _ in range(dice.randrange(4)):
        changed[dice.randrange(14, len(changed))] = dice.randrange(256)
    return bytes(changed[: dice.randrange(14, len(changed) + 1)])


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """What the guests of the linter's examples send."""
    shown = [one.run() for one in EXAMPLES if one.code.startswith(("ARP", "DHCP", "DNS"))]
    sent = {one.frame for lab in shown for one in lab.seen if one.from_guest}
    return sorted(frame for frame in sent if len(frame) > HEADERS)


@pytest.mark.parametrize("fault", every_fault())
def test_no_frame_raises(frames: list[bytes], fault: str) -> None:
    dice = Random(fault)
    lab = LintedLab()
    lab.router.faults.add(fault)
    for frame in dice.sample(frames, 50):
        lab.from_guest(frame)
        payload = spoilt(frame, dice)[HEADERS:]  # with checksums that are right
        for port in (53, 67):
            lab.from_guest(udp(ROUTER, port, payload, sport=68))
    lab.wait(2)
    assert lab.router.faults.rows()
