"""The control socket: requests good and bad, clients slow and many."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from pynat.bochs.run import BOCHSRC_VARIABLE
from pynat.config import Config
from pynat.control import places, server
from pynat.control.client import ask
from pynat.control.commands import Commands
from pynat.control.protocol import MAX_LINE, TOO_LONG, Refused
from tests.engine.running import Guest, Peer, controlled_running, scenario
from tests.frames import ROUTER, ping, udp


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, path: Path) -> Client:
        return cls(*await asyncio.open_unix_connection(path, limit=1 << 24))

    async def ask(self, line: bytes | str, **arguments: object) -> Any:
        if isinstance(line, str):
            line = json.dumps({"command": line, **arguments}).encode()
        self.writer.write(line + b"\n")
        return await self.answer()

    async def answer(self) -> Any:
        return json.loads(await self.reader.readline())

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ctl"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def at(path: Path, **keys: Any) -> Config:
    return Config(control=str(path), **keys)


def test_only_this_user_may_connect_and_nothing_is_left_behind(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)):
            assert mode(path) == 0o600
            client = await Client.connect(path)
            assert (await client.ask("info"))["pid"] == os.getpid()
        assert list(path.parent.iterdir()) == []
        assert await client.reader.read() == b""  # it is told that the network has ended
        await client.close()

    scenario(run)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{", "not a JSON object on one line"),
        (b"\xff\xfe", "not a JSON object on one line"),
        (b"[]", 'an object with a "command"'),
        (b'{"command": 5}', 'an object with a "command"'),
        (b"[" * 50_000, "not a JSON object on one line"),
        (b'{"command": "flow"}', "no command 'flow'; there are: info, forward add"),
        (b'{"command": "flows", "all": 1}', "flows takes no 'all'"),
        (b'{"command": "forward add"}', "forward add needs 'rule'"),
        (b'{"command": "forward add", "rule": 7}', "7: must be text in quotes"),
        (b'{"command": "forward add", "rule": "x"}', "'x': must be [tcp|udp]:"),
        (
            b'{"command": "forward add", "rule": "::0-:1", "source": "me"}',
            "'me': must be one of router, peer",
        ),
        (b'{"command": "forward remove"}', 'needs a "rule" or a "number"'),
        (b'{"command": "forward remove", "number": 9}', "no forward 9"),
        (b'{"command": "forward remove", "number": [9]}', "no forward [9]"),
        (b'{"command": "forward remove", "number": true}', "no forward True"),
        (b'{"command": "forward remove", "rule": "::5-:1"}', "no forward ::5-:1"),
        (b'{"command": "capture stop"}', "no capture is being written"),
        (b'{"command": "capture start", "file": "/no/x"}', "in a folder that is there"),
        (b'{"command": "capture start", "file": "/"}', "must be a file; / is a folder"),
    ],
)
def test_a_wrong_request_is_answered_and_the_next_one_works(
    path: Path, line: bytes, error: str
) -> None:
    async def run() -> None:
        async with controlled_running(at(path)) as guest:
            client = await Client.connect(path)
            refused = await client.ask(line)
            assert refused["ok"] is False
            assert error in refused["error"]
            assert (await client.ask("info"))["ok"] is True
            assert guest.engine.notices.drops == {}
            await client.close()

    scenario(run)


class Echo:
    """Instead of commands."""

    def reply(self, line: bytes) -> bytes:
        return b"to " + line + b"\n"


class Terminal(asyncio.Transport):
    """Of a client of our own user that takes everything."""

    def __init__(self) -> None:
        super().__init__({"socket": self})
        self.answers: list[bytes] = []

    def getsockopt(self, *asked: int) -> bytes:
        return struct.pack("3i", os.getpid(), os.geteuid(), 0)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answers.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool:
        return False


def test_of_a_line_that_is_too_long_nothing_is_kept() -> None:
    client, terminal = server._Client(cast("Commands", Echo()), set()), Terminal()
    client.connection_made(terminal)
    for _ in range(20):
        client.data_received(b"x" * 50_000)
        assert len(client._received) <= MAX_LINE
    client.data_received(b"x\nnext\n")
    assert terminal.answers == [TOO_LONG, b"to next\n"]


def test_a_network_that_ends_before_it_answers(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def end() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile() as requests:
                requests.readline()

        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(Refused, match="/ctl: the network has ended"):
            ask(path, "info")
        ending.join()


def test_a_line_of_a_megabyte_is_an_error_and_takes_no_memory(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)):
            client = await Client.connect(path)
            client.writer.write(b'{"command": "' + b"x" * (1 << 20))
            await client.writer.drain()
            refused = await client.ask(b'"}')
            assert refused == {
                "ok": False,
                "error": f"a request longer than {MAX_LINE} bytes",
            }
            assert (await client.ask("info"))["ok"] is True
            await client.close()

    scenario(run)


def test_a_client_that_never_reads_waits_and_nobody_else_does(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)) as guest:
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.setblocking(False)
                deaf.connect(str(path))
                request = b'{"command": "stats"}\n' * 1000
                with contextlib.suppress(TimeoutError):
                    for _ in range(1000):
                        await asyncio.wait_for(loop.sock_sendall(deaf, request), 0.5)
                    pytest.fail("20 MB were taken from a client that reads nothing")
                client = await Client.connect(path)
                assert (await client.ask("info"))["ok"] is True
                guest.link.put(ping(ROUTER))
                while b"abcdefgh" not in await guest.link.take():
                    pass
                await client.close()

    scenario(run)


def test_answers_come_in_order_to_a_client_that_reads_late(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)):
            client = await Client.connect(path)
            lines = [json.dumps({"command": str(number)}).encode() for number in range(5000)]
            client.writer.write(b"\n".join(lines))
            client.writer.write_eof()  # and the last one has no newline
            for number in range(5000):
                assert f"no command '{number}';" in (await client.answer())["error"]
            assert await client.reader.read() == b""
            await client.close()

    scenario(run)


def test_there_are_only_so_many_clients(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CLIENTS", 2)

    async def run() -> None:
        async with controlled_running(at(path)):
            first, second = [await Client.connect(path) for _ in range(2)]
            assert (await second.ask("info"))["ok"] is True
            third = await Client.connect(path)
            assert (await third.answer())["error"] == "2 clients are connected already"
            await first.close()
            await second.ask("info")
            fourth = await Client.connect(path)
            assert (await fourth.ask("info"))["ok"] is True
            for client in (second, third, fourth):
                await client.close()

    scenario(run)


def test_a_fault_of_ours_is_reported_and_the_network_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with controlled_running(at(path)) as guest:

            def fail(*_: object) -> None:
                raise RuntimeError("something of ours is broken")

            monkeypatch.setattr(guest.engine.router, "flows", fail)
            client = await Client.connect(path)
            assert "a fault in pynat itself" in (await client.ask("flows"))["error"]
            assert (await client.ask("info"))["ok"] is True
            assert "something of ours is broken" in guest.link.lines[-1][1]
            await client.close()

    scenario(run)


# ---------------------------------------------------------------- what is told
async def _with_flows(guest: Guest) -> None:
    guest.link.put(udp("127.0.0.1", 9, b"never leaves"))
    guest.link.put(udp(ROUTER, 9, b"four"))
    guest.link.put(ping("198.51.100.9"))
    await guest.link.turn()


async def _read_to_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
    await writer.wait_closed()


def test_flows_stats_leases_and_neighbors(path: Path) -> None:
    async def run() -> None:
        listener = await asyncio.start_server(_read_to_the_end, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        config = at(path)
        async with listener, controlled_running(config) as guest:
            await _with_flows(guest)
            peer = Peer(guest, port)
            await peer.open()
            peer.send("PA", b"hello")
            await guest.link.turn()
            client = await Client.connect(path)
            told = await client.ask("flows")
            rows = {row["protocol"]: row for row in told["flows"]}
            tcp = rows["tcp"]
            assert (tcp["guest"], tcp["remote"]) == ("192.168.16.2:40000", f"{ROUTER}:{port}")
            assert (tcp["state"], tcp["bytes_from_guest"]) == ("ESTABLISHED", 5)
            assert 0 <= tcp["idle"] <= tcp["age"] <= told["time"]
            assert (tcp["retransmitted"], tcp["rto"] > 0, tcp["cwnd"] > 0) == (0, True, True)
            assert rows["udp"]["remote"] == f"{ROUTER}:9"
            assert rows["udp"]["bytes_from_guest"] == 4
            assert 0 < rows["udp"]["timer"] <= 600
            assert rows["echo"]["guest"] == "192.168.16.2 id 7"
            stats = await client.ask("stats")
            assert stats["flows"] == {"tcp": 1, "udp": 1, "echo": 1}
            assert stats["drops"]["ipv4 destination"] == 1
            assert stats["from_guest"]["frames"] == 7
            assert stats["to_guest"]["bytes"] > 54
            assert stats["card"] == {"ring full": 3}
            assert await client.ask("leases") == {"ok": True, "leases": []}
            (neighbor,) = (await client.ask("neighbors"))["neighbors"]
            assert (neighbor["address"], neighbor["mac"]) == ("192.168.16.2", "52:54:00:12:34:56")
            await client.close()

    scenario(run)


def test_a_forward_that_was_told_about_every_way(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)) as guest:
            client = await Client.connect(path)
            (row,) = (await client.ask("forward add", rule="tcp::0-:80"))["forwards"]
            assert row["number"] == 0
            assert (row["source"], row["open_to_all"]) == ("router", False)
            port = int(row["rule"].split(":")[2].split("-")[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            peer = await Peer.called(guest, 80)
            peer.send("PA", b"hello")
            assert await reader.read(100) == b"hello"
            writer.close()
            assert await client.ask("forward list") == {"ok": True, "forwards": [row]}
            again = await client.ask("forward add", rule=row["rule"])
            assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in str(again)
            same = row["rule"].replace("-:80", "-192.168.16.2:80")
            assert (await client.ask("forward remove", rule=same))["forwards"] == [row]
            assert await client.ask("forward list") == {"ok": True, "forwards": []}
            await client.close()

    scenario(run)


def test_a_range_is_opened_whole_or_not_at_all(path: Path) -> None:
    async def run() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            last = taken.getsockname()[1]
            async with controlled_running(at(path)):
                client = await Client.connect(path)
                rule = f"tcp::{last - 1}..{last}-:1..2"
                assert "Address already in use" in str(await client.ask("forward add", rule=rule))
                assert await client.ask("forward list") == {"ok": True, "forwards": []}
                await client.close()

    scenario(run)


def test_a_capture_of_the_moments_that_matter(path: Path, tmp_path: Path) -> None:
    async def run() -> None:
        file = tmp_path / "trouble.pcap"
        async with controlled_running(at(path)) as guest:
            client = await Client.connect(path)
            started = await client.ask("capture start", file=str(file))
            assert started == {"ok": True, "file": str(file)}
            assert (await client.ask("info"))["capture"] == str(file)
            guest.link.put(ping(ROUTER))
            await guest.link.turn()
            assert await client.ask("capture stop") == {"ok": True, "file": str(file)}
            assert (await client.ask("info"))["capture"] is None
            await client.close()
        assert b"abcdefgh" in file.read_bytes()

    scenario(run)


# ---------------------------------------------------------------- where it is
def test_a_path_that_cannot_be_had_costs_the_network_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(tmp_path / "no" / "ctl")) as guest:
            (said,) = (text for level, text in guest.link.lines if level == 2)
            assert said.startswith("pynat: no control socket: ")
            guest.link.put(ping(ROUTER))
            while b"abcdefgh" not in await guest.link.take():
                pass
        async with controlled_running(at(Path("none"))) as guest:
            assert not any("control" in text for _, text in guest.link.lines)

    scenario(run)


def test_the_folder_is_made_and_found_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "pynat"
    folder.mkdir()
    folder.chmod(0o755)
    dead, mine = folder / "4194305-card.sock", folder / "notes.txt"  # no process has that number
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(dead))
    mine.write_text("stays")

    async def run() -> None:
        async with controlled_running(Config()):
            assert mode(folder) == 0o700
            assert not dead.exists()
            (path,) = places.found()
            assert path == folder / f"{os.getpid()}-card.sock"
            assert places.found(os.getpid()) == [path]
            assert places.found(1) == []
            async with controlled_running(Config()) as second:  # another card with its MAC address
                assert not [text for level, text in second.link.lines if level == 2]
                assert set(places.found()) == {path, folder / f"{os.getpid()}-card-2.sock"}
            assert places.found() == [path]
        assert list(folder.iterdir()) == [mine]

    scenario(run)


def test_somebody_elses_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pynat").symlink_to(tmp_path / "elsewhere")

    async def run() -> None:
        async with controlled_running(Config()) as guest:
            said = [text for level, text in guest.link.lines if level == 2]
            assert "is not a folder of this user's" in said[0]
        assert list((tmp_path / "elsewhere").iterdir()) == []

    scenario(run)


# ---------------------------------------------------------------- which network this is
def test_the_folder_and_the_bochsrc_are_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv(places.BOCHSRC_VARIABLE, "/guests/one/bochsrc")

    async def run() -> None:
        async with controlled_running(at(path)):
            client = await Client.connect(path)
            info = await client.ask("info")
            assert (info["folder"], info["bochsrc"]) == (str(path.parent), "/guests/one/bochsrc")
            monkeypatch.delenv(places.BOCHSRC_VARIABLE)
            assert (await client.ask("info"))["bochsrc"] is None  # this process is no Bochs
            await client.close()

    scenario(run)


def test_a_plain_bochs_names_its_bochsrc_on_its_command_line(tmp_path: Path) -> None:
    program = tmp_path / "bochs-bin"
    program.symlink_to(sys.executable)
    code = "from pynat.control import places; print(places.bochsrc())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [str(program), "-c", code, "-q", "-f", "rc/bochsrc"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{tmp_path}/rc/bochsrc\n"


def test_bochs_is_told_its_bochsrc_under_the_name_that_is_looked_for() -> None:
    assert places.BOCHSRC_VARIABLE == BOCHSRC_VARIABLE
