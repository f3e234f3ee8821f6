"""Into the guest by the control socket: ping, connections, waiting and watching."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP

from pynat import rules
from pynat.cli.main import main
from pynat.config import Config
from pynat.control import client as the_client
from pynat.control import server
from pynat.control.datagram_socket import DatagramSocket, framed
from pynat.inprocess.connection import CAPACITY
from pynat.nat.rows import Row
from pynat.router.router import Router
from pynat.wire import dhcp
from tests.control.test_server import Client, at
from tests.engine.running import Guest, Peer, controlled_running, scenario
from tests.frames import GUEST, ROUTER, ip, ping, udp


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ctl"


def asked(path: Path, work: Callable[[Guest, Client], Awaitable[None]], **keys: Any) -> None:
    async def run() -> None:
        async with controlled_running(at(path, **keys)) as guest:
            client = await Client.connect(path)
            await work(guest, client)
            await client.close()

    scenario(run)


async def told(client: Client, command: str, **arguments: object) -> asyncio.Task[Any]:
    """What will be answered."""
    task = asyncio.create_task(client.ask(command, **arguments))
    await asyncio.sleep(0)
    return task


# ---------------------------------------------------------------- ping
async def echo(guest: Guest, **changed: Any) -> None:
    request = await guest.expect(ICMP)
    assert (request[IP].src, request[IP].dst, request[ICMP].type) == (ROUTER, GUEST, 8)
    fields = {"id": request[ICMP].id, "seq": request[ICMP].seq} | changed
    data = fields.pop("data", bytes(request[ICMP].payload))
    guest.link.put(bytes(ip(ROUTER) / ICMP(type=0, **fields) / data))


def test_pings_are_answered_one_after_the_other(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        answer = await told(client, "ping", count=2, size=100)
        for _ in range(2):
            await echo(guest)
        found = await answer
        assert (found["ok"], found["sent"]) == (True, 2)
        assert [reply["sequence"] for reply in found["replies"]] == [1, 2]
        assert all(0 <= reply["seconds"] < 10 for reply in found["replies"])

    asked(path, work)


@pytest.mark.parametrize("changed", [{"id": 9999}, {"seq": 9}, {"data": b"other"}])
def test_another_reply_is_none_and_the_time_is_over(path: Path, changed: dict[str, Any]) -> None:
    async def work(guest: Guest, client: Client) -> None:
        answer = await told(client, "ping", count=1, timeout=0.05)
        await echo(guest, **changed)
        assert await answer == {"ok": True, "sent": 1, "replies": []}

    asked(path, work)


def test_a_client_that_leaves_waits_no_more(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)) as guest:
            client = await Client.connect(path)
            answer = await told(client, "ping", timeout=3600)
            await guest.expect(ICMP)
            answer.cancel()
            await client.close()
            other = await Client.connect(path)
            assert (await other.ask("info"))["ok"]
            assert len(guest.engine.router.output.timers) == 0
            await other.close()

    scenario(run)


# ---------------------------------------------------------------- connections
def test_a_connection_carries_bytes_and_both_ends(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        answer = await told(client, "connect", port=7)
        peer = await Peer.called(guest, 7)
        assert (await answer)["ok"]
        client.writer.write(b"hello\n")
        client.writer.write_eof()
        assert await peer.read_to_eof() == b"hello\n"
        peer.send("PA", b"world")
        peer.send("FA")
        assert await client.reader.read() == b"world"

    asked(path, work)


def test_the_guest_sees_the_router_and_a_new_port_each_time(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        seen = []
        for _ in range(2):
            answer = await told(client, "connect", port=7)
            syn = await guest.expect(TCP)
            assert syn[IP].src == ROUTER
            seen.append(syn[TCP].sport)
            refusal = TCP(sport=7, dport=syn[TCP].sport, flags="RA", ack=syn[TCP].seq + 1)
            guest.link.put(bytes(ip(ROUTER) / refusal))
            refused = await answer
            assert (refused["ok"], "refused" in refused["error"]) == (False, True)
        assert seen[0] != seen[1]

    asked(path, work)


def test_a_guest_that_does_not_answer_costs_the_time_and_nothing_else(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        refused = await client.ask("connect", port=7, timeout=0.05)
        assert refused["error"].startswith("timeout: no answer to the SYN within 0.05 s")
        assert (await client.ask("flows"))["flows"] == []

    asked(path, work)


def test_a_client_that_has_left_resets_the_connection(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)) as guest:
            client = await Client.connect(path)
            answer = await told(client, "connect", port=7)
            await Peer.called(guest, 7)
            await answer
            client.writer.transport.abort()
            flags = ""
            while "R" not in flags:
                flags = str((await guest.expect(TCP))[TCP].flags)
            assert guest.engine.router.flows(guest.link.now()) == []

    scenario(run)


def test_bytes_behind_the_request_are_the_connections(path: Path) -> None:
    """As from a pipe that ends: `printf ... | socat - UNIX:...`."""

    async def work(guest: Guest, client: Client) -> None:
        client.writer.write(b'{"command": "connect", "port": 7}\nhello')
        client.writer.write_eof()
        peer = await Peer.called(guest, 7)
        assert (await client.answer())["ok"]
        assert await peer.read_to_eof() == b"hello"
        peer.send("FPA", b"world")
        assert await client.reader.read() == b"world"

    asked(path, work)


def test_who_vanishes_before_the_guest_answers_holds_no_place(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(at(path)) as guest:
            for _ in range(server.MAX_CLIENTS):
                client = await Client.connect(path)
                answer = await told(client, "connect", port=7, timeout=3600)
                await guest.expect(TCP)
                answer.cancel()
                client.writer.transport.abort()
            await guest.link.turn()
            other = await Client.connect(path)
            assert (await other.ask("info"))["ok"]
            assert len(guest.engine.router.tcp) == 0
            await other.close()

    scenario(run)


def test_a_client_that_does_not_read_closes_the_guests_window(path: Path) -> None:
    """Nothing is kept for it beyond what the connection and the sockets hold."""

    async def work(guest: Guest, client: Client) -> None:
        answer = await told(client, "connect", port=7)
        peer = await Peer.called(guest, 7)
        await answer
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        window = 65_535
        while window:
            peer.send("PA", bytes(min(1000, window)))
            window = (await guest.expect(TCP))[TCP].window
        connections = guest.engine.router.in_process._connections.values()
        assert all(len(one.received) <= CAPACITY for one in connections)

    asked(path, work)


# ---------------------------------------------------------------- waiting
def test_a_port_listens_once_the_guest_says_so_itself(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        answer = await told(client, "wait", **{"for": "listen:80"})
        syn = await guest.expect(TCP)
        refusal = TCP(sport=80, dport=syn[TCP].sport, flags="RA", ack=syn[TCP].seq + 1)
        guest.link.put(bytes(ip(ROUTER) / refusal))
        await Peer.called(guest, 80)
        assert (await answer)["ok"]
        while "R" not in (await guest.expect(TCP))[TCP].flags:
            pass

    asked(path, work)


def test_who_asks_whether_a_port_listens_asks_seldom_and_leaves_no_flow(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        watcher = await Client.connect(path)
        assert (await watcher.ask("watch"))["ok"]
        answer = await told(client, "wait", **{"for": "listen:80", "timeout": 0.9})
        tries = 0
        while not answer.done():
            with contextlib.suppress(TimeoutError):
                syn = await asyncio.wait_for(guest.expect(TCP), 0.05)
                tries += syn[TCP].flags == "S"
                refusal = TCP(sport=80, dport=syn[TCP].sport, flags="RA", ack=syn[TCP].seq + 1)
                guest.link.put(bytes(ip(ROUTER) / refusal))
        assert 1 < tries <= 4  # at 0, 0.1, 0.3 and 0.7 s
        assert (await client.ask("flows"))["flows"] == []
        assert not [line for line in (await client.ask("log"))["lines"] if "tcp" in line["text"]]
        await watcher.close()
        assert "flow" not in (await watcher.reader.read()).decode()

    asked(path, work)


def discover(kind: int, *options: bytes) -> bytes:
    mac = bytes.fromhex("525400123456")
    head = bytes((1, 1, 6, 0)) + b"abcd" + bytes(20) + mac.ljust(16, b"\0") + bytes(192)
    message = head + bytes.fromhex("63825363") + bytes((53, 1, kind)) + b"".join(options) + b"\xff"
    return udp("255.255.255.255", 67, message, sport=68, src="0.0.0.0")


def test_a_lease_is_waited_for_and_told_to_who_watches(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        watcher = await Client.connect(path)
        assert (await watcher.ask("watch"))["ok"]
        answer = await told(client, "wait", **{"for": "lease"})
        guest.link.put(discover(dhcp.DISCOVER))
        await guest.link.turn()
        wanted = bytes((50, 4, 192, 168, 16, 2))
        server = bytes((54, 4, 192, 168, 16, 1))
        guest.link.put(discover(dhcp.ASK, wanted, server))
        assert (await answer)["ok"]
        event = await watcher.answer()
        assert (event["event"], event["address"]) == ("lease", GUEST)
        assert (await client.ask("wait", **{"for": "lease"}))["ok"]  # it was there before
        await watcher.close()

    asked(path, work)


def test_a_guest_that_begins_again_is_told_of(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        wanted, server = bytes((50, 4, 192, 168, 16, 2)), bytes((54, 4, 192, 168, 16, 1))
        guest.link.put(discover(dhcp.DISCOVER))
        guest.link.put(discover(dhcp.ASK, wanted, server))
        assert (await client.ask("wait", **{"for": "lease"}))["ok"]
        await client.ask("watch")
        for message in (discover(dhcp.ASK, wanted, server), discover(dhcp.DISCOVER, wanted)):
            guest.link.put(message)
            await guest.link.turn()
        guest.link.put(discover(dhcp.DISCOVER))  # it has had no answer yet
        guest.link.put(udp(ROUTER, 9, b"x", sport=2000))
        events = [await client.answer() for _ in range(2)]
        assert [event["event"] for event in events] == ["guest reset", "flow"]
        assert events[0]["address"] == GUEST
        assert events[0]["mac"] == "52:54:00:12:34:56"

    asked(path, work)


def test_a_machine_that_is_reset_is_told_of_once(path: Path) -> None:
    """Also of a guest without a lease; that one which has asked anew afterwards is no more news."""

    async def work(guest: Guest, client: Client) -> None:
        wanted, server = bytes((50, 4, 192, 168, 16, 2)), bytes((54, 4, 192, 168, 16, 1))
        guest.link.put(discover(dhcp.DISCOVER))
        guest.link.put(discover(dhcp.ASK, wanted, server))
        assert (await client.ask("wait", **{"for": "lease"}))["ok"]
        guest.link.put(udp(ROUTER, 9, b"x", sport=2000))
        await guest.link.turn()
        await client.ask("watch")
        guest.link.resets += 1
        guest.engine.wake()
        events = [await client.answer() for _ in range(3)]
        assert [event["event"] for event in events] == ["guest reset", "card off", "closed"]
        guest.link.put(discover(dhcp.DISCOVER))
        assert (await client.answer())["event"] == "card ready"
        guest.link.put(discover(dhcp.ASK, wanted, server))
        guest.link.put(udp(ROUTER, 9, b"x", sport=2000))
        assert (await client.answer())["event"] == "flow"

    asked(path, work)


def test_a_card_that_takes_no_frames_is_told_of_and_waited_for(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        assert (await client.ask("wait", **{"for": "card"}))["ok"]
        watcher = await Client.connect(path)
        await watcher.ask("watch")
        guest.link.refuses_since = 1.0
        guest.engine.wake()
        assert (await watcher.answer())["event"] == "card off"
        answer = await told(client, "wait", **{"for": "card"})
        guest.link.refuses_since = None
        guest.engine.wake()
        assert (await watcher.answer())["event"] == "card ready"
        assert (await answer)["ok"]
        await watcher.close()

    asked(path, work)


def test_findings_are_told_apart_from_drops(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        await client.ask("watch")
        guest.engine.notices.finding(rules.udp.NO_CHECKSUM, "seen", 1.0, udp(ROUTER, 9, b"x"))
        guest.engine.wake()
        event = await client.answer()
        assert (event["event"], event["code"], event["count"]) == ("finding", "UDP020", 1)

    asked(path, work)


def test_forwards_that_come_and_go_are_told_without_a_frame(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        watcher = await Client.connect(path)
        await watcher.ask("watch")
        (row,) = (await client.ask("forward add", rule="tcp:127.0.0.1:0-:80"))["forwards"]
        opened = await watcher.answer()
        assert (opened["event"], opened["number"], opened["rule"]) == ("forward", 0, row["rule"])
        await client.ask("forward remove", number=0)
        shut = await watcher.answer()
        assert (shut["event"], shut["number"], shut["rule"]) == ("forward removed", 0, row["rule"])
        await watcher.close()

    asked(path, work)


def test_flows_and_drops_are_told_to_who_watches(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        await client.ask("watch")
        guest.link.put(udp("198.51.100.9", 9, b"hello", ttl=1))
        guest.link.put(udp(ROUTER, 9, b"hello"))
        spoilt = bytearray(udp(ROUTER, 9, b"hello"))
        spoilt[40] ^= 1
        guest.link.put(bytes(spoilt))
        events = [await client.answer() for _ in range(2)]
        assert [event["event"] for event in events] == ["flow", "drop"]
        assert {"number", "protocol", "guest", "remote"} <= events[0].keys()
        assert (events[1]["code"], events[1]["count"]) == ("UDP002", 1)

    asked(path, work)


def test_who_watches_costs_no_row_while_no_flow_begins_or_ends(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[float] = []
    flows = Router.flows

    def counted(router: Router, now: float) -> list[Row]:
        listed.append(now)
        return flows(router, now)

    async def work(guest: Guest, client: Client) -> None:
        monkeypatch.setattr(Router, "flows", counted)
        await client.ask("watch")
        guest.link.put(udp("198.51.100.9", 9, b"hello"))
        assert (await client.answer())["event"] == "flow"
        before = len(listed)
        for _ in range(20):
            guest.link.put(udp("198.51.100.9", 9, b"hello"))
            await guest.link.turn()
        assert len(listed) == before

    asked(path, work)


def test_a_lease_of_one_guest(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        guest.link.put(discover(dhcp.DISCOVER))
        await guest.link.turn()
        wanted, ours = bytes((50, 4, 192, 168, 16, 2)), bytes((54, 4, 192, 168, 16, 1))
        guest.link.put(discover(dhcp.ASK, wanted, ours))
        assert (await client.ask("wait", **{"for": "lease", "guest": GUEST}))["ok"]
        other = {"for": "lease", "guest": "192.168.16.99", "timeout": 0.05}
        assert not (await client.ask("wait", **other))["ok"]

    asked(path, work)


def test_who_only_ends_waits_for_the_answers(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        lines = [{"command": "wait", "for": "finding:UDP002"}, {"command": "info"}]
        client.writer.write(b"\n".join(json.dumps(line).encode() for line in lines))
        client.writer.write_eof()
        await guest.link.turn()
        spoilt = bytearray(udp(ROUTER, 9, b"hello"))
        spoilt[40] ^= 1
        guest.link.put(bytes(spoilt))
        assert (await client.answer())["ok"]
        assert "version" in await client.answer()
        assert await client.reader.read() == b""

    asked(path, work)


def test_who_watches_and_does_not_read_is_told_in_sums(path: Path) -> None:
    """So nothing grows for it."""

    async def work(guest: Guest, client: Client) -> None:
        await client.ask("watch")
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        spoilt = bytearray(udp(ROUTER, 9, b"hello"))
        spoilt[40] ^= 1
        for _ in range(4000):
            guest.link.put(bytes(spoilt))
            await guest.link.turn()
        client.reader._transport.resume_reading()  # type: ignore[attr-defined]
        events: list[Any] = []
        while sum(event["count"] for event in events) < 4000:
            events.append(await client.answer())
            guest.link.put(ping(ROUTER))
        assert len(events) < 3999

    asked(path, work)


def test_what_does_not_come_is_told_with_the_time(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        for what in ("lease", "finding:TCP001", "listen:80"):
            refused = await client.ask("wait", timeout=0.05, **{"for": what})
            assert refused["error"].startswith(f"timeout: no {what} within 0.05 s of guest time")
        while len(guest.engine.router.tcp):  # until the SYN that asked is taken back
            await guest.link.turn()

    asked(path, work)


@pytest.mark.parametrize(
    ("command", "arguments", "error"),
    [
        ("wait", {"for": "rain"}, "expected card, lease, listen:PORT or finding:CODE"),
        ("wait", {"for": "finding:TCP999"}, "TCP999 is no code of a rule"),
        ("wait", {"for": "listen:0"}, "port 0: expected a whole number from 1 to 65535"),
        ("wait", {"for": "lease", "timeout": 0}, "timeout 0: expected seconds of guest time"),
        ("connect", {"port": "http"}, "port 'http': expected a whole number"),
        ("connect", {"port": 80, "guest": "x"}, "guest 'x': expected an address"),
        ("ping", {"guest": "::1"}, "guest '::1': expected an address in 192.168.16.0/24"),
        ("wait", {"for": "listen:²"}, "port '²': expected a whole number"),
        ("ping", {"count": True}, "count True: expected a whole number from 1 to 1000"),
        ("ping", {"size": 65_508}, "size 65508: expected a whole number from 0 to 65507"),
    ],
)
def test_wrong_arguments(
    path: Path, command: str, arguments: dict[str, object], error: str
) -> None:
    async def work(guest: Guest, client: Client) -> None:
        assert error in (await client.ask(command, **arguments))["error"]

    asked(path, work)


def test_requests_wait_for_the_one_before(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        lines = [{"command": "ping", "count": 1}, {"command": "info"}]
        client.writer.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        await echo(guest)
        assert (await client.answer())["sent"] == 1
        assert "version" in await client.answer()

    asked(path, work)


def test_a_request_that_comes_meanwhile_waits_too(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        first = await told(client, "ping", count=1)
        await guest.link.turn()
        client.writer.write(b'{"command": "info"}\n')
        await guest.link.turn()
        await echo(guest)
        assert (await first)["sent"] == 1
        assert "version" in await client.answer()

    asked(path, work)


def test_a_hermetic_network_has_a_socket_where_one_is_named(path: Path) -> None:
    async def run() -> None:
        async with controlled_running(Config(hermetic=True, control=str(path))):
            client = await Client.connect(path)
            assert (await client.ask("info"))["ok"]
            await client.close()

    scenario(run)


# ---------------------------------------------------------------- the client's end
def from_a_thread(path: Path, work: Callable[[], Any], meanwhile: Callable[[Guest], Any]) -> Any:
    """What `work` returns, which blocks, while the guest does `meanwhile`."""
    found: list[Any] = []

    async def run() -> None:
        async with controlled_running(at(path)) as guest:
            working = asyncio.create_task(asyncio.to_thread(work))
            await meanwhile(guest)
            found.append(await working)

    scenario(run)
    return found[0]


def test_a_connection_is_a_socket_like_any_other(path: Path) -> None:
    def work() -> bytes:
        with the_client.connect(path, 7) as sock:
            sock.sendall(b"hello")
            sock.shutdown(socket.SHUT_WR)
            with sock.makefile("rb") as answers:
                return answers.read()

    async def echo_tcp(guest: Guest) -> None:
        peer = await Peer.called(guest, 7)
        peer.send("FPA", await peer.read_to_eof())

    assert from_a_thread(path, work, echo_tcp) == b"hello"


def test_ctl_pings_and_waits(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ctl", "--socket", str(path)]
    assert from_a_thread(path, lambda: main([*words, "ping", "--count", "1"]), echo) == 0
    assert "1 of 1 answered" in capsys.readouterr().out

    async def nothing(guest: Guest) -> None:
        await guest.link.turn()

    unanswered = [*words, "ping", "--count", "1", "--timeout", "0.05"]
    assert from_a_thread(path, lambda: main(unanswered), nothing) == 1
    assert "0 of 1 answered" in capsys.readouterr().out
    wait = [*words, "wait", "lease", "--timeout", "0.05"]

    assert from_a_thread(path, lambda: main(wait), nothing) == 1
    assert "timeout: no lease within 0.05 s" in capsys.readouterr().err


# ---------------------------------------------------------------- datagrams
async def datagrams(client: Client, **words: object) -> int:
    """The port of the router's that they are at."""
    return int((await client.ask("udp", **words))["port"])


def test_datagrams_go_both_ways_each_as_one(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        own = await datagrams(client)
        for data in (b"hello", b""):
            client.writer.write(framed(data, 7))
            packet = await guest.expect(UDP)
            assert (packet[IP].src, packet[UDP].sport, packet[UDP].dport) == (ROUTER, own, 7)
            assert bytes(packet[UDP].payload)[: packet[UDP].len - 8] == data
        for port, data in ((7, b"world"), (8, b"")):
            guest.link.put(udp(ROUTER, own, data, sport=port))
            wanted = framed(data, port)
            assert await client.reader.readexactly(len(wanted)) == wanted

    asked(path, work)


def test_a_port_of_the_routers_can_be_chosen_and_is_free_again_afterwards(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        assert await datagrams(client, own=514) == 514
        other = await Client.connect(path)
        refused = await other.ask("udp", own=514)
        assert refused["error"] == "own 514: another control client has this port"
        assert "the router itself serves 53, 67, 69" in (await other.ask("udp", own=53))["error"]
        await client.close()
        while not (found := await other.ask("udp", own=514))["ok"]:
            pass
        assert found["port"] == 514
        await other.close()

    asked(path, work, hermetic=True)


def test_a_port_that_a_script_serves_is_the_scripts(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        router = guest.engine.router
        place = router.net.router, 514
        router.in_process.serve_udp(place, print)
        refused = await client.ask("udp", own=514)
        assert refused["error"] == "own 514: the network's script serves this port"
        assert router.in_process.udp == {place: print}

    asked(path, work)


def test_what_is_no_datagram_is_said_and_the_next_one_goes(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        await datagrams(client)
        client.writer.write(framed(b"x", 0) + framed(bytes(65_508), 7) + framed(b"hello", 7))
        assert bytes((await guest.expect(UDP))[UDP].payload).startswith(b"hello")
        other = await Client.connect(path)
        said = [line["text"] for line in (await other.ask("log"))["lines"]]
        assert any("expected port 1 to 65535 and at most 65507 bytes" in text for text in said)
        await other.close()

    asked(path, work)


def test_a_guest_that_is_in_the_net_no_more_is_said(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        await datagrams(client, guest=GUEST)
        net = guest.engine.router.net
        net.adopt(replace(net.network, net=IPv4Network("10.9.0.0/24")))
        client.writer.write(framed(b"hello", 7))
        other = await Client.connect(path)
        said = [line["text"] for line in (await other.ask("log"))["lines"]]
        assert any(f"guest '{GUEST}': expected an address in 10.9.0.0/24" in text for text in said)
        assert not any("Traceback" in text for text in said)
        await other.close()

    asked(path, work)


def test_a_port_at_which_the_guest_has_nobody_is_told(path: Path) -> None:
    async def work(guest: Guest, client: Client) -> None:
        own = await datagrams(client)
        client.writer.write(framed(b"hello", 9))
        packet = await guest.expect(UDP)
        error = ip(ROUTER) / ICMP(type=3, code=3) / packet[IP]
        guest.link.put(bytes(error))
        assert await client.reader.readexactly(4) == framed(None, 9)
        assert guest.engine.notices.drops == {}
        assert own

    asked(path, work)


class Pipe:
    """What a socket is asked for; gives what was put in, a byte at a time."""

    def __init__(self, received: bytes = b"") -> None:
        self._received = io.BytesIO(received)
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, size: int) -> bytes:
        return self._received.read(1)

    def settimeout(self, seconds: float | None) -> None: ...
    def close(self) -> None: ...


def test_a_datagram_socket_hears_the_port_that_it_was_made_for() -> None:
    pipe = Pipe(framed(b"other", 8) + framed(b"hello", 7) + framed(None, 8) + framed(None, 7))
    with DatagramSocket(pipe, 49_152, 7) as sock:
        assert sock.send(b"ping") == 4
        assert pipe.sent == framed(b"ping", 7)
        assert sock.recv(4) == b"hell"
        with pytest.raises(ConnectionRefusedError, match="nobody listens at port 7 of the guest's"):
            sock.recv()
        with pytest.raises(ConnectionResetError):
            sock.recv()


def test_a_datagram_socket_without_a_port_hears_all_and_says_where_to() -> None:
    sock = DatagramSocket(Pipe(framed(b"a", 8) + framed(b"b", 7)), 514)
    assert [sock.recvfrom(), sock.recvfrom()] == [(b"a", 8), (b"b", 7)]
    with pytest.raises(OSError, match="no port of the guest's; use sendto"):
        sock.send(b"x")
    with pytest.raises(OSError, match="at most 65507 bytes"):
        sock.sendto(bytes(65_508), 7)
    with pytest.raises(ValueError, match="port 0: expected one from 1 to 65535"):
        sock.sendto(b"", 0)
