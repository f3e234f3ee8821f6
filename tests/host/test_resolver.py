"""Asking resolvers on the loopback: answers, refusals, silence, forgeries."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import cast

import dns.message
import dns.rcode
import pytest

from pynat.config import Dns
from pynat.host.resolver import Resolver, Server, nameservers
from pynat.nat.messages import Event, Resolve, Resolved

LOOPBACK = "127.0.0.1"
Reaction = Callable[[bytes], list[bytes]]  # what a server sends for a question


def query(name: str = "Example.test") -> bytes:
    return dns.message.make_query(name, "A").to_wire()


def answered(question: bytes, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(question))
    message.set_rcode(rcode)
    return message.to_wire()


def good(question: bytes) -> list[bytes]:
    return [answered(question)]


def servfail(question: bytes) -> list[bytes]:
    return [answered(question, dns.rcode.SERVFAIL)]


def silent(question: bytes) -> list[bytes]:
    return []


class Listener(asyncio.DatagramProtocol):
    """A resolver on a port of the loopback, by UDP and TCP, with the questions that it got."""

    def __init__(self, react: Reaction) -> None:
        self.react = react
        self.asked: list[bytes] = []
        self.sources: list[tuple[str, int]] = []
        self.address: Server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        self.sources.append(addr)
        for answer in self.react(data):
            self.transport.sendto(answer, addr)

    async def by_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        question = await reader.readexactly(length)
        self.asked.append(question)
        for answer in self.react(question):
            data = len(answer).to_bytes(2, "big") + answer
            writer.write(data[:5])  # in pieces
            await writer.drain()
            writer.write(data[5:])
        writer.close()
        await writer.wait_closed()


class Bench:
    """A resolver under test, and the servers that it asks."""

    def __init__(self, events: asyncio.Queue[Event]) -> None:
        self.events = events
        self.closers: list[Callable[[], None]] = []

    async def server(self, react: Reaction, host: str = LOOPBACK) -> Listener:
        loop = asyncio.get_running_loop()
        server = Listener(react)
        listener = await asyncio.start_server(server.by_tcp, host, 0)
        port = listener.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(lambda: server, (host, port))
        self.closers += [listener.close, transport.close]
        address = IPv6Address(host) if ":" in host else IPv4Address(host)
        server.address = (address, port)
        return server

    async def refusing(self) -> Server:
        """An address at which nobody listens any more."""
        server = await self.server(silent)
        self.closers.pop()()
        self.closers.pop()()
        await asyncio.sleep(0)
        return server.address

    def resolver(self, *servers: Server, timeout: float = 20.0, tries: int = 2) -> Resolver:
        config = Dns(resolvers=servers, timeout=timeout, tries=tries)
        resolver = Resolver(config, asyncio.get_running_loop(), self.events.put_nowait)
        self.closers.append(resolver.close)
        return resolver

    async def resolve(self, resolver: Resolver, question: bytes, tcp: bool = False) -> bytes | None:
        resolver.start(Resolve(7, question, tcp))
        event = await self.events.get()
        assert isinstance(event, Resolved)
        assert event.query_id == 7
        assert self.events.empty()
        return event.answer


def run(test: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench(asyncio.Queue())
        try:
            await test(bench)
        finally:
            for close in bench.closers:
                close()
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)  # the servers see the end of their connections
            await asyncio.sleep(0)  # transports close their sockets in the next turn

    asyncio.run(main())


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("host", [LOOPBACK, "::1"])
def test_an_answer(host: str, tcp: bool) -> None:
    async def test(bench: Bench) -> None:
        try:
            server = await bench.server(good, host)
        except OSError:
            pytest.skip(f"this host has no {host}")
        question = query()
        answer = await bench.resolve(bench.resolver(server.address), question, tcp)
        assert answer == answered(question)
        assert [asked[2:] for asked in server.asked] == [question[2:]]

    run(test)


@pytest.mark.parametrize("tcp", [False, True])
def test_each_attempt_has_an_id_that_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, tcp: bool
) -> None:
    async def test(bench: Bench) -> None:
        failing, knowing = await bench.server(servfail), await bench.server(good)
        resolver = bench.resolver(failing.address, knowing.address)
        question = query()
        for _ in range(4):
            assert await bench.resolve(resolver, question, tcp) == answered(question)
        assert [asked[:2] for asked in failing.asked] == idents[::2]
        assert [asked[:2] for asked in knowing.asked] == idents[1::2]

    idents = [bytes((number, 255 - number)) for number in range(8)]
    secret = iter(idents)
    monkeypatch.setattr(secrets, "token_bytes", lambda size: next(secret))
    run(test)


def test_each_question_that_waits_has_a_port_of_its_own() -> None:
    async def test(bench: Bench) -> None:
        all_asked = asyncio.Event()

        def count(question: bytes) -> list[bytes]:
            if len(server.asked) == 8:
                all_asked.set()
            return []

        server = await bench.server(count)
        resolver = bench.resolver(server.address, timeout=1000)
        for number in range(8):
            resolver.start(Resolve(number, query()))
        await all_asked.wait()
        assert len(set(server.sources)) == 8

    run(test)


@pytest.mark.parametrize("tcp", [False, True])
def test_who_refuses_is_passed_over(tcp: bool) -> None:
    async def test(bench: Bench) -> None:
        failing, knowing = await bench.server(servfail), await bench.server(good)
        resolver = bench.resolver(await bench.refusing(), failing.address, knowing.address)
        question = query()
        assert await bench.resolve(resolver, question, tcp) == answered(question)
        assert (len(failing.asked), len(knowing.asked)) == (1, 1)

    run(test)


@pytest.mark.parametrize("tcp", [False, True])
def test_all_refuse_is_told_at_once(tcp: bool) -> None:
    async def test(bench: Bench) -> None:
        resolver = bench.resolver(await bench.refusing(), await bench.refusing(), timeout=1000)
        assert await bench.resolve(resolver, query(), tcp) is None

    run(test)


def test_what_a_failing_resolver_says_reaches_the_guest() -> None:
    async def test(bench: Bench) -> None:
        server = await bench.server(servfail)
        resolver = bench.resolver(server.address, await bench.refusing(), timeout=1000)
        question = query()
        assert await bench.resolve(resolver, question) == servfail(question)[0]
        assert len(server.asked) == 1

    run(test)


def test_no_such_name_is_an_answer() -> None:
    async def test(bench: Bench) -> None:
        server = await bench.server(lambda q: [answered(q, dns.rcode.NXDOMAIN)])
        other = await bench.server(good)
        question = query()
        answer = await bench.resolve(bench.resolver(server.address, other.address), question)
        assert answer == answered(question, dns.rcode.NXDOMAIN)
        assert other.asked == []

    run(test)


@pytest.mark.parametrize("tcp", [False, True])
def test_silence_ends_with_the_time(tcp: bool) -> None:
    async def test(bench: Bench) -> None:
        server = await bench.server(silent)
        listener = await asyncio.start_server(_never, LOOPBACK, 0)
        bench.closers.append(listener.close)
        address = listener.sockets[0].getsockname()
        target = (IPv4Address(address[0]), address[1]) if tcp else server.address
        resolver = bench.resolver(target, timeout=0.6)
        assert await bench.resolve(resolver, query(), tcp) is None
        if not tcp:
            assert len(server.asked) == 2

    run(test)


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the resolver gives up
    writer.close()
    await writer.wait_closed()


def test_a_second_try_gets_through() -> None:
    async def test(bench: Bench) -> None:
        server = await bench.server(lambda q: good(q) if len(server.asked) == 2 else [])
        question = query()
        resolver = bench.resolver(server.address, timeout=1.0)
        assert await bench.resolve(resolver, question) == answered(question)

    run(test)


def test_a_late_answer_of_the_first_resolver_counts() -> None:
    async def test(bench: Bench) -> None:
        late: list[bytes] = []
        first = await bench.server(lambda q: late.append(q) or [])  # type: ignore[func-returns-value]

        def second_is_asked(question: bytes) -> list[bytes]:
            first.transport.sendto(answered(late[0]), first.sources[0])
            return []

        second = await bench.server(second_is_asked)
        question = query()
        resolver = bench.resolver(first.address, second.address, timeout=2.0)
        assert await bench.resolve(resolver, question) == answered(question)

    run(test)


def forged(question: bytes) -> list[bytes]:
    right = answered(question)
    other = answered(query("evil.test"))
    return [
        b"",
        right[:11],
        bytes((right[0] ^ 1,)) + right[1:],  # another id
        question,  # no answer
        right[:2] + other[2:],  # another question
        right[:12],  # one question announced, none there
        right[:3] + b"\0" + bytes(8),  # no question, yet no error
        right,
    ]


def test_only_an_answer_to_our_question_counts() -> None:
    async def test(bench: Bench) -> None:
        server = await bench.server(forged)
        question = query()
        assert await bench.resolve(bench.resolver(server.address), question) == answered(question)

    run(test)


def test_who_cannot_read_the_question_may_leave_it_out() -> None:
    async def test(bench: Bench) -> None:
        formerr = bytes.fromhex("8081") + bytes(8)
        server = await bench.server(lambda q: [q[:2] + formerr])
        question = query()
        answer = await bench.resolve(bench.resolver(server.address), question)
        assert answer == question[:2] + formerr

    run(test)


def test_a_tcp_answer_that_breaks_off_is_a_refusal() -> None:
    async def test(bench: Bench) -> None:
        broken, knowing = await bench.server(silent), await bench.server(good)
        resolver = bench.resolver(broken.address, knowing.address, timeout=1000)
        question = query()
        assert await bench.resolve(resolver, question, tcp=True) == answered(question)

    run(test)


def test_many_at_once() -> None:
    async def test(bench: Bench) -> None:
        server = await bench.server(good)
        resolver = bench.resolver(server.address)
        questions = {i: query(f"n{i}.test") for i in range(100)}
        for ident, question in questions.items():
            resolver.start(Resolve(ident, question))
        for _ in range(len(questions)):
            event = await bench.events.get()
            assert isinstance(event, Resolved)
            assert event.answer == answered(questions.pop(event.query_id))

    run(test)


def test_nothing_is_told_after_close() -> None:
    async def test(bench: Bench) -> None:
        is_asked = asyncio.Event()
        late = await bench.server(lambda question: is_asked.set() or [])  # type: ignore[func-returns-value]
        knowing = await bench.server(good)
        closed, other = bench.resolver(late.address), bench.resolver(knowing.address)
        closed.start(Resolve(1, query()))
        await is_asked.wait()
        closed.close()
        late.transport.sendto(answered(late.asked[0]), late.sources[0])
        question = query()
        assert await bench.resolve(other, question) == answered(question)  # and nothing else

    run(test)


# ---------------------------------------------------------------- resolv.conf
def test_reads_all_nameservers() -> None:
    text = """
# a comment
; another
search lab.test
nameserver 10.0.0.1
nameserver\t2001:db8::1 # ours
nameserver fe80::1%eth0
nameserver nonsense
nameserver
options rotate
nameserver 10.0.0.1
nameserver 10.0.0.4
"""
    assert [str(address) for address, _ in nameservers(text)] == [
        "10.0.0.1",
        "2001:db8::1",
        "fe80::1%eth0",
        "10.0.0.4",
    ]


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        path = tmp_path / "resolv.conf"
        loop = asyncio.get_running_loop()
        resolver = Resolver(Dns(), loop, bench.events.put_nowait, path)
        localhost = (IPv4Address("127.0.0.1"), 53)
        assert resolver.servers() == (localhost,)
        path.write_text("nameserver 10.0.0.1\n")
        assert resolver.servers() == ((IPv4Address("10.0.0.1"), 53),)
        path.write_text("nameserver 10.0.0.2\n")
        os.utime(path, ns=(1, 1))
        assert resolver.servers() == ((IPv4Address("10.0.0.2"), 53),)
        path.write_text("# nobody\n")
        assert resolver.servers() == (localhost,)
        path.unlink()
        assert resolver.servers() == (localhost,)

    run(test)


def test_configured_resolvers_come_first(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        path = tmp_path / "resolv.conf"
        path.write_text("nameserver 10.0.0.1\n")
        server = (IPv6Address("::1"), 5353)
        loop = asyncio.get_running_loop()
        resolver = Resolver(Dns(resolvers=(server,)), loop, bench.events.put_nowait, path)
        assert resolver.servers() == (server,)

    run(test)


@pytest.mark.parametrize("name", ["nosuch0", "\u00b2", "9" * 5000, "a\0b"])
def test_an_interface_that_is_gone_is_a_refusal(name: str) -> None:
    async def test(bench: Bench) -> None:
        gone = (IPv6Address(f"fe80::1%{name}"), 53)
        knowing = await bench.server(good)
        question = query()
        resolver = bench.resolver(gone, knowing.address, timeout=1000)
        assert await bench.resolve(resolver, question) == answered(question)

    run(test)
