"""`pynat ctl` against an engine that runs."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from scapy.layers.inet import UDP

from pynat.cli.main import main
from pynat.config import Config
from pynat.log.notices import LAST, Level
from tests.engine.running import controlled_running, scenario
from tests.frames import ROUTER, udp


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


class Terminal:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.code = 0
        self.err = ""

    async def ctl(self, *words: str) -> str:
        """What it prints; the engine runs on meanwhile."""
        self._capsys.readouterr()
        self.code = await asyncio.to_thread(main, ["ctl", *words])
        out, self.err = self._capsys.readouterr()
        return out


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def test_the_only_network_is_found(terminal: Terminal) -> None:
    async def run() -> None:
        async with controlled_running(Config()) as guest:
            assert await terminal.ctl("flows") == "none\n"
            guest.link.put(udp(ROUTER, 9, b"four"))
            await guest.link.turn()
            heading, row = (await terminal.ctl("flows")).splitlines()
            assert heading.split()[:4] == ["no", "state", "guest", "remote"]
            assert row.split()[:6] == ["1", "udp", "open", "192.168.16.2:5000", f"{ROUTER}:9", "4"]
            (flow,) = json.loads(await terminal.ctl("flows", "--json"))["flows"]
            assert flow["bytes_from_guest"] == 4
            stats = await terminal.ctl("stats")
            assert "from guest: frames  2\n" in stats
            assert "card: ring full" in stats
            assert "192.168.16.2" in await terminal.ctl("neighbors")
            assert "192.168.16.0/24" in await terminal.ctl("info")
            assert await terminal.ctl("leases") == "none\n"

    scenario(run)


def test_what_the_guest_does_and_what_is_to_be_mended_first(terminal: Terminal) -> None:
    async def run() -> None:
        async with controlled_running(Config(), lint=True) as guest:
            guest.link.put(udp(ROUTER, 9, b"four", ttl=0))
            await guest.link.turn()
            page = await terminal.ctl("lint", "--summary")
            assert page.startswith(
                "what the guest's stack does:\n  link           works: frame sent"
            )
            assert "\n  1. IP031 error: ipv4 time to live zero: once, first in frame " in page
            heading, *rows = (await terminal.ctl("lint", "--exercised")).splitlines()
            assert heading.split()[:4] == ["chances", "found", "code", "what"]
            assert ["2", "0", "ETH001"] in [row.split()[:3] for row in rows]
            summary = json.loads(await terminal.ctl("--json", "lint", "--summary"))
            assert summary["findings"][0]["code"] == "IP031"
            assert "because of others" in await terminal.ctl("lint")

    scenario(run)


def test_without_the_linter_there_is_no_summary(terminal: Terminal) -> None:
    async def run() -> None:
        async with controlled_running(Config()):
            assert await terminal.ctl("lint", "--summary") == ""
            assert "lint.enabled = true" in terminal.err

    scenario(run)


def test_forwards_come_and_go(terminal: Terminal, tmp_path: Path) -> None:
    async def run() -> None:
        async with controlled_running(Config()):
            path = tmp_path / "guest.sock"
            added = await terminal.ctl("forward", "add", f"unix:{path}-:80", "--source", "peer")
            assert added.splitlines()[1].split() == ["0", f"unix:{path}-:80", "peer"]
            assert await terminal.ctl("forward", "list") == added
            assert await terminal.ctl("forward", "remove", f"unix:{path}-:80") == added
            assert await terminal.ctl("forward", "list") == "none\n"
            await terminal.ctl("forward", "add", "tcp::0-:80")
            assert "tcp:127.0.0.1:" in await terminal.ctl("forward", "remove", "1")
            assert await terminal.ctl("forward", "remove", "1") == ""
            assert terminal.code == 1
            assert terminal.err.startswith("pynat: no forward 1;")
            assert await terminal.ctl("forward", "remove", "9" * 5000) == ""
            assert terminal.err.startswith("pynat: '999")
            assert await terminal.ctl("forward", "add", "80:80") == ""
            assert terminal.err.startswith("pynat: '80:80': must be [tcp|udp]:")

    scenario(run)


def test_a_capture_is_where_the_caller_is(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def run() -> None:
        async with controlled_running(Config()):
            assert await terminal.ctl("capture", "start", "x.pcapng") == (
                f"file  {tmp_path}/x.pcapng\n"
            )
            assert str(tmp_path) in await terminal.ctl("capture", "stop")
            await terminal.ctl("capture", "stop")
            assert terminal.err == "pynat: no capture is being written\n"

    scenario(run)


def test_among_several_networks_one_is_chosen(terminal: Terminal, tmp_path: Path) -> None:
    async def run() -> None:
        other = tmp_path / "pynat" / "4711-other.sock"
        async with controlled_running(Config()), controlled_running(Config(control=str(other))):
            assert await terminal.ctl("flows") == ""
            assert terminal.code == 1
            assert "4711-other.sock" in terminal.err
            assert terminal.err.endswith(
                "pynat: 2 networks run; choose one with --pid or --socket\n"
            )
            assert await terminal.ctl("--pid", "4711", "flows") == "none\n"
            assert await terminal.ctl("--socket", str(other), "flows") == "none\n"
            assert len((await terminal.ctl("networks")).splitlines()) == 3

    scenario(run)


def test_no_network(terminal: Terminal, tmp_path: Path) -> None:
    async def run() -> None:
        await terminal.ctl("--pid", "1", "flows")
        assert "no network of process 1 with a control socket in" in terminal.err
        assert "a hermetic network has one only where `control` says its path" in terminal.err
        await terminal.ctl("--socket", str(tmp_path / "x"), "flows")
        assert terminal.err == f"pynat: {tmp_path}/x: No such file or directory\n"
        assert terminal.code == 1

    scenario(run)


def test_a_wire_that_gets_bad_while_it_runs(terminal: Terminal) -> None:
    async def run() -> None:
        async with controlled_running(Config()) as guest:
            told = await terminal.ctl("impair", "add", "from-guest udp drop first 1")
            assert told.splitlines()[1].split()[:1] == ["1"]
            guest.link.put(udp(ROUTER, 9, b"lost"))
            await guest.link.turn()
            assert await terminal.ctl("flows") == "none\n"
            row = (await terminal.ctl("impair", "list")).splitlines()[1]
            assert row.split() == ["1", *["from-guest", "udp", "first", "1", "drop"], "1", "1"]
            await terminal.ctl("impair", "remove", "1")
            assert await terminal.ctl("impair", "list") == "none\n"
            await terminal.ctl("impair", "remove", "1")
            assert "no rule 1" in terminal.err
            await terminal.ctl("impair", "add", "drp")
            assert "did you mean 'drop'?" in terminal.err
            await terminal.ctl("impair", "add", "loss 1%")
            await terminal.ctl("impair", "clear")
            assert await terminal.ctl("impair", "list") == "none\n"

    scenario(run)


def test_peers_while_it_runs(terminal: Terminal) -> None:
    async def run() -> None:
        async with controlled_running(Config()) as guest:
            assert await terminal.ctl("peer", "list") == "none\n"
            told = await terminal.ctl("peer", "set", "Slow.test:80", "refuse")
            assert told.splitlines()[1].split() == ["slow.test:80", "198.18.1.1", "refuse"]
            await terminal.ctl("peer", "set", "slow.test:80", "reset")
            await terminal.ctl("peer", "set", "other.test", "echo")
            rows = (await terminal.ctl("peer", "list")).splitlines()[1:]
            assert [row.split()[1:] for row in rows] == [
                ["198.18.1.1", "reset"],
                ["198.18.1.2", "echo"],
            ]
            guest.link.put(udp("198.18.1.2", 7, b"four"))
            answer = await guest.expect(UDP)
            assert bytes(answer[UDP].payload)[:4] == b"four"
            await terminal.ctl("peer", "remove", "slow.test:80")
            assert "slow" not in await terminal.ctl("peer", "list")
            await terminal.ctl("peer", "remove", "slow.test:80")
            assert terminal.code == 1
            assert "peer list tells those that there are" in terminal.err
            await terminal.ctl("peer", "set", "a.test", "slow")
            assert "'slow' is none" in terminal.err
            await terminal.ctl("peer", "set", "192.168.16.9", "reset")
            assert "in the guest's own net" in terminal.err

    scenario(run)


def test_faults_while_it_runs(terminal: Terminal) -> None:
    async def run() -> None:
        async with controlled_running(Config()):
            assert await terminal.ctl("fault", "list") == "none\n"
            told = await terminal.ctl("fault", "set", "dhcp  silent 3")
            assert told.splitlines()[1].split() == ["1", "dhcp", "silent", "3", "0", "3"]
            await terminal.ctl("fault", "set", "dns * servfail")
            assert len((await terminal.ctl("fault", "list")).splitlines()) == 3
            await terminal.ctl("fault", "clear", "1")
            assert "dhcp" not in await terminal.ctl("fault", "list")
            await terminal.ctl("fault", "clear", "1")
            assert terminal.code == 1
            assert "no fault 1; fault list tells those that there are" in terminal.err
            await terminal.ctl("fault", "clear")
            assert await terminal.ctl("fault", "list") == "none\n"
            await terminal.ctl("fault", "set", "dhcp silnt")
            assert "did you mean silent?" in terminal.err

    scenario(run)


# ---------------------------------------------------------------- whom it asks, what it prints
def ended(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["ctl", *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize("verb", ["flows", "networks"])
def test_a_folder_that_another_user_has_made_is_not_looked_into(
    verb: str, runtime: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime / "pynat").mkdir(mode=0o700)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert "is not a folder of this user's; move it away" in ended([verb], capsys)


def test_a_link_in_its_place_is_none(runtime: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "pynat").symlink_to(runtime / "elsewhere")
    assert "is not a folder of this user's" in ended(["flows"], capsys)


def test_a_folder_in_which_others_may_write_is_not_trusted(
    runtime: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runtime / "pynat").mkdir()
    (runtime / "pynat").chmod(0o777)
    assert "others may write there; chmod 700" in ended(["flows"], capsys)


def test_nothing_is_asked_of_another_users_socket(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with controlled_running(Config()):
            monkeypatch.setattr("pynat.control.client.unix.user_at", lambda _: 4711)
            assert await terminal.ctl("flows") == ""
            assert terminal.code == 1
            assert "user 4711 listens there, and you are" in terminal.err
            row = (await terminal.ctl("networks")).splitlines()[1]
            assert "user 4711 listens there" in row

    scenario(run)


EVIL = "\x1b]0;owned\x07\x9b2J\u202egnp\nforged\ud800"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"ok": True, "flows": [{"number": 1, "state": EVIL, "guest": EVIL}]}, 0),
        ({"ok": False, "error": EVIL}, 1),
        ({"ok": True, "flows": EVIL}, 1),
        ({"ok": True}, 1),
        ([], 1),
        (EVIL, 1),
        ({"ok": False}, 1),
    ],
)
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_what_a_network_answers_does_not_steer_the_terminal(
    answer: object, code: int, words: list[str], runtime: Path, terminal: Terminal
) -> None:
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async def run() -> None:
        server = await asyncio.start_unix_server(lie, runtime / "liar.sock")
        async with server:
            out = await terminal.ctl("--socket", str(runtime / "liar.sock"), *words, "flows")
        assert all(line.isprintable() for line in (out + terminal.err).splitlines())
        assert "\nforged" not in out + terminal.err
        if not words:
            assert terminal.code == code

    scenario(run)


def test_the_log_is_there_without_bochs_s_file(terminal: Terminal) -> None:
    async def run() -> None:
        async with controlled_running(Config()) as guest:
            guest.engine.notices.say(Level.ERROR, "one\ntwo")
            guest.engine.notices.limited("kind", "a \x1b[2J", 1.5)
            said = (await terminal.ctl("log")).splitlines()
            assert said[0].strip().startswith("network 192.168.16.0/24")
            assert [line.strip() for line in said[-3:-1]] == ["one", "two"]
            assert said[-1] == r"      1.500000  a \x1b[2J"
            *_, last = json.loads(await terminal.ctl("log", "--json"))["lines"]
            assert last == {"time": 1.5, "level": "info", "text": r"a \x1b[2J"}
            for _ in range(LAST):
                guest.engine.notices.say(Level.INFO, "again")
            assert (await terminal.ctl("log")).split() == ["again"] * LAST

    scenario(run)
