"""Errors of a real path as the guest sees them: traceroute, path MTU, unreachable hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP

from pynat.config import Broadcast, Config, Udp
from pynat.testing.script import pattern
from tests import limits
from tests.engine.running import Guest, running, scenario
from tests.frames import ROUTER, ip, ping, udp
from tests.netns.network import EACH_DEVICE, HANGS, TapNetwork
from tests.netns.routed import (
    ECHO_PORT,
    FAR,
    GROUP,
    NARROW,
    NEAR,
    PROHIBITED,
    UNREACHABLE,
    forget_mtus,
    path,
    ping_sockets,
)
from tests.router.test_reassembly import cut, joined

pytestmark = pytest.mark.timeout(HANGS)
DEVICES = EACH_DEVICE

LONGEST = 65_507  # bytes of UDP or echo data
QUOTED = 548


@pytest.fixture(scope="module", autouse=True)
def routed() -> Iterator[None]:
    with path():
        yield


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_mtus()
    yield
    ping_sockets(allowed=True)


@pytest.fixture(params=[True, False], ids=["ping socket", "raw socket"])
def kind(request: pytest.FixtureRequest) -> None:
    if not request.param:
        limits.PING_GROUP.skip()
    ping_sockets(allowed=request.param)


async def answer_to(guest: Guest, sent: bytes) -> tuple[str, int, int]:
    """Who sent the ICMP message, its type and code; an error must quote `sent` to the letter."""
    guest.link.put(sent)
    packet = await guest.expect(ICMP)
    message = packet[ICMP]
    if message.type in (3, 11):
        length = packet[IP].len - 28
        assert bytes(message)[8 : 8 + length] == sent[14 : 14 + QUOTED]
    return packet[IP].src, message.type, message.code


def test_traceroute_by_udp() -> None:
    async def run() -> None:
        async with running() as guest:
            hops = [
                await answer_to(guest, udp(FAR, 33433 + ttl, pattern(32), ttl=ttl, id=500 + ttl))
                for ttl in (1, 2, 3)
            ]
            assert hops == [(ROUTER, 11, 0), (NEAR, 11, 0), (FAR, 3, 3)]

    scenario(run)


@pytest.mark.usefixtures("kind")
def test_traceroute_by_echo() -> None:
    async def run() -> None:
        async with running() as guest:
            hops = []
            for ttl in (1, 2, 3):
                request = ip(FAR, ttl=ttl, id=500 + ttl) / ICMP(type=8, id=7, seq=ttl)
                hops.append(await answer_to(guest, bytes(request / pattern(32))))
            assert hops == [(ROUTER, 11, 0), (NEAR, 11, 0), (FAR, 0, 0)]

    scenario(run)


@pytest.mark.usefixtures("kind")
def test_several_probes_under_way_at_once_are_told_apart() -> None:
    async def run() -> None:
        async with running() as guest:
            sent = {
                seq: bytes(ip(FAR, ttl=2, id=800 + seq) / ICMP(type=8, id=7, seq=seq) / b"same")
                for seq in range(1, 11)
            }
            for frame in sent.values():
                guest.link.put(frame)
            quoted = set()
            for _ in sent:
                error = await guest.expect(ICMP)
                assert (error[IP].src, error[ICMP].type) == (NEAR, 11)
                seq = error["ICMP in ICMP"].seq
                assert error["IP in ICMP"].id == 800 + seq
                quoted.add(seq)
            assert quoted == set(sent)

    scenario(run)


@pytest.mark.parametrize(("address", "code"), [(UNREACHABLE, 1), (PROHIBITED, 13)])
def test_what_a_router_says_comes_from_that_router(address: str, code: int) -> None:
    async def run() -> None:
        async with running() as guest:
            assert await answer_to(guest, udp(address, 9, b"x", id=3)) == (NEAR, 3, code)
            assert await answer_to(guest, ping(address, id=4)) == (NEAR, 3, code)

    scenario(run)


def mtu_told(packet: Any) -> tuple[int, int, int]:
    return packet[ICMP].type, packet[ICMP].code, packet[ICMP].nexthopmtu


def test_df_learns_the_mtu_of_the_path() -> None:
    """First from the router that could not pass it on, then from the host that remembers."""

    async def run() -> None:
        async with running() as guest:
            for sender in (NEAR, ROUTER):
                sent = udp(FAR, ECHO_PORT, pattern(1400), flags="DF", id=9)
                guest.link.put(sent)
                error = await guest.expect(ICMP)
                assert error[IP].src == sender
                assert mtu_told(error) == (3, 4, NARROW)
                assert error["IP in ICMP"].id == 9
            guest.link.put(udp(FAR, ECHO_PORT, pattern(NARROW - 28), flags="DF"))
            answer = await guest.expect(UDP)
            assert bytes(answer[UDP].payload) == pattern(NARROW - 28)
            assert guest.engine.notices.drops == {}

    scenario(run)


@pytest.mark.usefixtures("kind")
def test_df_on_a_ping_learns_it_too() -> None:
    async def run() -> None:
        async with running() as guest:
            for sender in (NEAR, ROUTER):
                guest.link.put(ping(FAR, pattern(1400), flags="DF", id=9))
                error = await guest.expect(ICMP)
                assert error[IP].src == sender
                assert mtu_told(error) == (3, 4, NARROW)
                assert (error["IP in ICMP"].id, error["ICMP in ICMP"].seq) == (9, 3)
            guest.link.put(ping(FAR, pattern(1200), flags="DF"))
            assert (await guest.expect(ICMP))[ICMP].type == 0

    scenario(run)


def test_without_df_the_host_fragments() -> None:
    async def run() -> None:
        async with running() as guest:
            for _ in range(2):
                guest.link.put(udp(FAR, ECHO_PORT, pattern(1400)))
                answer = await guest.expect(UDP)
                assert bytes(answer[UDP].payload) == pattern(1400)

    scenario(run)


def test_datagrams_in_a_row_too() -> None:
    """The kernel takes them as one message where they are short enough for the path."""
    rows = [pattern(size, start) for size in (1200, 1400) for start in range(20)]

    async def run() -> None:
        async with running() as guest:
            guest.link.put(udp(FAR, ECHO_PORT, b"to open the flow"))
            await guest.expect(UDP)
            for _ in range(2):
                for payload in rows:
                    guest.link.put(udp(FAR, ECHO_PORT, payload))
                answers = [(await guest.expect(UDP))[UDP].payload for _ in rows]
                assert list(map(bytes, answers)) == rows

    scenario(run)


def test_each_of_some_that_are_too_long_is_told_so() -> None:
    async def run() -> None:
        async with running() as guest:
            guest.link.put(udp(FAR, ECHO_PORT, b"to open the flow"))
            await guest.expect(UDP)
            for number in range(4):
                guest.link.put(udp(FAR, ECHO_PORT, pattern(1400, number), flags="DF", id=number))
            errors = [await guest.expect(ICMP) for _ in range(4)]
            assert {error[IP].src for error in errors} <= {NEAR, ROUTER}
            assert [mtu_told(error) for error in errors] == [(3, 4, NARROW)] * 4
            assert sorted(error["IP in ICMP"].id for error in errors) == [0, 1, 2, 3]

    scenario(run)


async def whole(guest: Guest) -> Any:
    pieces = [await guest.expect(IP)]
    while pieces[-1][IP].flags.MF:
        pieces.append(await guest.expect(IP))
    return joined(pieces)


def test_the_longest_datagram_goes_there_and_back() -> None:
    async def run() -> None:
        async with running() as guest:
            for frame in cut(udp(FAR, ECHO_PORT, pattern(LONGEST))):
                guest.link.put(frame)
            answer = await whole(guest)
            assert (answer[IP].src, answer[UDP].sport) == (FAR, ECHO_PORT)
            assert bytes(answer[UDP].payload) == pattern(LONGEST)

    scenario(run)


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("address", [FAR, ROUTER])
def test_the_longest_ping_goes_there_and_back(address: str) -> None:
    async def run() -> None:
        async with running() as guest:
            for frame in cut(ping(address, pattern(LONGEST))):
                guest.link.put(frame)
            answer = await whole(guest)
            assert (answer[IP].src, answer[ICMP].type, answer[ICMP].id) == (address, 0, 7)
            assert bytes(answer[ICMP].payload) == pattern(LONGEST)

    scenario(run)


@pytest.mark.parametrize("address", ["255.255.255.255", "192.168.16.255", GROUP])
def test_forwarded_broadcasts_are_answered_by_who_hears_them(address: str) -> None:
    async def run() -> None:
        async with running(Config(udp=Udp(broadcast=Broadcast.FORWARD))) as guest:
            guest.link.put(udp(address, ECHO_PORT, b"who is there?", ttl=2))
            answer = await guest.expect(UDP)
            assert (answer[IP].src, bytes(answer[UDP].payload)[:3]) == (NEAR, b"who")

    scenario(run)


def test_broadcast_addresses_of_the_hosts_nets_are_out_of_reach_by_default() -> None:
    async def run() -> None:
        async with running() as guest:
            guest.link.put(udp("10.9.1.255", ECHO_PORT, b"x"))
            error = await guest.expect(ICMP)
            assert (error[IP].src, error[ICMP].type, error[ICMP].code) == (ROUTER, 3, 13)

    scenario(run)


# ---------------------------------------------------------------- Linux as the guest
@pytest.mark.parametrize("method", ["-U", "-I"])
def test_traceroute_of_a_linux_guest(network: TapNetwork, method: str) -> None:
    shown = network.guest.run("traceroute", "-n", method, "-q", "1", "-w", "5", FAR).stdout
    assert [line.split()[1] for line in shown.splitlines()[1:]] == [ROUTER, NEAR, FAR]


def test_path_mtu_discovery_of_a_linux_guest(network: TapNetwork) -> None:
    ping = ("ping", "-n", "-c", "1", "-W", "5")
    refused = network.guest.run(*ping, "-M", "do", "-s", "1400", FAR, check=False).stdout
    assert f"Frag needed and DF set (mtu = {NARROW})" in refused
    assert "1 received" in network.guest.run(*ping, "-s", "1400", FAR).stdout


@pytest.mark.parametrize("address", [FAR, ROUTER])
def test_the_longest_ping_of_a_linux_guest(network: TapNetwork, address: str) -> None:
    shown = network.guest.run("ping", "-n", "-c", "1", "-W", "5", "-s", str(LONGEST), address)
    assert "1 received" in shown.stdout


@pytest.mark.parametrize(("address", "code"), [(UNREACHABLE, 1), (PROHIBITED, 13)])
def test_what_a_router_says_of_a_connection_comes_from_it(address: str, code: int) -> None:
    """The error that ends the host's connect keeps its code and its sender."""

    async def run() -> None:
        async with running() as guest:
            syn = bytes(ip(address, id=9) / TCP(sport=40_000, dport=80, flags="S", seq=7))
            assert await answer_to(guest, syn) == (NEAR, 3, code)

    scenario(run)
