from __future__ import annotations

import re
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynat.impair.frame_view import FIELDS
from pynat.impair.reading import KINDS, PHRASES, parse
from pynat.impair.rule import (
    BadRule,
    Chance,
    Delay,
    Direction,
    Fragment,
    GilbertElliott,
    ImpairRule,
    Order,
    Reorder,
    Spread,
)
from tests.spoiling import respelt, samples, sift

UNITS = ("bit", "kbit", "gbit", "bps", "us", "ms", "s")
DOCS = Path(__file__).parents[2] / "docs" / "impairment.md"


WRITTEN = {
    "drop to-guest tcp data flow 1 nth 3": ImpairRule(
        Direction.TO_GUEST, ("tcp", "data"), flow=1, nth=3, drop=True
    ),
    "to-guest delay 100ms 20ms 25% distribution normal": ImpairRule(
        Direction.TO_GUEST, delay=Delay(0.1, 0.02, 0.25, Spread.NORMAL)
    ),
    "delay 2s tcp synack": ImpairRule(kinds=("tcp", "synack"), delay=Delay(2.0)),
    "flip tcp.checksum frame 10": ImpairRule(frame=10, flip="tcp.checksum"),
    "loss random 1% 25%": ImpairRule(loss=Chance(0.01, 0.25)),
    "loss gemodel 1%": ImpairRule(loss=GilbertElliott(0.01, 0.99)),
    "loss gemodel 1% 10% 70% 0.1%": ImpairRule(loss=GilbertElliott(0.01, 0.1, 0.7, 0.001)),
    "duplicate corrupt 5%": ImpairRule(duplicate=Chance(1), corrupt=Chance(0.05)),
    "delay 10ms, reorder 25% 50% gap 5": ImpairRule(
        delay=Delay(0.01), reorder=Reorder(Chance(0.25, 0.5), 5)
    ),
    "rate 100kbps limit 20": ImpairRule(rate=800_000.0, limit=20),
    "flap 2s 500ms after 3s": ImpairRule(after=3.0, flap=(2.0, 0.5)),
    "to-guest icmp fragment 576": ImpairRule(Direction.TO_GUEST, ("icmp",), fragment=Fragment(576)),
    "udp fragment 28 shuffled": ImpairRule(kinds=("udp",), fragment=Fragment(28, Order.SHUFFLED)),
    "from-guest udp port 53 host 192.0.2.7 longer 100 first 2 truncate 60": ImpairRule(
        Direction.FROM_GUEST,
        ("udp",),
        host=IPv4Address("192.0.2.7"),
        port=53,
        longer=100,
        first=2,
        truncate=60,
    ),
}


@pytest.mark.parametrize(("text", "rule"), WRITTEN.items())
def test_what_is_written_is_meant(text: str, rule: ImpairRule) -> None:
    assert parse(text) == rule
    assert parse(str(rule)) == rule


@pytest.mark.parametrize("time", ["0s", "1.5ms", "999ms", "1s", "1.5s"])
def test_a_time_is_said_in_seconds_from_one_on(time: str) -> None:
    rule = f"delay {time}"
    assert str(parse(rule)) == rule


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drp", "'drp' is no word of a rule; did you mean 'drop'?"),
        ("to-gest drop", "'to-gest' is no word of a rule; did you mean 'to-guest'?"),
        ("xyzzy", "'xyzzy' is no word of a rule; there are: to-guest"),
        ("", "it does nothing; say what to do: drop, flap, loss"),
        ("tcp data", "it does nothing"),
        ("delay", "behind 'delay' comes a time like 20ms or 1.5s, and the rule ends there"),
        ("delay 20", "behind 'delay' comes a time like 20ms or 1.5s, not '20'"),
        ("delay 9999s", "9999s is more than 3600s"),
        ("loss 1", "behind 'loss' comes a share like 1%, not '1'"),
        ("loss 101%", "101% is more than 100%"),
        ("delay 1ms distribution gauss", "behind 'distribution' comes one of uniform, normal"),
        ("delay 1ms distribution normal", "write delay TIME JITTER first"),
        ("reorder 5%", "reorder sends frames at once while others wait, so it needs a delay"),
        ("drop port 70000", "port 70000: a port is from 1 to 65535"),
        ("drop host 1.2.3", "host 1.2.3: that is no IPv4 address"),
        ("drop nth 0", "nth 0: the number is from 1"),
        ("flip tcp.chksum", "behind 'flip' comes a field: ip.checksum"),
        ("drop drop", "'drop' comes where drop is said already"),
        ("to-guest from-guest drop", "'from-guest' comes where direction is said already"),
        ("drop after 3s until 2s", "until 2s is not later than after 3s"),
        ("drop tcp dns", "no frame is tcp and udp at once"),
        ("udp flip tcp.seq", "no frame is tcp and udp at once"),
        ("rate 10", "behind 'rate' comes a rate like 10mbit"),
        ("rate 1bit", "rate 1bit: from 8bit to 1000gbit"),
        (f"rate {'9' * 400}bit", "from 8bit to 1000gbit"),
        ("flap 1s", "behind 'flap TIME' comes a time"),
    ],
)
def test_what_is_no_rule(text: str, said: str) -> None:
    with pytest.raises(BadRule) as caught:
        parse(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS[KINDS.index("syn") :])
def test_what_only_tcp_has_is_not_in_udp(kind: str) -> None:
    with pytest.raises(BadRule, match="no frame is tcp and udp at once"):
        parse(f"drop udp {kind}")


SHARES = st.integers(1, 1000).map(lambda n: n / 1000)
TIMES = st.integers(1, 100_000).map(lambda n: n / 1000)
CHANCES = st.builds(Chance, SHARES, st.sampled_from([0.0, 0.25]))
RULES = st.builds(
    ImpairRule,
    direction=st.sampled_from(Direction),
    kinds=st.sampled_from([(), ("tcp",), ("tcp", "syn"), ("arp",), ("udp", "dns")]),
    host=st.none() | st.ip_addresses(v=4),
    port=st.none() | st.integers(1, 65_535),
    flow=st.none() | st.integers(1, 10**6),
    nth=st.none() | st.integers(1, 10**6),
    after=st.none() | TIMES,
    drop=st.just(True),
    loss=st.none() | CHANCES | st.builds(GilbertElliott, SHARES, SHARES, SHARES, SHARES),
    duplicate=st.none() | CHANCES,
    delay=st.none() | st.builds(Delay, TIMES, TIMES, SHARES, st.sampled_from(Spread)),
    rate=st.none() | st.integers(8, 10**10).map(float),
    limit=st.integers(1, 10**6),
)


@given(RULES)
def test_a_rule_reads_as_it_is_written(rule: ImpairRule) -> None:
    assert parse(str(rule)) == rule


REFUSALS = (
    "is no word of a rule; did you mean",
    "comes where",
    "it does nothing",
    "and the rule ends there",
    "a time like",
    "a share like",
    "a rate like",
    "one of uniform",
    "a field: ",
    "the number is from",
    "a port is from",
    "that is no IPv4 address",
    "is more than 100%",
    "is more than 3600s",
    "from 8bit to 1000gbit",
    "how long the wire is down",
    "is not later than",
    "at once",
)


def spoilt_rule(text: str, dice: Random) -> str:
    return respelt(text, dice, [*PHRASES, *KINDS, *UNITS])


def test_a_spoilt_rule_is_read_as_it_is_written_or_refused() -> None:
    def read(text: str) -> None:
        rule = parse(text)
        assert parse(str(rule)) == rule

    sift(
        samples([*WRITTEN, "drop port 53", "flap 1s 3s after 2s until 4s"], spoilt_rule, 8000),
        read,
        BadRule,
        least=0.15,
        said=REFUSALS,
    )


def test_the_docs_have_every_word() -> None:
    words = set(re.findall(r"[a-z.-]+", DOCS.read_text()))
    assert {*PHRASES, *KINDS, *FIELDS, *Spread, *filter(None, Direction)} <= words
    examples = re.findall(r'^    "([^"]+)",', DOCS.read_text(), re.MULTILINE)
    assert len(examples) == 6
    for one in examples:
        parse(one)
