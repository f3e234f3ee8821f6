"""Programs, Unix sockets and TCP ports of the host behind addresses of the guest's."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import TCP

from pynat.config import Config
from pynat.config.toml import read_toml
from pynat.host import destinations
from pynat.host.host import Host
from tests.engine.running import Guest, Peer, running, scenario

SERVER = "192.168.16.100"


def config(to: str) -> Config:
    return read_toml(f"guestfwd = ['tcp:{SERVER}:7-{to}']", "net.toml")


async def opened(guest: Guest, sport: int = 40_000) -> Peer:
    peer = Peer(guest, 7, sport, SERVER)
    await peer.open()
    return peer


def programs(guest: Guest) -> set[destinations._Program]:
    host = guest.engine.host
    assert isinstance(host, Host)
    return host._tcp._destinations._programs


async def none_left(guest: Guest) -> None:
    """Until the programs that run now have ended and are reaped."""
    for program in list(programs(guest)):
        gone = asyncio.Event()
        forget = program._gone

        def tell(ended: destinations._Program, forget: Any = forget, gone: Any = gone) -> None:
            forget(ended)
            gone.set()

        program._gone = tell
        await gone.wait()


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_program_is_at_the_other_end_of_the_stream() -> None:
    async def run() -> None:
        async with running(config("cmd:sed -e s/one/two/")) as guest:
            peer = await opened(guest)
            peer.send("PA", b"one\n" * 300)
            peer.send("FA")  # sed sees the end of file and answers what it still has
            assert await peer.read_to_eof() == b"two\n" * 300
            await none_left(guest)
        assert not programs(guest)

    scenario(run)


def test_an_urgent_byte_is_a_byte_like_any_other_to_a_program() -> None:
    async def run() -> None:
        async with running(config("cmd:cat")) as guest:
            peer = await opened(guest)
            peer.send("PAU", b"abc", urgptr=2)
            peer.send("PA", b"def")
            peer.send("FA")
            assert await peer.read_to_eof() == b"abcdef"

    scenario(run)


@pytest.mark.parametrize("to", ["cmd:/no/such/program -x", "unix:/no/such/socket"])
def test_what_cannot_be_reached_is_named(to: str) -> None:
    async def run() -> None:
        async with running(config(to)) as guest:
            Peer(guest, 7, 40_000, SERVER).send("S")
            assert (await guest.expect(TCP))[TCP].flags == "RA"
            assert any(f":7: {to}: no such file" in line for _, line in guest.link.lines)

    scenario(run)


def test_each_connection_has_its_own_program() -> None:
    async def run() -> None:
        async with running(config('cmd:sh -c "echo $$"')) as guest:
            first, second = await opened(guest, 1111), await opened(guest, 2222)
            pids = {bytes(await first.read_to_eof()), bytes(await second.read_to_eof())}
            assert len(pids) == 2

    scenario(run)


def test_a_program_that_is_not_there_refuses() -> None:
    async def run() -> None:
        async with running(config("cmd:/nowhere/at-all")) as guest:
            Peer(guest, 7, remote=SERVER).send("S")
            assert (await guest.expect(TCP))[TCP].flags == "RA"

    scenario(run)


@pytest.mark.parametrize("trap", ["", "trap : TERM;"])
def test_a_program_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, trap: str) -> None:
    monkeypatch.setattr(destinations, "GRACE", 0.1)

    async def run() -> None:
        async with running(
            config(f"cmd:sh -c '{trap} echo $$; while :; do sleep 60; done'".replace("'", '"'))
        ) as guest:
            peer = await opened(guest)
            pid = int(bytes((await guest.expect(TCP))[TCP].payload))
            assert is_there(pid)
            peer.send("RA")
            await none_left(guest)
            assert not is_there(pid)

    scenario(run)


def test_no_program_outlives_the_network() -> None:
    async def run() -> None:
        async with running(config('cmd:sh -c "echo $$; exec sleep 60"')) as guest:
            await opened(guest)
            pid = int(bytes((await guest.expect(TCP))[TCP].payload))
            assert os.getpgid(pid) == pid
        assert not is_there(pid)

    scenario(run)


def test_no_more_programs_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "MAX_PROGRAMS", 1)

    async def run() -> None:
        async with running(config("cmd:cat")) as guest:
            await opened(guest)
            Peer(guest, 7, 2222, SERVER).send("S")
            assert (await guest.expect(TCP))[TCP].flags == "RA"
            assert guest.engine.notices.dropped == {"host sockets": 1}

    scenario(run)


def test_a_unix_socket_and_a_tcp_port(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read())[::-1])
        writer.close()
        await writer.wait_closed()

    async def through(to: str) -> None:
        async with running(config(to)) as guest:
            peer = await opened(guest)
            peer.send("PA", b"hello")
            peer.send("FA")
            assert await peer.read_to_eof() == b"olleh"

    async def run() -> None:
        path = tmp_path / "echo"
        by_path = await asyncio.start_unix_server(echo, path)
        by_port = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with by_path, by_port:
            await through(f"unix:{path}")
            await through(f"tcp:127.0.0.1:{by_port.sockets[0].getsockname()[1]}")
        path.unlink(missing_ok=True)
        async with running(config(f"unix:{path}")) as guest:
            Peer(guest, 7, remote=SERVER).send("S")
            assert (await guest.expect(TCP))[TCP].flags == "RA"

    scenario(run)
