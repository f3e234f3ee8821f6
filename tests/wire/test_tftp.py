"""TFTP packets; scapy is the judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.tftp import TFTP, TFTP_OACK, TFTP_RRQ, TFTP_Option, TFTP_Options

from pynat.errors import Malformed
from pynat.wire import tftp
from pynat.wire.tftp import Packet
from tests.spoiling import samples, sift, spoilt


def test_a_request_with_options() -> None:
    options = TFTP_Options(
        options=[
            TFTP_Option(oname=b"BlkSize", value=b"1024"),
            TFTP_Option(oname=b"tsize", value=b"0"),
        ]
    )
    data = bytes(TFTP() / TFTP_RRQ(filename=b"boot/x", mode=b"OCTET") / options)
    packet = tftp.decode(data)
    assert packet == Packet(
        tftp.RRQ, name=b"boot/x", mode="octet", options={"blksize": "1024", "tsize": "0"}
    )
    assert str(packet) == 'RRQ "boot/x" octet blksize=1024 tsize=0'


def test_scapy_reads_what_we_write() -> None:
    oack = TFTP(tftp.encode(Packet(tftp.OACK, options={"blksize": "1468", "tsize": "7"})))
    pairs = [(option.oname, option.value) for option in oack[TFTP_Options].options]
    assert TFTP_OACK in oack
    assert pairs == [(b"blksize", b"1468"), (b"tsize", b"7")]
    data = TFTP(tftp.encode(Packet(tftp.DATA, 65535, b"abc")))
    assert (data.op, data.block, bytes(data.payload.payload)) == (3, 65535, b"abc")
    error = TFTP(tftp.error(2, "caf\u00e9 " + "x" * 600))
    assert (error.op, error.errorcode) == (5, 2)
    assert error.errormsg.startswith(b"caf\\xe9 xxx")
    assert len(bytes(error)) <= 512


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\1x", "tftp length"),
        (b"\0\1file\0octet", "tftp request"),
        (b"\0\2" + b"x" * 600 + b"\0octet\0", "tftp request"),
        (b"\0\x07\0\0", "tftp opcode"),
        (b"\0\0\0\0", "tftp opcode"),
    ],
)
def test_rubbish_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        tftp.decode(data)
    assert caught.value.rule.name == reason


def test_the_first_of_two_options_counts_and_half_an_option_does_not() -> None:
    data = b"\0\1f\0octet\0blksize\0" + b"8\0BLKSIZE\0" + b"9\0tsize\0"
    assert tftp.decode(data).options == {"blksize": "8"}


VALID = [
    b"\0\1boot/x\0octet\0blksize\0001024\0tsize\0000\0",
    b"\0\2new\0NETASCII\0",
    b"\0\1" + b"x" * 502 + b"\0octet\0",
    tftp.encode(Packet(tftp.OACK, options={"blksize": "1468", "tsize": "7"})),
    tftp.encode(Packet(tftp.DATA, 1, b"data")),
    tftp.encode(Packet(tftp.ACK, 7)),
    tftp.error(tftp.NOT_FOUND, "no file"),
]


def test_a_spoilt_packet_is_read_as_it_would_be_written_or_malformed() -> None:
    def read(data: bytes) -> None:
        packet = tftp.decode(data)
        assert str(packet).isprintable()
        assert tftp.decode(tftp.encode(packet)) == packet

    reasons = ["tftp length", "tftp opcode", "at most 512", "no file name and mode"]
    sift(samples(VALID, spoilt), read, Malformed, least=0.25, said=reasons)


names = st.binary(max_size=30).map(lambda data: data.replace(b"\0", b""))
words = st.text("abcdefgh0123456789", min_size=1, max_size=8)


@given(st.sampled_from([tftp.RRQ, tftp.WRQ]), names, st.dictionaries(words, words, max_size=4))
def test_requests_survive_a_round_trip(opcode: int, name: bytes, options: dict[str, str]) -> None:
    packet = Packet(opcode, name=name, mode="octet", options=options)
    assert tftp.decode(tftp.encode(packet)) == packet
