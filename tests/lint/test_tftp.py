"""A small stack that reads a file by TFTP, as one writes it first: each mistake is named."""

from __future__ import annotations

from pathlib import Path
from struct import pack, unpack_from
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.l2 import Ether

from pynat.lint import linter
from pynat.lint.frame import decode
from pynat.lint.tftp import WATCHED
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.wire.tftp import ACK, Packet
from tests.frames import GUEST, ROUTER_MAC
from tests.lint.examples.tftp import SERVER, asks, block, comes, sends
from tests.lint.naive import Stack
from tests.lint.test_naive import roots, run

OWN = 2000  # port
BLOCK = 512
IN_FRAGMENTS = 'impair = ["to-guest udp fragment 256"]'


class Reads(Stack):
    """It reads `file` where it would ask for a name."""

    mode = b"octet"

    def ask(self) -> None:
        self.datagram(self.router, (OWN, 69), b"\0\1file\0" + self.mode + b"\0" + self.asked_for())

    def asked_for(self) -> bytes:
        return b""

    def udp(self, source: bytes, to: bytes, packet: bytes, payload: bytes) -> None:
        sport, port = unpack_from("!HH", payload)
        if port == OWN:
            self.tftp(sport, payload[8:])
        else:
            super().udp(source, to, packet, payload)

    def tftp(self, port: int, message: bytes) -> None:
        self.answered("dns")
        opcode, number = unpack_from("!HH", message)
        if opcode == 3:
            self.takes(port, number, message[4:])
        elif opcode == 6:
            self.acks(port, 0)

    def takes(self, port: int, number: int, _data: bytes) -> None:
        self.acks(port, number)

    def acks(self, port: int, number: int) -> None:
        self.datagram(self.router, (OWN, port), pack("!HH", 4, number))


def only_whole_blocks(stack: Reads, port: int, number: int, data: bytes) -> None:
    if len(data) == BLOCK:
        stack.acks(port, number)


def block_size(_: Reads) -> bytes:
    return b"blksize\x001024\0"


def other_number(change: int) -> dict[str, Any]:
    return {"takes": lambda stack, port, number, _: stack.acks(port, number + change)}


@pytest.mark.parametrize(
    ("code", "said", "wrong"),
    [
        ("TFTP020", "ACK block 256, which has not come; expected 1", other_number(255)),
        ("TFTP020", "ACK block 0, which has not come; expected 1", other_number(-1)),
        ("TFTP020", "ACK block 2, which has not come; expected 1", other_number(1)),
        ("TFTP021", "DATA block 1, 512 bytes came 5 times", {"takes": lambda *_: None}),
        (
            "TFTP021",
            "OACK blksize=1024 came 5 times in 15 s, expected ACK 0",
            {"asked_for": block_size, "acks": lambda *_: None},
        ),
        ("TFTP022", "DATA block 4, 0 bytes came 5 times", {"takes": only_whole_blocks}),
        ("TFTP023", "expected the mode octet", {"mode": b"binary"}),
    ],
)
def test_a_mistake_is_named(code: str, said: str, wrong: dict[str, Any], tmp_path: Path) -> None:
    found = roots(reading(type("Wrong", (Reads,), wrong)(), tmp_path))
    assert list(found) == [code]
    assert said in found[code]


def test_one_is_named_also_where_blocks_come_in_fragments(tmp_path: Path) -> None:
    deaf = type("Deaf", (Reads,), {"takes": lambda *_: None})()
    assert list(roots(reading(deaf, tmp_path, IN_FRAGMENTS))) == ["TFTP021"]


LOSSY, DOUBLED = 'impair = ["udp loss 20%"]', 'impair = ["duplicate 30%"]'


@pytest.mark.parametrize("wire", ["", LOSSY, DOUBLED, IN_FRAGMENTS])
@pytest.mark.parametrize("more", [{}, {"asked_for": block_size}])
def test_of_a_right_client_nothing_is_said(more: dict[str, Any], wire: str, tmp_path: Path) -> None:
    log = reading(type("Right", (Reads,), more)(), tmp_path, wire)
    assert [code for code in roots(log) if code.startswith("TFTP")] == []


def reading(stack: Reads, folder: Path, wire: str = "") -> str:
    (folder / "file").write_bytes(bytes(3 * BLOCK))
    return run(stack, f'tftp = {{ root = "{folder}" }}', wire)


@pytest.mark.parametrize("size", [b"1" * 5000, b"-1", b"\xb2"])
def test_a_size_of_blocks_that_is_none(size: bytes) -> None:
    """Python makes no number of more than 4300 digits."""
    lab = LintedLab()
    asks(lab)
    oack = IP(src=SERVER, dst=GUEST, id=9) / UDP(sport=4000, dport=OWN)
    packet = IP(bytes(oack / (b"\0\6blksize\0" + size + b"\0")))
    for piece in fragment(packet, 1400):
        lab.look(bytes(Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / piece), from_guest=False)
    assert not lab.found.keys() - {"ARP028", "ARP020"}


def test_an_acknowledgement_to_port_0() -> None:
    lab = LintedLab()
    asks(lab)
    sends(lab, Packet(ACK, 1), port=0)
    assert not lab.found.keys() - {"ARP028", "ARP020"}


def test_a_long_file_goes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = LintedLab()
    asks(lab)
    for number in range(1, WATCHED + 1):
        reads(lab, number)
    decoded: list[bytes] = []

    def count(frame: bytes, when: Any) -> Any:
        decoded.append(frame)
        return decode(frame, when)

    reads(lab, WATCHED + 1)  # which shows the datagrams of both ways to who looks at all of them
    monkeypatch.setattr(linter, "decode", count)
    for number in range(WATCHED + 2, WATCHED + 10):
        reads(lab, number)
    assert len(decoded) <= 8  # its path has to be asked about each second


def reads(lab: LintedLab, number: int) -> None:
    comes(lab, block(number))
    sends(lab, Packet(ACK, number))
