"""The DHCP codec against scapy's, and against bytes that mean nothing."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP

from pynat.errors import Malformed
from pynat.wire import dhcp
from pynat.wire.dhcp import Message
from tests.spoiling import samples, sift, spoilt

MAC = bytes.fromhex("525400123456")
HEADER = bytes((1, 1, 6, 0)) + bytes(24) + MAC + bytes(10)


def raw(options: bytes, file: bytes = b"", sname: bytes = b"") -> bytes:
    return HEADER + sname.ljust(64, b"\0") + file.ljust(128, b"\0") + dhcp.COOKIE + options


def reason(data: bytes) -> str:
    with pytest.raises(Malformed) as caught:
        dhcp.decode(data)
    return caught.value.rule.name


def test_reads_what_scapy_writes() -> None:
    packet = BOOTP(
        op=1, xid=0x12345678, secs=3, flags="B", ciaddr="1.2.3.4", chaddr=MAC, file=b"boot"
    ) / DHCP(
        options=[
            ("message-type", "request"),
            ("requested_addr", "192.168.16.7"),
            ("param_req_list", [1, 3, 6]),
            ("client_id", b"\x01" + MAC),
            "end",
        ]
    )
    message = dhcp.decode(bytes(packet))
    assert message == Message(
        op=dhcp.REQUEST,
        xid=0x12345678,
        mac=MAC,
        seconds=3,
        flags=dhcp.BROADCAST,
        ciaddr=bytes((1, 2, 3, 4)),
        file=b"boot",
        options={53: b"\x03", 50: bytes((192, 168, 16, 7)), 55: b"\1\3\6", 61: b"\x01" + MAC},
    )
    assert str(message) == (
        "REQUEST 52:54:00:12:34:56 xid 0x12345678 ciaddr 1.2.3.4 wants 192.168.16.7"
    )


def test_scapy_reads_what_we_write() -> None:
    message = Message(
        op=dhcp.REPLY,
        xid=7,
        mac=MAC,
        yiaddr=bytes((10, 0, 0, 2)),
        sname=b"server",
        file=b"boot",
        options={53: b"\x02", 54: bytes((10, 0, 0, 1)), 51: (3600).to_bytes(4, "big")},
    )
    data, left_out = dhcp.encode(message)
    assert (len(data), left_out) == (300, [])
    packet = BOOTP(data)
    assert (packet.op, packet.xid, packet.yiaddr) == (2, 7, "10.0.0.2")
    assert packet.chaddr[:6] == MAC
    assert packet.sname.rstrip(b"\0") == b"server"
    assert packet.file.rstrip(b"\0") == b"boot"
    pairs = packet[DHCP].options
    options: dict[str, object] = {item[0]: item[1] for item in pairs if isinstance(item, tuple)}
    assert options == {"message-type": 2, "server_id": "10.0.0.1", "lease_time": 3600}


names = st.text(st.characters(min_codepoint=33, max_codepoint=126))
fixed = {
    code: st.binary(min_size=n, max_size=n) for code, n in {50: 4, 51: 4, 54: 4, 57: 2}.items()
}
free_codes = st.integers(1, 254).filter(lambda c: c not in (50, 51, 52, 53, 54, 57))
options = st.builds(
    lambda a, b: {53: b"\1"} | a | b,
    st.fixed_dictionaries({}, optional=fixed),
    st.dictionaries(free_codes, st.binary(max_size=300), max_size=12),
)
word = st.integers(0, 0xFFFF)
ip = st.binary(min_size=4, max_size=4)
messages = st.builds(
    Message,
    op=st.sampled_from([1, 2]),
    xid=st.integers(0, 2**32 - 1),
    mac=st.just(MAC),
    hops=st.integers(0, 255),
    seconds=word,
    flags=word,
    ciaddr=ip,
    yiaddr=ip,
    siaddr=ip,
    giaddr=ip,
    sname=names.map(lambda s: s[:63].encode()),
    file=names.map(lambda s: s[:127].encode()),
    options=options,
)


@given(messages)
def test_round_trip_with_room(message: Message) -> None:
    data, left_out = dhcp.encode(message, limit=9000)
    assert left_out == []
    assert dhcp.decode(data) == message


@given(messages, st.integers(300, 700))
def test_what_does_not_fit_is_named_and_the_rest_arrives(message: Message, limit: int) -> None:
    data, left_out = dhcp.encode(message, limit)
    assert 300 <= len(data) <= limit
    back = dhcp.decode(data)
    kept = {code: value for code, value in message.options.items() if code not in left_out}
    assert back.options == kept
    if dhcp.BOOTFILE not in message.options:
        assert back.file == message.file
    if dhcp.SERVER_NAME not in message.options:
        assert back.sname == message.sname


def test_full_options_go_to_file_and_sname() -> None:
    message = Message(
        2, 1, MAC, options={53: b"\2", 200: bytes(250), 201: bytes(120), 202: bytes(60)}
    )
    data, left_out = dhcp.encode(message, 548)
    assert left_out == []
    assert dhcp.decode(data) == message
    assert dict(BOOTP(data)[DHCP].options[:-1])["dhcp-option-overload"] == 3


def test_long_options_are_split_and_joined() -> None:
    message = Message(2, 1, MAC, options={119: bytes(range(256)) * 2})
    data, _ = dhcp.encode(message, 1400)
    assert data.count(b"\x77\xff") == 2
    assert dhcp.decode(data).options[119] == bytes(range(256)) * 2


def test_options_in_file_and_sname() -> None:
    data = raw(b"\x34\x01\x03\x0c\x01a\xff", file=b"\x0c\x01b\xff", sname=b"\x00\x0c\x01c\xff")
    message = dhcp.decode(data)
    assert message.options == {12: b"abc"}
    assert (message.file, message.sname) == (b"", b"")


def test_plain_bootp_has_no_options() -> None:
    data = HEADER + bytes(64 + 128 + 64)
    assert dhcp.decode(data).kind == 0
    assert dhcp.decode(data[:236]).options == {}


def test_a_missing_end_is_forgiven() -> None:
    assert dhcp.decode(raw(b"\x35\x01\x01")).kind == dhcp.DISCOVER


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"", "dhcp length"),
        (HEADER, "dhcp length"),
        (b"\x03" + raw(b"\xff")[1:], "dhcp op"),
        (b"\x01\x06" + raw(b"\xff")[2:], "dhcp hardware address"),
        (b"\x01\x01\x08" + raw(b"\xff")[3:], "dhcp hardware address"),
        (raw(b"").replace(MAC, b"\x01" + MAC[1:]), "dhcp hardware address"),
        (raw(b"\x35\x01\x09"), "dhcp message type"),
        (raw(b"\x35\x01\x00"), "dhcp message type"),
        (raw(b"\x35\x00"), "dhcp message type"),
        (raw(b"\x35\x04\x00\x00\x00\x01"), "dhcp message type"),
    ],
)
def test_rubbish_has_a_name(data: bytes, slug: str) -> None:
    assert reason(data) == slug


@pytest.mark.parametrize(
    ("options", "slug"),
    [
        (b"\x0c", "dhcp option"),
        (b"\x0c\x02a", "dhcp option"),
        (b"\x32\x03abc", "dhcp option"),
        (b"\x33\x05abcde\xff", "dhcp option"),
        (b"\x36\x00\xff", "dhcp option"),
        (b"\x39\x04\x00\x00\x05\xdc\xff", "dhcp option"),
        (b"\x34\x01\x04\xff", "dhcp overload"),
        (b"\x34\x02\x01\x01\xff", "dhcp overload"),
        (b"\x34\x01\x01\xff", "dhcp option"),  # in `file`
    ],
)
def test_an_option_that_cannot_be_read_costs_that_option(options: bytes, slug: str) -> None:
    message = dhcp.decode(raw(b"\x0d\x02ab" + b"\x35\x01\x01" + options, file=b"\x0c\xff"))
    assert message.options == {13: b"ab", dhcp.KIND: b"\x01"}
    assert [flaw.rule.name for flaw in message.flaws] == [slug]


def test_what_follows_an_option_of_a_wrong_length_is_read() -> None:
    message = dhcp.decode(raw(b"\x39\x01\x05\x35\x01\x03\x32\x04\xc0\xa8\x10\x02\xff"))
    assert message.options == {dhcp.KIND: b"\x03", dhcp.WANTED: bytes((192, 168, 16, 2))}


def test_of_a_message_type_that_is_too_long_the_first_byte_counts() -> None:
    message = dhcp.decode(raw(b"\x35\x04\x03\x00\x00\x00\xff"))
    assert message.kind == dhcp.ASK
    assert [flaw.rule.name for flaw in message.flaws] == ["dhcp option"]


@pytest.mark.parametrize(
    ("cookie", "flaws"),
    [(b"CMU\0", []), (b"NeXT", []), (b"\x63\x53\x82\x63", ["dhcp cookie"]), (b"\0\0\0\0", [])],
)
def test_another_cookie_is_no_reason_to_say_nothing(cookie: bytes, flaws: list[str]) -> None:
    area = cookie + b"\1" * 60 if any(cookie) else bytes(64)
    message = dhcp.decode(raw(b"")[:-4] + area + b"behind")
    assert (message.kind, message.options) == (0, {})
    assert message.vendor == (area if any(cookie) else b"")
    assert [flaw.rule.name for flaw in message.flaws] == flaws


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (44, 108, "at byte 172, 64 bytes too early: sname is left out"),
        (108, 236, "at byte 108, 128 bytes too early: file is left out"),
        (44, 236, "at byte 44, 192 bytes too early: sname and file are left out"),
        (34, 44, "at byte 226, 10 bytes too early: chaddr has 16 bytes, the last 10 are left out"),
        (200, 203, "at byte 233, 3 bytes too early"),
    ],
)
@pytest.mark.parametrize("size", [0, 300])
def test_fields_that_are_left_out_are_named(start: int, end: int, said: str, size: int) -> None:
    whole = raw(b"\x35\x01\x01\xff")
    data = (whole[:start] + whole[end:]).ljust(size, b"\0")
    try:
        (flaw,) = dhcp.decode(data).flaws
    except Malformed as too_short:
        flaw = too_short
    assert said in flaw.detail


def spoilt_areas(data: bytes, dice: Random) -> bytes:
    """In one of the three places where options are, which this message says that it has."""
    fixed, sname, file, rest = data[:44], data[44:108], data[108:236], data[236:]
    match dice.randrange(3):
        case 0:
            sname = spoilt(sname, dice).ljust(64, b"\0")[:64]
        case 1:
            file = spoilt(file, dice).ljust(128, b"\0")[:128]
        case 2:
            rest = rest[:4] + spoilt(rest[4:], dice)
    return fixed + sname + file + rest


def test_spoilt_options_are_read_as_they_would_be_written_or_malformed() -> None:
    def read(data: bytes) -> None:
        message = dhcp.decode(data)
        assert str(message).isprintable()
        again, left_out = dhcp.encode(message, limit=9000)
        assert (dhcp.decode(again), left_out) == (message, [])
        for flaw in message.flaws:
            raise flaw

    full = Message(2, 1, MAC, options={53: b"\2", 200: bytes(250), 201: b"a" * 120, 202: b"b" * 60})
    valid = [
        dhcp.encode(full, 548)[0],
        raw(b"\x34\x01\x03\x0c\x01a\xff", file=b"\x0c\x01b\xff", sname=b"\x00\x0c\x01c\xff"),
        raw(b"\x35\x01\x03\x32\x04abcd\x36\x04efgh\x39\x02\x02\x40\xff", file=b"boot"),
    ]
    reasons = ["dhcp option: option", "dhcp overload", "dhcp message type", "expected 4 (RFC 2132)"]
    sift(samples(valid, spoilt_areas), read, Malformed, least=0.2, said=reasons)


@given(messages, st.data())
def test_cut_short_it_says_nothing_else(message: Message, data: st.DataObject) -> None:
    whole = dhcp.encode(message, 9000)[0]
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        options = dhcp.decode(cut).options
    except Malformed:
        assert len(cut) < len(whole)
        return
    assert len(cut) >= 236
    for code, value in options.items():
        assert message.options[code].startswith(value)
