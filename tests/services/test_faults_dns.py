"""What the name server does wrong when it is asked to."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.dns import DNS
from scapy.layers.inet import IP, UDP

from pynat.config.toml import read_toml
from pynat.testing.script import TcpScript
from tests.frames import ROUTER
from tests.services.faulty import Faulty

NAMES = '[dns]\nnames = {"a.test" = "192.0.2.7", "b.test" = "192.0.2.8", "x.b.test" = "192.0.2.9"}'


def lab(*faults: str) -> Faulty:
    lab = Faulty(*faults, config=read_toml(NAMES, "net.toml"))
    lab.arp()
    lab.to_guest()
    return lab


def asked(lab: Faulty, name: str = "a.test") -> Any:
    lab.ask(name)
    (answer,) = lab.answers()
    if DNS not in answer:  # it came from no port of DNS
        answer[UDP].payload = DNS(bytes(answer[UDP].payload))
    return answer


def right(answer: Any) -> bool:
    message = answer[DNS]
    return bool(
        (answer[IP].src, answer[UDP].sport, message.id, message.rcode, message.tc)
        == (ROUTER, 53, 0x1234, 0, 0)
        and message.qd[0].qname == b"a.test."
        and [one.rdata for one in message.an or []] == ["192.0.2.7"]
    )


def test_without_faults_all_is_well() -> None:
    assert right(asked(lab()))


@pytest.mark.parametrize(
    ("fault", "rcode"), [("servfail", 2), ("nxdomain", 3), ("refused", 5), ("empty", 0)]
)
def test_an_answer_without_records(fault: str, rcode: int) -> None:
    message = asked(lab(f"dns a.test {fault}"))[DNS]
    assert (message.id, message.rcode, message.an or []) == (0x1234, rcode, [])


def test_other_names_are_not_concerned() -> None:
    net = lab("dns b.test servfail", "dns *.example servfail")
    assert right(asked(net))
    assert asked(net, "b.test")[DNS].rcode == 2
    assert net.met() == [1, 0]


def test_so_many_times() -> None:
    net = lab("dns *.test servfail 2")
    assert [asked(net)[DNS].rcode for _ in range(3)] == [2, 2, 0]
    assert net.said("fault 1, dhcp") is False
    assert net.said("fault 1, dns *.test servfail 2: DNS 0x1234 type 1 a.test: servfail (1 of 2)")


def test_silent() -> None:
    net = lab("dns * silent 1")
    net.ask("a.test")
    assert net.answers() == []
    assert net.drops == {"fault": 1}
    assert right(asked(net))


def test_slow() -> None:
    net = lab("dns * slow 3 1")
    net.ask("a.test")
    net.wait(2.9)
    assert net.answers() == []
    net.wait(0.2)
    assert right(net.answers()[0])
    assert right(asked(net))


@pytest.mark.parametrize("fault", ["wrong-id", "wrong-question", "wrong-address", "wrong-port"])
def test_an_answer_that_a_guest_must_not_take(fault: str) -> None:
    net = lab(f"dns * {fault} 1")
    answer = asked(net)
    seen = {
        "wrong-id": answer[DNS].id,
        "wrong-question": answer[DNS].qd[0].qname,
        "wrong-address": answer[IP].src,
        "wrong-port": answer[UDP].sport,
    }
    wrong = {
        "wrong-id": 0x1235,
        "wrong-question": b"x.test.",
        "wrong-address": "192.168.16.254",
        "wrong-port": 10_053,
    }
    assert seen[fault] == wrong[fault]
    assert right(asked(net))


def test_a_wrong_question_is_not_the_right_one_by_chance() -> None:
    net = lab("dns * wrong-question 1")
    assert asked(net, "x.b.test")[DNS].qd[0].qname == b"y.b.test."


def test_garbage() -> None:
    net = lab("dns * garbage 1")
    payload = bytes(asked(net)[UDP].payload)
    assert (payload[:2], len(payload)) == (b"\x12\x34", 52)
    assert right(asked(net))


def test_truncated_over_udp_and_whole_over_tcp() -> None:
    net = lab("dns * truncated")
    message = asked(net)[DNS]
    assert (message.tc, message.an or []) == (1, [])
    flow = TcpScript(net, remote=ROUTER, remote_port=53)
    flow.guest("S 0:0(0) <mss 1460>")
    flow.to_guest()
    question = bytes(DNS(id=0x1234, rd=1, qd=message.qd))
    whole = len(question).to_bytes(2, "big") + question
    flow.guest(f"P. 1:{1 + len(whole)}({len(whole)}) ack 1", whole)
    assert DNS(flow.payload()[2:]).an[0].rdata == "192.0.2.7"
    assert net.met() == [1]
