"""`pynat lint` says of a capture of each example what was said while it ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.capture import pcap
from pynat.testing.linted import LintedLab
from tests.both_ways import differences
from tests.lint.examples import CLEAN, EXAMPLES, Example, collect

collect()


def captured(path: Path, lab: LintedLab) -> Path:
    lab.trace()
    blocks = [
        pcap.pcapng_block(
            round(one.now * 1e6),
            one.frame,
            from_guest=one.from_guest,
            comment=lab.told.get(at, ""),
            lost=one.only_shown and one.from_guest,
        )
        for at, one in enumerate(lab.seen)
    ]
    network = lab.config.network
    from ipaddress import IPv4Interface

    router = IPv4Interface((network.router, network.net.prefixlen))
    head = pcap.pcapng_header(router, network.mac, comments=[pcap.BEGINS, pcap.LINTED])
    path.write_bytes(head + b"".join(blocks) + pcap.pcapng_end(round(lab.now * 1e6)))
    return path


@pytest.mark.parametrize(
    "one", EXAMPLES + CLEAN, ids=lambda one: f"{one.code}-{one.guest.__name__}"
)
def test_an_example(one: Example, tmp_path: Path) -> None:
    lab = one.run()
    found = differences(captured(tmp_path / "x.pcapng", lab))
    assert not found, "\n".join(found) + "\n" + lab.trace()
