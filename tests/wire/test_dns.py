"""The DNS codec against dnspython's."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from pynat import rules
from pynat.errors import Malformed
from pynat.wire import dns as wire
from tests.spoiling import samples, sift, spoilt


def asked(name: str = "Www.Example.test.", kind: str = "A", size: int | None = None) -> bytes:
    query = dns.message.make_query(name, kind, use_edns=size is not None, payload=size or 0)
    query.id = 0x1234
    return query.to_wire()


def test_reads_a_query() -> None:
    query = wire.decode(asked())
    assert (query.ident, query.flags, query.name) == (0x1234, wire.RD, "www.example.test")
    assert (query.kind, query.klass, query.size) == (wire.A, wire.IN, 0)
    assert query.question == asked()[12:]
    assert str(query) == "DNS 0x1234 type 1 www.example.test"
    assert wire.decode(asked(".")).name == ""
    assert wire.decode(asked(r"a\.b.c.")).name == r"a\.b.c"
    assert wire.decode(asked(r"a\\.b.c.")).name == r"a\\.b.c"


@pytest.mark.parametrize(("size", "taken"), [(4096, 4096), (100, 512)])
def test_reads_the_size_that_the_sender_takes(size: int, taken: int) -> None:
    assert wire.decode(asked(size=size)).size == taken


@pytest.mark.parametrize("size", [None, 1400])
def test_writes_answers(size: int | None) -> None:
    query = wire.decode(asked(size=size))
    data = wire.reply(query, records=[(wire.A, bytes((1, 2, 3, i))) for i in range(3)], ttl=60)
    message = dns.message.from_wire(data)
    assert message.id == 0x1234
    assert message.rcode() == dns.rcode.NOERROR
    assert dns.flags.to_text(message.flags) == "QR AA RD RA"
    (rrset,) = message.answer
    assert rrset.to_text().splitlines() == [
        f"Www.Example.test. 60 IN A 1.2.3.{i}" for i in range(3)
    ]
    assert message.edns == (0 if size else -1)
    assert dns.message.from_wire(asked(size=size)).is_response(message)


def test_writes_failures() -> None:
    query = wire.decode(asked())
    message = dns.message.from_wire(wire.reply(query, wire.SERVFAIL))
    assert message.rcode() == dns.rcode.SERVFAIL
    assert dns.flags.to_text(message.flags) == "QR RD RA"
    refusal = dns.message.from_wire(wire.refusal(asked(), wire.FORMERR))
    assert (refusal.id, refusal.rcode(), refusal.question) == (0x1234, dns.rcode.FORMERR, [])
    assert len(wire.refusal(b"\x01", wire.FORMERR)) == 12


def test_cuts_an_answer() -> None:
    query = wire.decode(asked(size=1232))
    long = wire.reply(query, records=[(wire.A, bytes(4))] * 200)
    message = dns.message.from_wire(wire.truncated(long, query))
    assert message.flags & dns.flags.TC
    assert message.answer == []
    assert dns.message.from_wire(asked()).is_response(message)


def test_a_name_as_it_stands_in_a_record() -> None:
    assert wire.labels("gateway.internal") == b"\7gateway\10internal\0"


HEADER = bytes.fromhex("1234 0100 0001 0000 0000 0000")


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (HEADER[:11], "dns length"),
        (HEADER[:4] + b"\0\2" + HEADER[6:], "dns question"),
        (HEADER, "dns name"),
        (HEADER + b"\3ab", "dns name"),
        (HEADER + b"\x40" + bytes(70), "dns name"),
        (HEADER + b"\xc0\x0c\0\1\0\1", "dns name"),
        (HEADER + b"\x3f" + b"a" * 63, "dns name"),
        (HEADER + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", "dns name"),
        (HEADER + b"\1a\0\0\1", "dns length"),
        (HEADER[:10] + b"\0\1" + b"\0\0\1\0\1", "dns length"),
        (HEADER[:10] + b"\0\1" + b"\0\0\1\0\1" + b"\0\0\x29", "dns length"),
        (HEADER[:10] + b"\0\1" + b"\0\0\1\0\1" + b"\0\0\x29" + bytes(6) + b"\0\1", "dns length"),
    ],
)
def test_rubbish_has_a_name(data: bytes, slug: str) -> None:
    with pytest.raises(Malformed) as caught:
        wire.decode(data)
    assert caught.value.rule.name == slug


VALID = [
    asked(),
    asked(size=1400),
    asked("a.b.", "AAAA"),
    asked(r"a\.\200\\.B.", "ANY"),
    asked("."),
]


def judged(data: bytes) -> dns.message.Message | None:
    """What dnspython reads, or None if it reads no question."""
    try:
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    return message if len(message.question) == 1 else None


def same_question(query: wire.Query, message: dns.message.Message) -> bool:
    (theirs,) = message.question
    name = dns.name.from_text(query.name.encode("latin-1"))
    ours = query.ident, name, query.kind, query.klass
    return ours == (message.id, theirs.name, theirs.rdtype, theirs.rdclass)


def test_a_spoilt_question_is_read_as_dnspython_reads_it_or_malformed() -> None:
    read_by_both = 0

    def read(data: bytes) -> None:
        nonlocal read_by_both
        query = wire.decode(data)
        assert str(query).isprintable()
        answer = judged(wire.reply(query))
        assert answer is not None
        assert same_question(query, answer)
        if theirs := judged(data):
            read_by_both += 1
            assert same_question(query, theirs)
            assert query.flags == theirs.flags
            assert query.size == (max(512, theirs.payload) if theirs.edns >= 0 else 0)

    reasons = ["dns length", "dns question", "label length", "runs over the end", "longer than 255"]
    inputs = samples([*VALID, asked(f"{'x' * 62}." * 4)], spoilt)
    sift(inputs, read, Malformed, least=0.2, said=reasons)
    assert read_by_both > len(inputs) / 5


def test_what_dnspython_reads_is_read() -> None:
    read = [data for data in samples(VALID, spoilt) if judged(data) is not None]
    assert len(read) > 200
    for data in read:
        wire.decode(data)


def test_cut_short_anywhere() -> None:
    """What is behind the records does not count, and no record may be missing."""
    whole = asked(size=1400)
    for length in range(len(whole)):
        with pytest.raises(Malformed):
            wire.decode(whole[:length])
    assert wire.decode(whole + b"behind") == wire.decode(whole)


def test_the_addresses_of_an_answer_are_read_and_rubbish_has_none() -> None:
    query = wire.decode(asked())
    records = [(wire.AAAA, bytes(16)), (wire.A, b"abcd"), (wire.A, b"abc"), (wire.A, b"efgh")]
    answer = wire.reply(query, records=records)
    assert wire.addresses(answer) == [b"abcd", b"efgh"]
    assert wire.addresses(asked()) == []
    assert [found for end in range(len(answer)) if (found := wire.addresses(answer[:end]))] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"\4www\5test\0", "the length of a label counts its bytes, not the length byte itself"),
        (b"\5test\0", "the length of a label counts its bytes, not the length byte itself"),
        (b"\2www\3test\0", "one is left out"),
        (b"www.test\0", "it is written as text"),
        (b"\4www\0", "the length of a label counts its bytes, not the length byte itself"),
        (b"\x7f\x80\0", "at most 63 (RFC 1035 2.3.4)"),
    ],
)
def test_what_is_wrong_with_a_name_is_named(name: bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        wire.decode(b"\0\7\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
    assert caught.value.rule is rules.dns.NAME
    assert said in caught.value.detail
