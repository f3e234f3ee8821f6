from __future__ import annotations

import re
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from pynat.config import Config
from pynat.config.peers import FORMS, ZOO, misbehavior
from pynat.config.toml import read_toml
from pynat.config.values import Wrong
from pynat.errors import ConfigError
from pynat.faulty_host import Closing, FaultyHost, Mangling, Misbehavior, Service, TcpMisbehavior
from tests.spoiling import respelt, samples, sift

DOCS = Path(__file__).parent.parent.parent / "docs" / "peers.md"


def toml(written: str) -> Config:
    return read_toml(written, "net.toml")


def test_hosts_by_name_and_address() -> None:
    config = toml('[peers]\n"Slow.test:80" = "accept after 3s"\n"192.0.2.66" = "Reset  after 1000"')
    slow, reset = config.peers
    assert slow == FaultyHost(
        IPv4Address("198.18.1.1"),
        80,
        Misbehavior("accept after 3s", accepts_after=3.0),
        "slow.test",
    )
    assert (str(slow), str(reset)) == ("slow.test:80", "192.0.2.66")
    assert reset.misbehavior.resets_after == 1000
    assert config.names["slow.test"] == (IPv4Address("198.18.1.1"),)


def test_two_ports_of_a_name_are_one_host() -> None:
    config = toml('[peers]\n"a.test:1" = "refuse"\n"b.test" = "echo"\n"a.test:2" = "echo"')
    first, other, second = (faulty_host.address for faulty_host in config.peers)
    assert first == second != other


def test_several_behaviours_of_one_host() -> None:
    found = misbehavior("mss 100, reorder, duplicate,halfclose, chargen, wrap")
    assert found == Misbehavior(
        "mss 100, reorder, duplicate, halfclose, chargen, wrap",
        closing=Closing.AT_ONCE,
        service=Service.CHARGEN,
        tcp_misbehavior=TcpMisbehavior(
            tcp={"mss": 100, "isn": 2**32 - 1000}, manglings=(Mangling.REORDER, Mangling.DUPLICATE)
        ),
    )


def test_the_zoo() -> None:
    config = toml('zoo = true\n[peers]\n"a.test" = "refuse"')
    assert [faulty_host.name for faulty_host in config.peers] == [
        "a.test",
        *[f"{name}.test" for name in ZOO],
    ]
    assert len({faulty_host.address for faulty_host in config.peers}) == len(ZOO) + 1
    assert toml("zoo = false").peers == ()


@pytest.mark.parametrize(
    ("does", "right"),
    [
        ("blackhol", "a behaviour, 'blackhol' is none; write \"blackhole\""),
        ("reset after", 'write "reset" or "reset after N" or "reset after T" or "reset on fin"'),
        ("accept after 3", 'write "accept after T", T is a time like 3s or 250ms'),
        ("page x", 'write "page N", N is a number'),
        ("mss 0", "a number from 1 to 65495, not 0"),
        ("accept after 9999s", "at most 3600s"),
        ("flood", "a behaviour, 'flood' is none"),
        ("refuse, wrap", "a connection that is refused has no manners"),
        ("", "a behaviour, '' is none"),
    ],
)
def test_what_is_no_behaviour(does: str, right: str) -> None:
    with pytest.raises(Wrong) as caught:
        misbehavior(does)
    assert right in caught.value.right


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('[peers]\n"slow.test" = "slow"', 'net.toml:2: peers."slow.test"'),
        ("[peers]\nslow.test = 'reset'", "names with dots need quotes"),
        ('[peers]\n"a.test:0" = "reset"', 'net.toml:2: peers."a.test:0"'),
        ('[peers]\n"a.test:65536" = "reset"', "must be a host, with a port from 1 to 65535 or"),
        ('[peers]\n"192.168.16.9" = "reset"', "in the guest's own net"),
        (
            'network.net = "198.18.0.0/16"\n[peers]\n"a.test" = "reset"',
            "names get addresses in 198.18.0.0/15",
        ),
        ("peers = 3", "a table of hosts"),
    ],
)
def test_mistakes_name_the_line_and_what_would_be_right(written: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        toml(written)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_spoilt_behaviour_is_read_as_it_is_told_or_refused() -> None:
    def read(does: str) -> None:
        found = misbehavior(does)
        assert misbehavior(found.text) == found

    valid = [*ZOO.values(), "mss 100, reorder, duplicate,halfclose, chargen", "unreachable net"]
    refusals = [
        *("is none", "is none; write", "N is a number", "T is a time", "a number from 1 to"),
        *("at most 3600s", "text in UTF-8"),
    ]
    sift(samples(valid, respelt, 4000), read, Wrong, least=0.2, said=refusals)


def test_the_docs_have_every_form_and_every_animal() -> None:
    text = DOCS.read_text()
    shown = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert [one for one in shown if not one.endswith(".test")] == [form.shown for form in FORMS]
    animals = dict(re.findall(r"^\| `([a-z]+)\.test` \| `([^`]+)` \|", text, re.MULTILINE))
    assert animals == ZOO
