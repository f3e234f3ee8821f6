"""`pynat top`: what it draws, without a terminal, and how it follows a network that runs."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pynat.cli import top_screen
from pynat.cli.main import main
from pynat.cli.top_screen import Moment, Size, screen
from pynat.config import Config
from tests.engine.running import controlled_running, scenario
from tests.frames import ROUTER, udp


def flow(number: int, bytes_: int, **changed: Any) -> dict[str, Any]:
    row = {
        "number": number,
        "protocol": "tcp",
        "state": "ESTABLISHED",
        "guest": f"192.168.16.2:{40000 + number}",
        "remote": "192.0.2.7:80",
        "bytes_from_guest": 100,
        "bytes_from_host": bytes_,
        "age": 1.5,
        "retransmitted": 0,
        "cwnd": 14600,
    }
    return row | changed


def moment(wall: float, guest: float, **changed: Any) -> Moment:
    answers: dict[str, Any] = {
        "info": {"card": "525400123456", "net": "192.168.16.0/24", "pid": 4711, "capture": None},
        "stats": {
            "time": guest,
            "from_guest": {"frames": 10, "bytes": 1000},
            "to_guest": {"frames": 20, "bytes": 2000},
            "drops": {},
        },
        "flows": [],
        "rules": [],
        "leases": [],
    }
    return Moment(wall=wall, **{**answers, **changed})


def drawn(now: Moment, before: Moment | None = None, width: int = 120, height: int = 30) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(screen(now, before, Size(width, height)))
    return console.export_text()


def line_of(text: str, word: str) -> str:
    (line,) = (line for line in text.splitlines() if word in line)
    return line


def test_the_head_says_which_network_it_is_and_how_fast_the_guest_goes() -> None:
    text = drawn(moment(12.0, 90.0), moment(10.0, 30.0))
    assert "525400123456" in text
    assert "192.168.16.0/24" in text
    assert "guest 90.000 s, 30.0 times as fast as the wall" in text
    assert "times as fast" not in drawn(moment(12.0, 90.0))


def test_counters_have_what_came_since() -> None:
    later = moment(12.0, 2.0)
    later.stats["to_guest"] = {"frames": 220, "bytes": 402_000}
    line = line_of(drawn(later, moment(10.0, 1.0)), "402.0 kB")
    assert line.split() == ["to", "guest", "220", "402.0", "kB", "100", "frames/s", "200.0", "kB/s"]


def test_the_busiest_flow_stands_first() -> None:
    before = moment(10.0, 1.0, flows=[flow(1, 5000), flow(2, 1000)])
    now = moment(12.0, 2.0, flows=[flow(1, 5000), flow(2, 9000, retransmitted=3)])
    lines = drawn(now, before).splitlines()
    (first, second) = (line for line in lines if "192.0.2.7:80" in line)
    assert "192.168.16.2:40002" in first
    assert "4.0 kB/s" in first
    assert "192.168.16.2:40001" in second


def test_of_many_flows_those_that_fit_are_shown() -> None:
    now = moment(10.0, 1.0, flows=[flow(n, n) for n in range(1, 100)])
    text = drawn(now, height=24)
    assert len(text.splitlines()) <= 24
    assert "192.168.16.2:40099" in text
    assert "more flows" in text


def test_a_narrow_terminal_still_names_both_ends() -> None:
    text = drawn(moment(10.0, 1.0, flows=[flow(1, 123_000)]), width=80)
    line = line_of(text, "ESTABLISHED")
    assert line.split() == ["1", "ESTABLISHED", "192.168.16.2:40001", "192.0.2.7:80", "123.0", "kB"]


def test_findings_and_drops_and_which_are_new() -> None:
    rule = {"code": "TCP044", "severity": "warning", "count": 2, "name": "too early"}
    before = moment(10.0, 1.0, rules=[rule])
    now = moment(12.0, 2.0, rules=[rule | {"count": 5}])
    line = line_of(drawn(now, before), "TCP044")
    assert line.split() == ["5", "+3", "TCP044", "warning", "too", "early"]
    later = moment(14.0, 3.0, rules=now.rules)
    assert "+" not in line_of(drawn(later, now), "TCP044")


def test_leases_are_shown() -> None:
    lease = {"address": "192.168.16.2", "mac": "52:54:00:12:34:56", "state": "bound", "left": 60.0}
    assert "192.168.16.2 52:54:00:12:34:56 bound" in drawn(moment(1.0, 1.0, leases=[lease]))


def test_nothing_of_a_guests_steers_the_terminal() -> None:
    text = drawn(moment(1.0, 1.0, flows=[flow(1, 1, remote="[red]x\x1b[2J")]))
    assert "\x1b" not in text
    assert "[red]x" in text


# ---------------------------------------------------------------- of a network that runs
@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_once_is_for_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        async with controlled_running(Config()) as guest:
            guest.link.put(udp(ROUTER, 9, b"four"))
            await guest.link.turn()
            assert await asyncio.to_thread(main, ["top", "--once"]) == 0

    scenario(run)
    assert "192.168.16.2:5000" in capsys.readouterr().out


def test_it_ends_with_the_network(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        shown = asyncio.Event()
        loop = asyncio.get_running_loop()
        draw = top_screen.screen

        def watched(*given: Any) -> Any:
            loop.call_soon_threadsafe(shown.set)
            return draw(*given)

        monkeypatch.setattr(top_screen, "screen", watched)
        async with controlled_running(Config()):
            command = asyncio.create_task(asyncio.to_thread(main, ["top", "--interval", "0.01"]))
            await shown.wait()
        assert await command == 0

    scenario(run)
    assert "the network has ended" in capsys.readouterr().err


def test_without_a_network_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once"]) == 1
    assert "no network with a control socket" in capsys.readouterr().err


def test_without_rich_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['rich'] = None; from pynat.cli.main import main"
    command = [sys.executable, "-c", f"{program}; sys.exit(main(['top', '--once']))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "pynat: `pynat top` draws by rich, which is not installed:"
        " pip install 'bochs-pynat[top]'; `pynat ctl flows` needs nothing\n"
    )


@pytest.mark.parametrize("text", ["0", "x", "-1"])
def test_an_interval_is_a_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["top", "--interval", text])
    assert f"'{text}' is not a number of seconds above 0" in capsys.readouterr().err
