"""The forms of a forward rule."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from pynat.config import Forward, ShownSource, Transport
from pynat.config.forwards import FORM, forward, forward_item
from pynat.config.toml import read_toml
from pynat.config.values import Wrong
from tests.spoiling import respelt, samples, sift

LOCAL = IPv4Address("127.0.0.1")


RULES = {
    "tcp:127.0.0.1:8080-:80": Forward(Transport.TCP, LOCAL, 8080, None, 80),
    "::0-:80": Forward(Transport.TCP, LOCAL, 0, None, 80),
    "udp:0.0.0.0:53-192.168.16.9:5353": Forward(
        Transport.UDP, IPv4Address("0.0.0.0"), 53, IPv4Address("192.168.16.9"), 5353
    ),
    "tcp:[::1]:8080-:80": Forward(Transport.TCP, IPv6Address("::1"), 8080, None, 80),
    "unix:/run/a-b:1/x-:80": Forward(Transport.TCP, Path("/run/a-b:1/x"), 0, None, 80),
    "unix:x-y-192.168.16.9:80": Forward(
        Transport.TCP, Path("x-y"), 0, IPv4Address("192.168.16.9"), 80
    ),
}
PATH = "the path of a socket: printable text of 1 to 107 bytes"
RANGE = "udp::8000..8002-:9000..9002"


@pytest.mark.parametrize(
    ("short", "rule"),
    [
        ("tcp:8080:80", "tcp::8080-:80"),
        ("udp:0:53", "udp::0-:53"),
        ("tcp:8000..8010:9000..9010", "tcp::8000..8010-:9000..9010"),
    ],
)
def test_two_ports_are_enough(short: str, rule: str) -> None:
    assert forward(short) == forward(rule)


@pytest.mark.parametrize(("rule", "meaning"), RULES.items())
def test_one_rule(rule: str, meaning: Forward) -> None:
    assert forward(rule) == (meaning,)
    assert forward(str(meaning)) == (meaning,)


def test_a_range_is_a_forward_for_each_port() -> None:
    assert [str(rule) for rule in forward(RANGE)] == [
        "udp:127.0.0.1:8000-:9000",
        "udp:127.0.0.1:8001-:9001",
        "udp:127.0.0.1:8002-:9002",
    ]
    assert len(forward("tcp::1..1024-:1..1024")) == 1024


def test_a_table_says_whose_address_the_guest_sees() -> None:
    (rule,) = forward_item({"rule": "tcp::8080-:80", "source": "peer"})
    assert rule.shown is ShownSource.PEER
    assert forward_item({"rule": "tcp::8080-:80"}) == forward_item("tcp::8080-:80")


def test_rules_may_be_tables_of_their_own() -> None:
    tables = '[[forwards]]\nrule = "tcp::1-:1"\n[[forwards]]\nrule = "::2-:2"\nsource = "peer"\n'
    one, other = read_toml(tables, "net.toml").forwards
    assert (str(one), one.shown) == ("tcp:127.0.0.1:1-:1", ShownSource.ROUTER)
    assert (str(other), other.shown) == ("tcp:127.0.0.1:2-:2", ShownSource.PEER)
    assert other.source.endswith("forwards[1]")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("tcp::8000..8010-:9000", "as many guest ports as host ports"),
        ("tcp::8010..8000-:9010..9000", "a range begins with the lower one"),
        ("tcp::0..5-:9000..9005", "ports up to 65535"),
        ("tcp::1..2000-:1..2000", "a range of at most 1024 ports"),
        ("tcp::65530..65540-:1..11", "ports up to 65535"),
        ("tcp::8000-8010-:9000", "8000..8010"),
        ("tcp:[::1:80-:80", "[tcp|udp]:"),
        ("8080:80", "or tcp:8080:80"),
        ("tcp:8080:0", "a guest port of at least 1"),
        ("tcp:[127.0.0.1]:80-:80", "or [::1]"),
        ("unix:-:80", "[tcp|udp]:"),
        ("unix:/x-:0", "a guest port of at least 1"),
        ("unix:/" + "x" * 120 + "-:1", PATH),
        (
            "unix:/\udcff-:1",
            "text in UTF-8",
        ),  # no UTF-8 on a command line
        ({"rules": "x"}, "a rule, or a table"),
        ({"rule": "tcp::1-:1", "source": "me"}, "one of router, peer"),
        ({"rule": "x"}, "[tcp|udp]:"),
    ],
)
def test_mistakes(wrong: object, right: str) -> None:
    with pytest.raises(Wrong) as caught:
        forward_item(wrong)
    assert right in caught.value.right


def test_a_spoilt_rule_is_read_as_it_would_be_written_or_refused() -> None:
    def read(text: str) -> None:
        for rule in forward(text):
            assert forward(str(rule)) == (rule,)

    sift(
        samples([*RULES, RANGE], respelt),
        read,
        Wrong,
        least=0.25,
        said=[
            FORM,
            f"{FORM}; addresses are IPv4 in dotted form",
            f"{FORM}; addresses are IPv4 in dotted form, or [::1]",
            "as many guest ports as host ports, for example tcp::8000..8010-:9000..9010",
            "a range of at most 1024 ports",
            PATH,
            "text in UTF-8",
        ],
    )
