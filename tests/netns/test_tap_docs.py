"""The commands of docs/tap.md do what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pynat.cli import tap
from pynat.cli.parsing import Parser
from pynat.testing.servers import HttpServer
from tests.netns.network import HANGS, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

DOCS = Path(__file__).parents[2] / "docs" / "tap.md"
IN_NAMESPACE = "ip netns exec lab "


def test_the_commands_for_the_guest(make_network: Callable[[str], TapNetwork]) -> None:
    found = re.findall(rf"^{IN_NAMESPACE}(.*)$", DOCS.read_text(), re.MULTILINE)
    assert [line.split()[0] for line in found] == ["ping", "curl", "dig", "traceroute"]
    network = make_network("")
    with HttpServer({"/": b"the page\n"}) as web:
        ping, curl, dig, traceroute = (
            network.guest.run(*line.replace(":8000", f":{web.port}").split()).stdout
            for line in found
        )
    assert "3 packets transmitted, 3 received" in ping
    assert curl.endswith("the page\n")
    assert re.search(r"^host\.internal\.\s+\d+\s+IN\s+A\s+192\.168\.16\.1$", dig, re.MULTILINE)
    assert re.search(r"^ 1  192\.168\.16\.1  ", traceroute, re.MULTILINE)


def test_its_table_has_every_option() -> None:
    parser = Parser()
    tap.add(parser.add_subparsers())
    usage = parser.parse_args(["tap", "x"])
    text = DOCS.read_text()
    for option in ("NAME", "--netns NETNS", "--configure", "--config FILE", "-v"):
        assert f"| `{option}` |" in text
    assert set(vars(usage)) == {"name", "netns", "configure", "config", "verbose", "command"}
