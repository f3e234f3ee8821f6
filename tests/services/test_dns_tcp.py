"""DNS over TCP at the router, with a guest that dawdles, pipelines, or asks and never reads."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRROPT, EDNS0TLV

from pynat.config import Config, Dns, Tcp
from pynat.nat.messages import Resolve, Resolved
from pynat.services.dns_tcp import MAX_QUESTION, MAX_QUESTIONS_AT_ONCE
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, introduce
from tests.frames import ROUTER

NAMES: dict[str, tuple[IPv4Address, ...]] = {"x.test": (IPv4Address("192.0.2.9"),)}


def message(name: str = "x.test", number: int = 7) -> bytes:
    data = bytes(DNS(id=number, rd=1, qd=DNSQR(qname=name)))
    return len(data).to_bytes(2, "big") + data


@pytest.fixture
def flow() -> TcpScript:
    lab = Lab(Config(dns=Dns(names=NAMES)))
    flow = TcpScript(lab, remote=ROUTER, remote_port=53)
    introduce(lab)
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.guest(". 1:1(0) ack 1")
    assert flow.lab.to_host() == []  # no socket of the host's has part in this
    return flow


def ask(flow: TcpScript, data: bytes, at: int = 1) -> None:
    flow.guest(f"P. {at}:{at + len(data)}({len(data)}) ack 1", data)


def test_a_question_in_two_pieces(flow: TcpScript) -> None:
    data = message()
    ask(flow, data[:3])
    assert flow.to_guest() == [". 1:1(0) ack 4"]
    ask(flow, data[3:], 4)
    assert DNS(flow.payload()[2:]).an[0].rdata == "192.0.2.9"


def test_questions_in_one_piece_are_all_answered(flow: TcpScript) -> None:
    ask(flow, message(number=1) + message(number=2))
    stream = flow.payload()
    size = int.from_bytes(stream[:2], "big")
    assert DNS(stream[2 : 2 + size]).id == 1
    assert DNS(stream[4 + size :]).id == 2


def test_the_hosts_answer_comes_and_then_the_end(flow: TcpScript) -> None:
    data = message("other.test")
    flow.guest(f"FP. 1:{1 + len(data)}({len(data)}) ack 1", data)
    (question,) = flow.lab.to_host()
    assert isinstance(question, Resolve)
    assert question.tcp
    assert question.query == data[2:]
    flow.to_guest()
    flow.host(Resolved(question.query_id, b"\0\x07answer that is long enough"))
    (answer,) = flow.to_guest()
    assert answer.startswith("FP. 1:")


def test_a_guest_that_asks_and_never_reads_is_not_answered_without_bound(flow: TcpScript) -> None:
    flow.guest(". 1:1(0) ack 1 win 0")
    data = message() * 30
    at = 1
    for _ in range(600):
        flow.guest(f"P. {at}:{at + len(data)}({len(data)}) ack 1 win 0", data)
        at += len(data)
    (tcp,) = flow.lab.router.tcp.flows()
    assert tcp.sender.buffered <= 300 * 1024
    assert tcp.receiver.held <= 256 * 1024


def test_answers_that_are_not_read_are_bounded_by_the_budget() -> None:
    lab = Lab(Config(tcp=Tcp(memory=1 << 20)))
    introduce(lab)
    data = message("long.test")
    for number in range(10):
        flow = TcpScript(lab, remote=ROUTER, remote_port=53, guest_port=20_000 + number)
        flow.guest("S 0:0(0) <mss 1460>")
        flow.to_guest()
        many = data * 16
        flow.guest(f"P. 1:{1 + len(many)}({len(many)}) ack 1 win 0", many)
        for action in lab.to_host():
            assert isinstance(action, Resolve)
            lab.from_host(Resolved(action.query_id, action.query + bytes(60_000)))
        assert lab.router.tcp.memory.used <= 1 << 20
    waiting = sum(one.pending for one in lab.router.in_process._connections.values())
    counted = waiting + sum(one.kept for one in lab.router.tcp.flows())
    assert counted == lab.router.tcp.memory.used
    assert waiting > 0


def test_an_answer_that_may_not_wait_is_servfail(flow: TcpScript) -> None:
    data = message("long.test")
    ask(flow, data * 20)
    for action in flow.lab.to_host():
        assert isinstance(action, Resolve)
        answer = bytes(DNS(action.query, qr=1)) + bytes(60_000)
        flow.lab.from_host(Resolved(action.query_id, answer))
    ask(flow, data, 1 + 20 * len(data))
    assert flow.lab.to_host() == []  # one that does not read is not asked for
    stream = bytearray()
    while piece := flow.payload():
        stream += piece
        flow.guest(f". {1 + 21 * len(data)}:{1 + 21 * len(data)}(0) ack {1 + len(stream)}")
    assert len(flow.lab.to_host()) == 1
    sizes, rcodes = [], []
    while stream:
        size = int.from_bytes(stream[:2], "big")
        sizes.append(size)
        rcodes.append(stream[5] & 15)
        del stream[: 2 + size]
    assert len(sizes) == 20
    assert {(size > 60_000, code) for size, code in zip(sizes, rcodes, strict=True)} == {
        (True, 0),
        (False, 2),
    }


def test_a_question_longer_than_any_ends_the_connection(flow: TcpScript) -> None:
    ask(flow, b"\xff\xff" + message()[2:])
    refused = DNS(flow.payload()[2:])
    assert (refused.id, refused.qr, refused.rcode) == (7, 1, 1)
    assert flow.lab.drops == {"dns length": 1}
    assert "a question of 65535 bytes by TCP, at most 2048 are read" in flow.lab.log[-1]
    for at in range(25, 60_025, 6000):
        ask(flow, bytes(6000), at)  # thrown away
    assert flow.lab.router.tcp.memory.used < 100


def test_a_long_question_is_asked(flow: TcpScript) -> None:
    data = bytes(
        DNS(
            id=7,
            rd=1,
            qd=DNSQR(qname="other.test"),
            ar=DNSRROPT(rdata=[EDNS0TLV(optcode=12, optdata=bytes(1990))]),
        )
    )
    assert MAX_QUESTION - 30 < len(data) <= MAX_QUESTION
    ask(flow, (len(data).to_bytes(2, "big") + data) * 20)
    assert flow.lab.to_host() == [Resolve(number, data, tcp=True) for number in range(1, 21)]


def test_a_guest_that_asks_much_is_asked_for_in_turns(flow: TcpScript) -> None:
    data = b"".join(message("other.test", number) for number in range(MAX_QUESTIONS_AT_ONCE + 5))
    ask(flow, data)
    asked = flow.lab.to_host()
    assert len(asked) == MAX_QUESTIONS_AT_ONCE
    (first, *_) = asked
    assert isinstance(first, Resolve)
    flow.host(Resolved(first.query_id, b"\0\0answer that is long enough"))
    assert len(flow.lab.to_host()) == 1
