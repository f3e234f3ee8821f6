"""DNS over TCP at the router, with a guest that dawdles, pipelines, or asks and never reads."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.layers.dns import DNS, DNSQR

from pynat.config import Config, Dns
from pynat.nat.messages import Resolve, Resolved
from pynat.services.dns_tcp import AT_ONCE
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


def test_a_guest_that_asks_much_is_asked_for_in_turns(flow: TcpScript) -> None:
    data = b"".join(message("other.test", number) for number in range(AT_ONCE + 5))
    ask(flow, data)
    asked = flow.lab.to_host()
    assert len(asked) == AT_ONCE
    (first, *_) = asked
    assert isinstance(first, Resolve)
    flow.host(Resolved(first.query_id, b"\0\0answer that is long enough"))
    assert len(flow.lab.to_host()) == 1
