"""What is made of samples. Nothing is sampled here."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.flame import WIDTH, flame_graph
from benchmarks.profile import PROFILED, Stacks, folded, part_of, shares
from benchmarks.rows import groups

SPACE = "{http://www.w3.org/2000/svg}"
LOOP = "EngineLoop._run_once (pynat/engine_loop.py:18)"
AROUND = f"run (pynat/engine_loop.py:27);{LOOP}"
RAW = f"""\
{AROUND};a (x.py:1);write (libc.so.6) 6
{AROUND};a (x.py:2);b (y.py:1) 3
start (x.py:3) 1
"""


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        (("send (pynat/link/tap.py:202)", "write (libc.so.6)"), ("system call", "write")),
        (("send (pynat/link/tap.py:202)", "memcpy (libc.so.6)"), ("pynat", "link")),
        (("turn (pynat/engine.py:1)", "tcp_run (pynat/_fast.c:189)"), ("pynat", "_fast.c")),
        (("turn (pynat/engine.py:1)", "s_pack (_struct.c:19)"), ("pynat", "engine")),
        (("select (selectors.py:468)", "f (x.c:1)"), ("event loop", "")),
        (("run_forever (asyncio/base_events.py:607)",), ("event loop", "")),
        (("main (runpy.py:1)",), ("Python", "")),
    ],
)
def test_parts(stack: tuple[str, ...], part: tuple[str, str]) -> None:
    assert part_of(stack) == part


def test_stacks_begin_at_the_loop() -> None:
    assert folded(RAW) == {
        (LOOP, "a (x.py:1)", "write (libc.so.6)"): 6,
        (LOOP, "a (x.py:2)", "b (y.py:1)"): 3,
        ("start (x.py:3)",): 1,
    }


def test_shares_are_of_the_time_of_a_packet() -> None:
    stacks: Stacks = {("write (libc.so.6)",): 600, ("f (pynat/nat/udp.py:1)",): 394, ("x",): 6}
    assert list(shares(stacks, 5.0)) == [
        ("system call", "write", "60%", "3.00"),
        ("pynat", "nat", "39%", "1.97"),
        ("the rest", "", "1%", "0.03"),
    ]


def test_a_function_is_one_box_as_wide_as_its_share() -> None:
    root = ElementTree.fromstring(flame_graph(folded(RAW), "what & who"))
    widths = {
        str(box.findtext(f"{SPACE}title")).partition(":")[0]: float(
            box.find(f"{SPACE}rect").get("width", "")  # type: ignore[union-attr]
        )
        for box in root.iter(f"{SPACE}g")
    }
    assert widths == {
        "all": WIDTH,
        "EngineLoop._run_once (pynat/engine_loop.py)": 0.9 * WIDTH,
        "a (x.py)": 0.9 * WIDTH,
        "b (y.py)": 0.3 * WIDTH,
        "write (libc.so.6)": 0.6 * WIDTH,
        "start (x.py)": 0.1 * WIDTH,
    }


def test_what_is_profiled_is_measured() -> None:
    rows = {row.key: group for group in groups() for row in group.rows}
    for key, contenders in PROFILED.items():
        assert set(contenders) <= set(rows[key].contenders)
