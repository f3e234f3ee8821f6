"""What is made of samples. Nothing is sampled here."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest

from benchmarks.flame import WIDTH, flame_graph
from benchmarks.profile import PROFILED, Stacks, divided, folded, room_of, system_calls
from benchmarks.rows import groups
from benchmarks.showing import PARTS, profiles

SPACE = "{http://www.w3.org/2000/svg}"
LOOP = "EngineLoop._run_once (pynat/engine_loop.py:18)"
AROUND = f"run (pynat/engine_loop.py:27);{LOOP}"
RAW = f"""\
{AROUND};a (x.py:1);write (libc.so.6) 6
{AROUND};a (x.py:2);b (y.py:1) 3
start (x.py:3) 1
"""


@pytest.mark.parametrize(
    ("stack", "room"),
    [
        (("send (pynat/link/tap.py:202)", "write (libc.so.6)"), None),
        (("run (asyncio/events.py:1)", "__close (libc.so.6)"), None),
        (("send (pynat/link/tap.py:202)", "memcpy (libc.so.6)"), "pynat/link"),
        (("turn (pynat/engine.py:1)", "tcp_run (pynat/_fast.c:189)"), "pynat/_fast.c"),
        (("turn (pynat/engine.py:1)", "s_pack (_struct.c:19)"), "pynat/engine"),
        (("select (selectors.py:468)", "f (x.c:1)"), "event loop"),
        (("run_forever (asyncio/base_events.py:607)",), "event loop"),
        (("main (runpy.py:1)",), "Python"),
    ],
)
def test_rooms(stack: tuple[str, ...], room: str | None) -> None:
    assert room_of(stack) == room


PERF = """
 ffffffff81 tcp_sendmsg ([kernel.kallsyms])
 ffffffff82 __sys_sendmsg ([kernel.kallsyms])
 ffffffff83 x64_sys_call ([kernel.kallsyms])
 ffffffff84 do_syscall_64 ([kernel.kallsyms])
     7f0001 sendmsg (/usr/lib/libc.so.6)


 ffffffff81 tun_chr_write_iter ([kernel.kallsyms])
 ffffffff82 ksys_write ([kernel.kallsyms])
 ffffffff84 do_syscall_64 ([kernel.kallsyms])
     7f0001 write (/usr/lib/libc.so.6)


 ffffffff81 vfs_writev ([kernel.kallsyms])
 ffffffff82 do_writev ([kernel.kallsyms])
 ffffffff84 do_syscall_64 ([kernel.kallsyms])
     7f0001 writev (/usr/lib/libc.so.6)


 ffffffff81 do_iter_readv_writev ([kernel.kallsyms])
 ffffffff82 do_readv ([kernel.kallsyms])
 ffffffff84 do_syscall_64 ([kernel.kallsyms])
     7f0001 readv (/usr/lib/libc.so.6)


 ffffffff86 handle_softirqs ([kernel.kallsyms])
     7f0002 _PyEval_EvalFrameDefault (/usr/bin/python3)


     7f0003 _PyEval_EvalFrameDefault (/usr/bin/python3)
"""


def test_the_kernel_is_divided_by_system_calls() -> None:
    calls = {"sendmsg": 1, "write": 1, "writev": 1, "readv": 1}
    assert system_calls(PERF) == calls | {"interrupts": 1, "process": 1}


def test_stacks_begin_at_the_loop() -> None:
    assert folded(RAW) == {
        (LOOP, "a (x.py:1)", "write (libc.so.6)"): 6,
        (LOOP, "a (x.py:2)", "b (y.py:1)"): 3,
        ("start (x.py:3)",): 1,
    }


def test_a_packet_is_divided_by_both() -> None:
    calls = Counter({"process": 60, "write": 40})
    stacks: Stacks = {
        ("write (libc.so.6)",): 900,
        ("f (pynat/nat/udp.py:1)",): 75,
        ("f (pynat/link/tap.py:1)",): 25,
    }
    found = divided(5.0, calls, stacks)
    assert list(found) == ["pynat/nat", "kernel: write", "pynat/link"]
    assert list(found.values()) == pytest.approx([2.25, 2.0, 0.75])


def test_profiles_are_shown_side_by_side() -> None:
    parts = {f"part {number}": 20.0 - number for number in range(PARTS + 1)}
    text = profiles({"before": {"a": parts}, "after": {"a": {"part 0": 2.0}, "b": {"new": 1.0}}})
    assert "**a**\n\n| us/packet | before | after |\n| --- | ---: | ---: |\n" in text
    assert "| part 0 | 20.0 | 2.00 |" in text
    assert "| all other | 8.00 | 0.00 |" in text
    assert f"| together | {sum(parts.values()):.0f} | 2.00 |" in text
    assert "**b**" in text
    assert "| new |  | 1.00 |" in text


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
