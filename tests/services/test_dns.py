"""The forwarder; dnspython writes the questions and reads the answers."""

from __future__ import annotations

import errno
from collections import Counter

import dns.flags
import dns.message
import dns.rcode
import pytest

from pynat.config.toml import read_toml
from pynat.log.notices import Notices
from pynat.nat.messages import Resolve, Resolved
from pynat.services.dhcp import DhcpServer
from pynat.services.dns import MAX_QUESTIONS, DnsForwarder
from pynat.wire import dhcp
from tests.spoiling import samples, spoilt

CONFIG = """
[dns]
names = {"Mirror.test" = "192.168.16.1", "two.test" = ["1.2.3.4", "5.6.7.8"]}
"""


class Forwarder:
    def __init__(self, text: str = CONFIG) -> None:
        self.said: list[str] = []
        self.notices = Notices(lambda level, line: self.said.append(line))
        config = read_toml(text, "test.toml")
        self.dhcp = DhcpServer(config, self.notices)
        self.asked: list[Resolve] = []
        self.engine = DnsForwarder(config, self.notices, self.dhcp.guests, self.asked.append)
        self.answers: list[bytes] = []
        self.now = 0.0

    def to_host(self) -> list[Resolve]:
        asked = self.asked.copy()
        self.asked.clear()
        return asked

    def ask(self, data: bytes, tcp: bool = False) -> None:
        self.engine.ask(data, tcp=tcp, now=self.now, answer=self._answer)

    def _answer(self, message: bytes, _: float) -> None:
        self.answers.append(message)

    def answer(self) -> dns.message.Message:
        (data,) = self.answers
        self.answers.clear()
        return dns.message.from_wire(data)

    def knows(self, name: str) -> bool:
        """Whether the host is not asked."""
        self.ask(query(name))
        return self.to_host() == []

    def known(self, name: str, kind: str = "A") -> str:
        """What is answered without the host."""
        question = query(name, kind)
        self.ask(question)
        assert self.to_host() == []
        message = self.answer()
        assert dns.message.from_wire(question).is_response(message)
        records = [f"{rrset[0].rdtype.name} {item}" for rrset in message.answer for item in rrset]
        return " ".join([dns.rcode.to_text(message.rcode()), *records])


def query(name: str = "example.test", kind: str = "A", size: int | None = None) -> bytes:
    message = dns.message.make_query(name, kind, use_edns=size is not None, payload=size or 0)
    return message.to_wire()


def response(question: bytes, count: int = 1) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(question))
    name = message.question[0].name
    addresses = [f"10.1.{i // 250}.{i % 250}" for i in range(count)]
    message.answer.append(dns.rrset.from_text_list(name, 60, "IN", "A", addresses))
    return message.to_wire(max_size=65535)


@pytest.fixture
def forwarder() -> Forwarder:
    return Forwarder()


# ---------------------------------------------------------------- names that we know
def call(
    forwarder: Forwarder,
    name: bytes,
    number: int = 1,
    kind: int = dhcp.ASK,
    fqdn: bytes | None = None,
) -> None:
    """A guest asks for 192.168.16.(10 + number) and says what it is called."""
    options = {dhcp.KIND: bytes((kind,)), dhcp.WANTED: bytes((192, 168, 16, 10 + number))}
    options |= {dhcp.HOSTNAME: name} if name else {}
    options |= {dhcp.FQDN: fqdn} if fqdn is not None else {}
    message = dhcp.Message(dhcp.REQUEST, 1, bytes((2, 0, 0, 0, 0, number)), options=options)
    assert forwarder.dhcp.from_guest(dhcp.encode(message)[0], 0.0)


def test_guests_have_the_names_that_they_give_themselves() -> None:
    forwarder = Forwarder('dhcp.domain = "Lab.test"\ndhcp.lease = 100')
    call(forwarder, b"Box.elsewhere\0")
    assert forwarder.known("box") == "NOERROR A 192.168.16.11"
    assert forwarder.known("BOX.lab.test") == "NOERROR A 192.168.16.11"
    assert forwarder.known("box.lab.test", "AAAA") == "NOERROR"
    assert forwarder.known("11.16.168.192.in-addr.arpa", "PTR") == "NOERROR PTR box.lab.test."
    call(forwarder, b"")  # renewed without its name
    assert forwarder.known("box") == "NOERROR A 192.168.16.11"
    call(forwarder, b"crate")
    assert forwarder.known("crate") == "NOERROR A 192.168.16.11"
    assert not forwarder.knows("box")
    forwarder.now = 101.0
    assert not forwarder.knows("crate")
    assert forwarder.known("11.16.168.192.in-addr.arpa", "PTR") == "NXDOMAIN"


@pytest.mark.parametrize(
    "option",
    [
        b"\x05\0\0\x03Box\x04corp\x04test\0",
        b"\x04\xff\xff\x03box",  # without a domain, and so without the root (RFC 4702 2.3.1)
        b"\0\0\0BOX.corp.test",
        b"\x01\0\0box",
        b"\0\0\0box\0",
    ],
)
@pytest.mark.parametrize("other", [b"", b"other"])
def test_guests_name_themselves_by_option_81_too(
    forwarder: Forwarder, option: bytes, other: bytes
) -> None:
    call(forwarder, other, fqdn=option)
    assert forwarder.known("box") == "NOERROR A 192.168.16.11"
    assert forwarder.known("11.16.168.192.in-addr.arpa", "PTR") == "NOERROR PTR box."


@pytest.mark.parametrize(
    "option",
    [
        *(b"", b"\x04", b"\x04\0\0", b"\x04\0\0\0", b"\x04\0\0\x09box", b"\x04\0\0\x05a.b.c"),
        *(b"\0\0\0", b"\0\0\0.box", b"\0\0\0a b", b"\x04\0\0\x09localhost\0"),
    ],
)
def test_where_option_81_names_no_host_option_12_counts(
    forwarder: Forwarder, option: bytes
) -> None:
    call(forwarder, b"other", fqdn=option)
    assert forwarder.known("11.16.168.192.in-addr.arpa", "PTR") == "NOERROR PTR other."


def test_a_reserved_host_name_is_known_from_the_start() -> None:
    lease = '"52:54:00:00:00:01" = {address = "192.168.16.9", hostname = "Box"}'
    forwarder = Forwarder(f'dhcp.domain = "lab.test"\n[dhcp.static]\n{lease}')
    assert forwarder.known("box") == "NOERROR A 192.168.16.9"
    assert forwarder.known("box.lab.test") == "NOERROR A 192.168.16.9"
    assert forwarder.known("9.16.168.192.in-addr.arpa", "PTR") == "NOERROR PTR box.lab.test."


def test_the_first_of_two_guests_of_one_name_has_it(forwarder: Forwarder) -> None:
    call(forwarder, b"box", 2)
    call(forwarder, b"box", 1)
    call(forwarder, b"box", 2)
    assert forwarder.known("box") == "NOERROR A 192.168.16.11"
    assert forwarder.known("12.16.168.192.in-addr.arpa", "PTR") == "NOERROR PTR box."


@pytest.mark.parametrize("name", [b"localhost", b"a b", b"-x", b"\xff", b"", b".", b"x" * 64])
def test_no_guest_takes_a_name_that_no_host_has(forwarder: Forwarder, name: bytes) -> None:
    call(forwarder, name)
    assert forwarder.known("11.16.168.192.in-addr.arpa", "PTR") == "NXDOMAIN"


def test_no_guest_takes_a_name_of_ours(forwarder: Forwarder) -> None:
    call(forwarder, b"host.internal")
    assert forwarder.known("host.internal") == "NOERROR A 192.168.16.1"
    call(forwarder, b"offered", 2, dhcp.DISCOVER)
    assert not forwarder.knows("offered")


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("mirror.TEST", "A", "NOERROR A 192.168.16.1"),
        ("two.test", "A", "NOERROR A 1.2.3.4 A 5.6.7.8"),
        ("two.test", "ANY", "NOERROR A 1.2.3.4 A 5.6.7.8"),
        ("two.test", "AAAA", "NOERROR"),
        ("host.internal", "A", "NOERROR A 192.168.16.1"),
        ("gateway.internal", "A", "NOERROR A 192.168.16.1"),
        ("host.docker.internal", "A", "NOERROR A 192.168.16.1"),
        ("host.docker.internal", "AAAA", "NOERROR"),
        ("1.16.168.192.in-addr.arpa", "PTR", "NOERROR PTR gateway.internal."),
        ("1.16.168.192.in-addr.arpa", "A", "NOERROR"),
        ("8.7.6.5.in-addr.arpa", "PTR", "NOERROR PTR two.test."),
        ("2.16.168.192.in-addr.arpa", "PTR", "NXDOMAIN"),
    ],
)
def test_known_names(forwarder: Forwarder, name: str, kind: str, answer: str) -> None:
    assert forwarder.known(name, kind) == answer
    assert forwarder.engine.pending == 0


@pytest.mark.parametrize("text", ["", "hermetic = true", "restricted = true"])
@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("localhost", "A", "NOERROR A 127.0.0.1"),
        ("LocalHost", "AAAA", "NOERROR AAAA ::1"),
        ("www.localhost", "A", "NOERROR A 127.0.0.1"),
        ("a.b.localhost", "AAAA", "NOERROR AAAA ::1"),
        ("localhost", "MX", "NOERROR"),
        ("localhost", "ANY", "NOERROR A 127.0.0.1 AAAA ::1"),
        ("1.0.0.127.in-addr.arpa", "PTR", "NOERROR PTR localhost."),
        ("1.0.0.127.in-addr.arpa", "A", "NOERROR"),
        ("2.0.0.127.in-addr.arpa", "PTR", "NXDOMAIN"),
        (f"1.{'0.' * 31}ip6.arpa", "PTR", "NOERROR PTR localhost."),
    ],
)
def test_localhost_is_the_guests_own(text: str, name: str, kind: str, answer: str) -> None:
    assert Forwarder(text).known(name, kind) == answer


@pytest.mark.parametrize("name", ["localhost.test", "notlocalhost"])
def test_what_is_not_localhost_is_asked_for(forwarder: Forwarder, name: str) -> None:
    assert not forwarder.knows(name)


def test_the_configuration_overrides_our_own_names() -> None:
    forwarder = Forwarder('dns.names = {"host.internal" = "9.9.9.9"}')
    assert forwarder.known("host.internal") == "NOERROR A 9.9.9.9"


@pytest.mark.parametrize("name", ["9.9.9.9.in-addr.arpa", "x.in-addr.arpa", "1.2.3.4", "internal"])
def test_other_names_are_the_hosts(forwarder: Forwarder, name: str) -> None:
    forwarder.ask(query(name, "PTR"))
    assert len(forwarder.to_host()) == 1


# ---------------------------------------------------------------- forwarding
@pytest.mark.parametrize("tcp", [False, True])
def test_questions_and_answers_pass_unchanged(forwarder: Forwarder, tcp: bool) -> None:
    question = query(size=1400)
    forwarder.ask(question, tcp)
    assert forwarder.to_host() == [Resolve(1, question, tcp)]
    assert forwarder.engine.pending == 1
    assert forwarder.answers == []
    answer = response(question)
    forwarder.engine.from_host(Resolved(1, answer), 0.1)
    assert forwarder.answers == [answer]
    assert forwarder.engine.pending == 0


def test_answers_come_in_any_order(forwarder: Forwarder) -> None:
    first, second = query("a.test"), query("b.test")
    forwarder.ask(first)
    forwarder.ask(second)
    forwarder.engine.from_host(Resolved(2, response(second)), 0.1)
    forwarder.engine.from_host(Resolved(1, response(first)), 0.2)
    assert forwarder.answers == [response(second), response(first)]


@pytest.mark.parametrize("answer", [None, b"short"])
def test_no_answer_is_servfail(forwarder: Forwarder, answer: bytes | None) -> None:
    question = query()
    forwarder.ask(question)
    forwarder.engine.from_host(Resolved(1, answer), 5.0)
    message = forwarder.answer()
    assert message.rcode() == dns.rcode.SERVFAIL
    assert dns.message.from_wire(question).is_response(message)
    assert forwarder.said[0].startswith("no resolver of the host has answered: DNS 0x")


def test_a_host_without_descriptors_is_told_as_such(forwarder: Forwarder) -> None:
    forwarder.ask(query("a.test"))
    forwarder.engine.from_host(Resolved(1, None, errno.EMFILE), 5.0)
    assert forwarder.answer().rcode() == dns.rcode.SERVFAIL
    (said,) = forwarder.said
    assert said.endswith("type 1 a.test: too many open files (EMFILE)")


def test_too_many_questions(forwarder: Forwarder) -> None:
    for i in range(MAX_QUESTIONS + 1):
        forwarder.ask(query(f"n{i}.test"))
    assert forwarder.engine.pending == MAX_QUESTIONS
    assert forwarder.answer().rcode() == dns.rcode.SERVFAIL
    assert forwarder.said == ["more than 512 questions wait for the host's resolvers"]
    forwarder.engine.from_host(Resolved(1, None), 1.0)
    assert forwarder.engine.pending == MAX_QUESTIONS - 1


@pytest.mark.parametrize(
    ("size", "count", "tcp", "cut"),
    [
        (None, 20, False, False),
        (None, 60, False, True),
        (None, 60, True, False),
        (1232, 60, False, False),
        (1232, 90, False, True),
        (4096, 120, False, True),  # one packet, whatever the guest says
    ],
)
def test_long_answers_are_cut(
    forwarder: Forwarder, size: int | None, count: int, tcp: bool, cut: bool
) -> None:
    question = query(size=size)
    forwarder.ask(question, tcp)
    forwarder.engine.from_host(Resolved(1, response(question, count)), 0.1)
    message = forwarder.answer()
    assert bool(message.flags & dns.flags.TC) == cut
    assert sum(map(len, message.answer)) == (0 if cut else count)


# ---------------------------------------------------------------- what is no good question
@pytest.mark.parametrize("version", [1, 255])
def test_another_version_of_edns_is_told_ours(forwarder: Forwarder, version: int) -> None:
    question = dns.message.make_query("example.test", "A", use_edns=version, want_dnssec=True)
    forwarder.ask(question.to_wire())
    assert forwarder.to_host() == []
    answer = forwarder.answer()
    assert (answer.rcode(), answer.edns) == (dns.rcode.BADVERS, 0)
    assert answer.ednsflags & dns.flags.DO
    assert question.is_response(answer)


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("name", ["mirror.test", "9.16.168.192.in-addr.arpa", "cut.test"])
def test_the_flag_do_comes_back(forwarder: Forwarder, name: str, wanted: bool) -> None:
    question = dns.message.make_query(name, "A", use_edns=0, payload=512, want_dnssec=wanted)
    forwarder.ask(question.to_wire())
    for asked in forwarder.to_host():  # an answer that is too long is cut here
        long = response(question.to_wire(), 100)
        forwarder.engine.from_host(Resolved(asked.query_id, long), 0.0)
    answer = forwarder.answer()
    assert answer.edns == 0
    assert bool(answer.ednsflags & dns.flags.DO) == wanted


def test_malformed_questions_get_formerr(forwarder: Forwarder) -> None:
    forwarder.ask(query()[:20])
    assert forwarder.answer().rcode() == dns.rcode.FORMERR
    assert forwarder.notices.dropped == {"dns name": 1}


def test_other_operations_are_not_implemented(forwarder: Forwarder) -> None:
    data = bytearray(query())
    data[2] |= 5 << 3  # UPDATE
    forwarder.ask(bytes(data))
    assert forwarder.answer().rcode() == dns.rcode.NOTIMP


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 11, response(query())], ids=["nothing", "too short", "answer"]
)
def test_no_query_is_never_answered_over_udp(forwarder: Forwarder, data: bytes) -> None:
    forwarder.ask(data)
    assert forwarder.answers == []
    assert forwarder.notices.dropped == {"dns message is no query": 1}
    forwarder.ask(data, tcp=True)
    assert forwarder.answer().rcode() == dns.rcode.FORMERR


def test_a_spoilt_question_gets_one_answer_or_waits() -> None:
    names = ["mirror.test", "two.test", "host.internal", "example.test"]
    questions = [query(name, size=size) for name in names for size in (None, 1400)]
    questions.append(query("1.16.168.192.in-addr.arpa", "PTR"))
    outcomes = Counter[str]()
    for data in samples([b"\x12\x34" + one[2:] for one in questions], spoilt):
        forwarder = Forwarder()
        forwarder.ask(data, tcp=True)
        assert len(forwarder.answers) + forwarder.engine.pending == 1
        if forwarder.engine.pending:
            outcomes["waits"] += 1
            continue
        (answer,) = forwarder.answers
        assert answer[:2] == data[:2].ljust(2, b"\0")
        assert answer[2] & 0x80
        outcomes[dns.rcode.to_text(dns.rcode.Rcode(answer[3] & 15))] += 1
    assert min(outcomes[one] for one in ("waits", "NOERROR", "FORMERR")) > 150
    assert outcomes["NOTIMP"] > 20
