"""Whatever a guest sends, no fault makes the router raise."""

from __future__ import annotations

import pytest

from pynat.config.faults import FORMS, usage
from pynat.testing.linted import LintedLab
from tests.frames import ROUTER, mended, udp
from tests.fuzzing import SEED, seeded
from tests.lint.examples import EXAMPLES, collect
from tests.lint.examples.arp import sends as asks_for_the_router
from tests.spoiling import spoilt

HOST = "192.0.2.7"
WORDS = {"SECONDS": "0.5", "WHOLE": "0", "BYTES": "577", "MTU": "68", "NAME": "*"}
WORDS |= {"GATEWAY": HOST, "MASK": "255.0.0.0"}
WORDS |= {"ADDRESS": HOST, "[N]": "", "[discover|request]": "request"}
HEADERS = 42  # bytes of Ethernet, IP and UDP
collect()


def every_fault() -> list[str]:
    forms = [usage(service, kind) for service, kinds in FORMS.items() for kind in kinds]
    written = (
        " ".join(WORDS.get(word, word.split("|")[0]) for word in form.split()) for form in forms
    )
    return [" ".join(text.split()) for text in written]


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """What the guests of the linter's examples send, and what the faults of paths concern."""
    shown = [one.run() for one in EXAMPLES if one.code.startswith(("ARP", "DHCP", "DNS"))]
    sent = {one.frame for lab in shown for one in lab.seen if one.from_guest}
    return [*sorted(sent), *[udp(HOST, 9, bytes(size), flags="DF") for size in range(9, 900, 9)]]


@pytest.mark.parametrize("fault", every_fault())
def test_no_frame_raises(frames: list[bytes], fault: str) -> None:
    dice = seeded(fault)
    lab = LintedLab()
    lab.router.faults.add(fault)
    asks_for_the_router(lab)
    for frame in dice.sample(frames, 200):
        lab.from_guest(frame)
        lab.from_guest(mended(spoilt(frame, dice)))
        for port in (53, 67):
            lab.from_guest(udp(ROUTER, port, spoilt(frame[HEADERS:], dice), sport=68))
    lab.wait(2)
    (row,) = lab.router.faults.rows()
    assert SEED or row["met"], row
