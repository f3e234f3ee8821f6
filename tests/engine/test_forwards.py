"""Forwards with real sockets: what is written in the configuration, and what changes later."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP

from pynat.config import Config, Forward, ShownSource, Transport
from pynat.config.forwards import forward
from pynat.errors import ConfigError
from pynat.nat.messages import UdpAnswer
from tests.engine.running import Guest, Peer, running, scenario
from tests.frames import ROUTER, udp

LOCAL = IPv4Address("127.0.0.1")
ANY = Forward(Transport.TCP, LOCAL, 0, None, 80)


def lines(guest: Guest) -> str:
    return "\n".join(text for _, text in guest.link.lines)


def port_of(guest: Guest, number: int = 0) -> int:
    return guest.engine.router.incoming.forwards[number].host_port


@asynccontextmanager
async def program(
    place: int | Path, host: str = "127.0.0.1"
) -> AsyncIterator[asyncio.StreamReader]:
    """A host program that connects to a port or to a path."""
    if isinstance(place, int):
        reader, writer = await asyncio.open_connection(host, place)
    else:
        reader, writer = await asyncio.open_unix_connection(place)
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def hello(guest: Guest, reader: asyncio.StreamReader) -> Peer:
    peer = await Peer.called(guest, 80)
    peer.send("PA", b"hello from the guest")
    peer.send("FA")
    assert await reader.read() == b"hello from the guest"
    return peer


def test_a_host_program_reaches_the_guest_by_a_port_that_the_host_chose() -> None:
    async def run() -> None:
        async with running(Config(forwards=(ANY,))) as guest:
            assert f"forward 0: tcp:127.0.0.1:{port_of(guest)}-:80" in lines(guest)
            async with program(port_of(guest)) as reader:
                peer = await hello(guest, reader)
                assert peer.remote == ROUTER

    scenario(run)


def test_by_a_unix_socket_of_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "guest-80.sock"
    rules = forward(f"unix:{path}-:80")

    async def run() -> None:
        async with running(Config(forwards=rules)) as guest:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            for _ in range(2):
                async with program(path) as reader:
                    peer = await hello(guest, reader)
                    assert peer.remote == ROUTER
        assert not path.exists()

    scenario(run)


def test_a_dead_sockets_file_is_replaced_and_a_live_one_is_an_error(tmp_path: Path) -> None:
    dead, live, plain = (tmp_path / name for name in ("dead", "live", "plain"))
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(dead))
    plain.write_text("mine")
    rules = tuple(rule for path in (dead, live, plain) for rule in forward(f"unix:{path}-:80"))

    async def run() -> None:
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(live))
            other.listen()
            async with running(Config(forwards=rules)) as guest:
                assert list(guest.engine.router.incoming.forwards.values()) == [rules[0]]
                said = lines(guest)
                assert f"cannot listen on {live}: Address already in use" in said
                assert f"cannot listen on {plain}: Address already in use" in said
            assert live.exists()
            assert plain.read_text() == "mine"

    scenario(run)


def test_an_ipv6_loopback_port_leads_to_the_guest() -> None:
    async def run() -> None:
        rules = forward("tcp:[::1]:0-:80") + forward("udp:[::1]:0-:53")
        async with running(Config(forwards=rules)) as guest:
            async with program(port_of(guest), "::1") as reader:
                peer = await hello(guest, reader)
                assert peer.remote == ROUTER
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.connect(("::1", port_of(guest, 1)))
                sock.send(b"question")
                asked = await guest.expect(UDP)
                assert asked[IP].src == ROUTER
                guest.link.put(udp(ROUTER, asked[UDP].sport, b"answer", sport=53))
                assert await asyncio.get_running_loop().sock_recv(sock, 100) == b"answer"

    scenario(run)


def test_a_port_in_use_costs_this_forward_and_nothing_else() -> None:
    async def run() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            busy = replace(ANY, host_port=taken.getsockname()[1], source="net.toml: forwards[0]")
            async with running(Config(forwards=(busy, ANY))) as guest:
                (line,) = (text for level, text in guest.link.lines if level == 2)
                assert line == (
                    f"pynat: net.toml: forwards[0]: {busy}: cannot listen on 127.0.0.1 port"
                    f" {busy.host_port}: Address already in use; choose another port, or 0 for"
                    " any; the network goes on without this forward"
                )
                async with program(port_of(guest)) as reader:
                    await hello(guest, reader)

    scenario(run)


def test_a_forward_that_others_reach_says_so() -> None:
    async def run() -> None:
        rules = (replace(ANY, host_address=IPv4Address("0.0.0.0")), ANY)
        async with running(Config(forwards=rules)) as guest:
            (line,) = (text for _, text in guest.link.lines if "reachable" in text)
            assert line.startswith("forward 0: tcp:0.0.0.0:")
            assert line.endswith("; reachable from other machines")

    scenario(run)


def test_added_and_removed_while_running() -> None:
    async def run() -> None:
        async with running() as guest:
            engine = guest.engine
            number = engine.open_forward(ANY)
            port = port_of(guest, number)
            async with program(port) as reader:
                peer = await Peer.called(guest, 80)
                engine.shut_forward(number)
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", port)
                peer.send("PA", b"still here")  # what is open stays open
                assert await reader.read(100) == b"still here"
            assert engine.open_forward(ANY) == number + 1
            for wrong in ("tcp::0-10.9.9.9:80", "tcp::0-192.168.16.1:80"):
                with pytest.raises(ConfigError, match=r"guest address|router itself"):
                    engine.open_forward(*forward(wrong))

    scenario(run)


def test_datagrams_of_a_removed_forward_have_no_way_back() -> None:
    async def run() -> None:
        async with running() as guest:
            number = guest.engine.open_forward(replace(ANY, protocol=Transport.UDP))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect(("127.0.0.1", port_of(guest, number)))
                sock.send(b"question")
                asked = await guest.expect(UDP)
                guest.engine.shut_forward(number)
                assert guest.engine.router.output.asked() == []
                answer = udp(ROUTER, asked[UDP].sport, b"answer", sport=80)
                guest.link.put(answer)  # now a datagram like any other, to the host's loopback
                await guest.link.turn()
                assert len(guest.engine.router.udp) == 1

    scenario(run)


def test_the_peers_own_address_is_shown_where_the_guest_can_answer_it() -> None:
    async def run() -> None:
        config = Config(forwards=(replace(ANY, shown=ShownSource.PEER),))
        async with running(config) as guest, program(port_of(guest)) as reader:
            peer = await hello(guest, reader)
            assert peer.remote == ROUTER  # a loopback peer is the router

    scenario(run)


def test_an_answer_that_cannot_be_sent_is_counted() -> None:
    async def run() -> None:
        async with running(Config(forwards=(replace(ANY, protocol=Transport.UDP),))) as guest:
            everybody = (b"\xff" * 4, 9)  # a socket without SO_BROADCAST may not
            guest.engine.host.perform([UdpAnswer(0, everybody, b"x")])
            await guest.link.turn()
            assert guest.engine.notices.dropped == {"forward socket": 1}
            said = "an answer to 255.255.255.255 port 9 through forward 0 (udp:127.0.0.1:"
            assert said in lines(guest)

    scenario(run)
