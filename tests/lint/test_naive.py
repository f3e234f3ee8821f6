"""First mistakes in a small stack (`naive.py`): each is named with its cause, and nothing else is.

A row has the mistake, the rule that is to name it, words of the finding, and what of the stack is
replaced. The network is hermetic, so it asks on purpose. What follows from a mistake is shown with
its cause, and no other error or warning stands by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from struct import pack, unpack_from
from typing import Any

import pytest

from pynat.config.toml import read_toml
from pynat.rules import BY_CODE, Severity
from pynat.testing.virtual import virtual
from tests.lint.naive import ALL, EVERYBODY, ZERO, Stack, checksum
from tests.linting import never_asked, summary_of

NETWORK = 'hermetic = true\n[dns]\nnames = {"www.example.test" = "192.0.2.7"}\n'
SECONDS = 40.0
_FOUND = re.compile(r"(?:lint|dropped): ([A-Z]+\d{3}) (?!\d)(.*)")
Row = tuple[str, str, str, dict[str, Any]]


def swap(value: int) -> int:
    return (value & 0xFF) << 8 | value >> 8


def framed(order: str = "!", source: bytes | None = None, pad: bytes = b"\0") -> dict[str, Any]:
    def frame(stack: Stack, to: bytes, kind: int, payload: bytes) -> None:
        start = to + (stack.mac if source is None else source) + pack(f"{order}H", kind)
        stack.sent.append((start + payload).ljust(60, pad))

    return {"frame": frame}


def exchanged(stack: Stack, to: bytes, kind: int, payload: bytes) -> None:
    stack.sent.append((stack.mac + to + pack("!H", kind) + payload).ljust(60, b"\0"))


def arps(form: str, ends: Callable[[Stack, bytes, bytes], bytes]) -> dict[str, Any]:
    """form: hardware, protocol and lengths, as hexadecimal digits."""

    def arp_packet(stack: Stack, operation: int, to: bytes, mac: bytes, target: bytes) -> None:
        packet = bytes.fromhex(form) + pack("!H", operation) + ends(stack, mac, target)
        stack.frame(to if any(to) else ALL, 0x0806, packet)

    return {"arp_packet": arp_packet}


def right_ends(stack: Stack, mac: bytes, target: bytes) -> bytes:
    return stack.mac + stack.address + mac + target


def asks_no_mac(stack: Stack, operation: int, to: bytes, mac: bytes, target: bytes) -> None:
    Stack.arp_packet(stack, operation, bytes(6) if operation == 1 else to, mac, target)


def replies_as_asked(stack: Stack, packet: bytes) -> None:
    own = stack.address
    if unpack_from("!H", packet, 6)[0] == 1:
        stack.address = packet[24:28]
    Stack.arp(stack, packet)
    stack.address = own


def header(**fields: Callable[..., int | bytes]) -> dict[str, Any]:
    """Each is made of the right one; the checksum is right for what comes of it."""

    def made(stack: Stack, source: bytes, to: bytes, protocol: int, length: int) -> bytes:
        values: dict[str, Any] = {
            "first": 0x45,
            "total": 20 + length,
            "flags": 0,
            "ttl": 64,
            "protocol": protocol,
            "source": source,
            "to": to,
        }
        new = values | {name: change(values[name]) for name, change in fields.items()}
        words = pack("!BBHHH", new["first"], 0, new["total"], stack.ident, new["flags"])
        start, ends = words + pack("!BB", new["ttl"], new["protocol"]), new["source"] + new["to"]
        return bytes(start + pack("!H", checksum(start + b"\0\0" + ends)) + ends)

    return {"header": made}


def ends_exchanged(stack: Stack, source: bytes, to: bytes, protocol: int, length: int) -> bytes:
    if to == EVERYBODY:
        return Stack.header(stack, source, to, protocol, length)
    return Stack.header(stack, to, source, protocol, length)


def ttl_and_protocol(stack: Stack, source: bytes, to: bytes, protocol: int, length: int) -> bytes:
    stack.ttl = protocol
    return Stack.header(stack, source, to, 64, length)


def sums(make: Callable[[bytes, bytes, bytes], int]) -> dict[str, Any]:
    """Of UDP. make: of both addresses, the header without the field, and the data."""
    return {"udp_sum": lambda _, *parts: make(*parts)}


def pseudo(ends: bytes, length: int, protocol: int = 17) -> bytes:
    return ends + pack("!BBH", 0, protocol, length)


def quotes(quote: Callable[[bytes], bytes]) -> dict[str, Any]:
    def unreachable(stack: Stack, source: bytes, packet: bytes) -> None:
        stack.send(source, 1, stack.message(b"\3\3", quote(packet)))

    return {"unreachable": unreachable}


def echo(make: Callable[[bytes], bytes]) -> dict[str, Any]:
    """make: of the request's checksum and all behind it what is behind type and code."""
    return {"echoed": lambda _, request: b"\0\0" + make(request[2:])}


def echoes(rest: Callable[[bytes], bytes]) -> dict[str, Any]:
    """rest: of all behind the request's checksum; the reply's is right."""
    return {"echoed": lambda stack, request: stack.message(b"\0\0", rest(request[4:]))}


def added(checksum_and_rest: bytes, number: int) -> bytes:
    total = unpack_from("!H", checksum_and_rest)[0] + number
    return pack("!H", total & 0xFFFF) + checksum_and_rest[2:]


def counted_in(checksum_and_rest: bytes) -> bytes:
    return pack("!H", checksum(b"\0\0" + checksum_and_rest)) + checksum_and_rest[2:]


def chooses(*options: Callable[[bytes, bytes], bytes]) -> dict[str, Any]:
    """Of the offered address and its server."""
    return {"chosen": lambda _, *offer: tuple(option(*offer) for option in options)}


def fixed(*fields: int) -> dict[str, Any]:
    return {"fixed": lambda _: pack("!BBBBIHH", *fields)}


def labelled(name: bytes) -> dict[str, Any]:
    return {"labels": lambda *_: name}


def is_read(change: Callable[[Stack, bytes], None]) -> dict[str, Any]:
    """What it makes of the ACK."""

    def leased(stack: Stack, message: bytes) -> None:
        had = stack.address
        Stack.leased(stack, message)
        if stack.address != had:
            change(stack, message)

    return {"leased": leased}


def own_reversed(stack: Stack, _: bytes) -> None:
    stack.address = stack.address[::-1]


def reads_backwards(stack: Stack, message: bytes) -> None:
    Stack.named(stack, message[:-4] + message[:-5:-1])


def takes_the_offer(stack: Stack, message: bytes) -> None:
    options = dict(stack.options(message[240:]))
    stack.answered("dhcp")
    stack.address, stack.router, stack.server = message[16:20], options[3], options[6]
    stack.until_answered("arp", lambda: stack.arp_packet(1, ALL, bytes(6), stack.router))


ETHERNET_AND_ARP: list[Row] = [
    ("source MAC never set", "ETH025", "expected the card's own", framed(source=bytes(6))),
    ("type in host order", "ETH004", "IPv4 with its bytes swapped", framed(order="<")),
    ("addresses exchanged", "ETH022", "the destination comes first", {"frame": exchanged}),
    ("padding out of the heap", "ETH021", "expected zeros", framed(pad=b"\xaa")),
    ("replies by requests", "ARP034", "operation 1 in the answer to a request", {"replies": 1}),
    ("operation in host order", "ARP003", "its bytes are swapped", {"replies": 0x0200}),
    (
        "replies for all",
        "ARP035",
        "expected replies for 192.168.16.2 alone",
        {"arp": replies_as_asked, "is_mine": lambda _, target: target != ZERO},
    ),
    (
        "lengths exchanged",
        "ARP002",
        "the two lengths are exchanged",
        arps("000108000406", right_ends),
    ),
    (
        "sender and target exchanged",
        "ARP024",
        "sender and target are exchanged",
        arps("000108000604", lambda s, mac, target: mac + target + s.mac + s.address),
    ),
    ("asks no MAC address", "ETH002", "ARP asks all", {"arp_packet": asks_no_mac}),
]
IPV4: list[Row] = [
    ("checksum not made", "IP005", "none was made", {"header_sum": lambda *_: 0}),
    (
        "checksum of 18 bytes",
        "IP005",
        "the last word counts too",
        {"header_sum": lambda _, start, ends: checksum(start + b"\0\0" + ends[:-2])},
    ),
    ("halves exchanged", "IP002", "its halves are swapped", header(first=lambda _: 0x54)),
    ("length in host order", "IP004", "its bytes are swapped", header(total=swap)),
    ("length without header", "IP004", "must be counted in", header(total=lambda n: n - 20)),
    ("padding counted", "IP051", "of padding are", header(total=lambda n: max(n, 46))),
    ("length with Ethernet's", "IP004", "Ethernet's 14 bytes", header(total=lambda n: n + 14)),
    ("TTL 0", "IP031", "expected 64", {"ttl": 0}),
    ("TTL 1", "IP032", "TTL 1, expected 64", {"ttl": 1}),
    ("TTL and protocol", "IP047", "expected protocol 17", {"header": ttl_and_protocol}),
    ("DF in host order", "IP041", "0x4000 (DF) is meant", {"flags": 0x0040}),
    ("MF", "IP012", "the datagram is whole, MF must be clear", {"flags": 0x2000}),
    ("reserved flag", "IP037", "expected bit 15 clear", {"flags": 0x8000}),
    ("lease reversed", "IP034", "192.168.16.2 is meant", is_read(own_reversed)),
    ("destination reversed", "IP039", "1 is meant", header(to=lambda address: address[::-1])),
    ("ends exchanged", "IP034", "source and destination are exchanged", {"header": ends_exchanged}),
    ("padding is data", "ICMP021", "padding were taken for data", {"cut_padding": lambda _, p: p}),
    ("checks no header", "IP042", "a wrong checksum", {"checks_ip": False}),
    ("options are data", "IP044", "with IPv4 options", {"header_size": lambda *_: 20}),
    ("fragments are packets", "IP043", "in fragments", {"joined": lambda *parts: parts[3]}),
    ("short buffers", "IP048", "in long packets", {"longest": 512}),
    ("takes all addresses", "IP045", "a ping to 203.0.113.2", {"is_for_me": lambda *_: True}),
    (
        "answers from all addresses",
        "IP045",
        "a ping to 203.0.113.2",
        {"is_for_me": lambda *_: True, "answers_from": lambda _, asked: asked},
    ),
]


def carry_lost() -> dict[str, Any]:
    def echoed(_: Stack, request: bytes) -> bytes:
        """Its checksum plus 0x0800, in 16 bits."""
        total = unpack_from("!H", request, 2)[0] + 0x0800
        return pack("!BBH", 0, 0, total & 0xFFFF) + request[4:]

    return {"echoed": echoed}


ICMP: list[Row] = [
    ("type of a request", "ICMP026", "type 8", {"echo_reply": 8}),
    ("type 1", "ICMP026", "type 1", {"echo_reply": 1}),
    ("code 1", "ICMP030", "code 1, expected 0", {"echo_code": 1}),
    ("checksum kept", "ICMP002", "it is the request's", echo(lambda rest: rest)),
    ("checksum not cleared", "ICMP002", "the request's is counted in", echo(counted_in)),
    ("checksum plus 8", "ICMP002", "plus 0x0800", echo(lambda rest: added(rest, 8))),
    ("carry lost", "ICMP002", "the carry of that", carry_lost()),
    ("checks nothing", "ICMP029", "a wrong checksum", {"checks_icmp": False}),
    ("id and number", "ICMP020", "as in the request", echoes(lambda r: r[2:4] + r[:2] + r[4:])),
    ("32 bytes at most", "ICMP021", "32 bytes of data, expected", echoes(lambda rest: rest[:36])),
    ("no quote", "ICMP024", "0 bytes quoted", quotes(lambda _: bytes(4))),
    ("quote too early", "ICMP024", "begins at byte 4", quotes(lambda packet: packet[:28])),
    ("quotes data", "ICMP024", "expected an IPv4 header", quotes(lambda p: bytes(4) + p[20:])),
    (
        "quotes what it has exchanged",
        "ICMP024",
        "the guest's own",
        quotes(lambda p: bytes(4) + p[:12] + p[16:20] + p[12:16] + p[20:28]),
    ),
]
UDP: list[Row] = [
    (
        "no pseudo-header",
        "UDP002",
        "must be counted in",
        sums(lambda _, s, d: checksum(s + b"\0\0" + d)),
    ),
    (
        "TCP's pseudo-header",
        "UDP002",
        "not TCP's 6",
        sums(lambda e, s, d: checksum(pseudo(e, 8 + len(d), 6) + s + b"\0\0" + d)),
    ),
    (
        "sum before the address is known",
        "UDP002",
        "before the source address had its value",
        sums(lambda e, s, d: checksum(pseudo(ZERO + e[4:], 8 + len(d)) + s + b"\0\0" + d)),
    ),
    ("length of the data", "UDP001", "8 bytes must be", {"udp_length": lambda _, data: len(data)}),
    ("length of all", "UDP001", "must not be", {"udp_length": lambda _, data: 28 + len(data)}),
    ("length of the header", "UDP001", "of all bytes", {"udp_length": lambda *_: 8}),
    ("ports in host order", "UDP022", "67 is meant", {"ports": lambda _, *p: pack("<HH", *p)}),
    (
        "source port 0",
        "UDP024",
        "expected the guest's",
        {"ports": lambda _, *p: pack("!HH", 0, p[1])},
    ),
    ("checks nothing", "UDP023", "a wrong checksum", {"checks_udp": False}),
]
DHCP: list[Row] = [
    ("no sname", "DHCP004", "sname is left out", {"names": lambda _: bytes(128)}),
    ("chaddr of 6 bytes", "DHCP004", "the last 10 are", {"chaddr": lambda stack: stack.mac}),
    ("flags in host order", "DHCP025", "0x8000 is meant", {"dhcp_flags": 0x0080}),
    ("another port", "DHCP053", "expected 68", {"dhcp_ports": lambda _: (5000, 67)}),
    ("no server", "DHCP033", "option 54 is missing", chooses(lambda a, _: b"\x32\4" + a)),
    (
        "address reversed",
        "DHCP033",
        "is meant",
        chooses(lambda a, _: b"\x32\4" + a[::-1], lambda _, s: b"\x36\4" + s),
    ),
    (
        "options exchanged",
        "DHCP033",
        "they are exchanged",
        chooses(lambda a, _: b"\x36\4" + a, lambda _, s: b"\x32\4" + s),
    ),
    (
        "length counts all",
        "DHCP006",
        "counts its value, 4, and nothing else",
        chooses(lambda a, _: b"\x32\6" + a, lambda _, s: b"\x36\6" + s + b"\0\0"),
    ),
    ("no end", "DHCP021", "without 255", {"end": lambda _: b""}),
    ("op 2", "DHCP008", "expected op 1", fixed(2, 1, 6, 0, 7, 0, 0)),
    ("takes the OFFER", "DHCP044", "was only offered", {"leased": takes_the_offer}),
]
DNS: list[Row] = [
    ("QR set", "DNS004", "QR clear", {"dns_flags": 0x8100}),
    ("opcode 1", "DNS028", "expected opcode 0", {"dns_flags": 0x0900}),
    ("count in host order", "DNS002", "is meant", {"counts": lambda _: (0x0100, 0, 0, 0)}),
    ("counts an answer", "DNS001", "0 are there", {"counts": lambda _: (1, 1, 0, 0)}),
    ("name as text", "DNS003", "it is written as text", labelled(b"www.example.test\0")),
    ("one label", "DNS026", "expected 3 labels", labelled(b"\x10www.example.test\0")),
    ("dots kept", "DNS026", "ends with its dot", labelled(b"\4www.\x08example.\4test\0")),
    ("zeros kept", "DNS026", "has a zero byte", labelled(b"\4www\0\x08example\0\5test\0\0")),
    ("lengths count themselves", "DNS003", "not the length byte", labelled(b"\4www\5test\0")),
    ("no root", "DNS003", "zero byte that ends", labelled(b"\3www\7example\4test")),
    ("class first", "DNS027", "type and class are exchanged", {"kind": lambda _: b"\0\1\0\x1c"}),
    ("type in host order", "DNS027", "1 is meant", {"kind": lambda _: b"\1\0\0\1"}),
    ("port in host order", "UDP022", "53 is meant", {"dns_port": lambda _: 53 << 8}),
    ("answer reversed", "IP039", "192.0.2.7 is meant", {"named": reads_backwards}),
    (
        "takes an error for an answer",
        "IP008",
        "no address of a host out there",
        {"is_an_address": lambda *_: True, "labels": lambda *_: b"\6nobody\4test\0"},
    ),
]
ROWS = {
    "link": ETHERNET_AND_ARP,
    "ip": IPV4,
    "icmp": ICMP,
    "udp": UDP,
    "dhcp": DHCP,
    "dns": DNS,
}


def run(stack: Stack, *more: str, seed: int = 1) -> str:
    """The log. more: lines of the configuration."""
    lines = f"seed = {seed}", *more, NETWORK
    with virtual(read_toml("\n".join(lines), "net.toml")) as network:
        network.run(stack, SECONDS)
    assert "lint stopped" not in network.log
    return network.log


def roots(log: str) -> dict[str, str]:
    """The first finding of each rule that follows from no other, but for notes."""
    found: dict[str, str] = {}
    for code, text in _FOUND.findall(log):
        if "because of" not in text and BY_CODE[code].severity is not Severity.NOTE:
            found.setdefault(code, text)
    return found


@pytest.mark.parametrize(
    ("code", "said", "wrong"),
    [
        pytest.param(*row[1:], id=f"{protocol}: {row[0]}")
        for protocol, rows in ROWS.items()
        for row in rows
    ],
)
def test_a_mistake_is_named_with_its_cause(code: str, said: str, wrong: dict[str, Any]) -> None:
    log = run(type("Wrong", (Stack,), wrong)())
    found = roots(log)
    assert list(found) == [code], log
    assert said in found[code], log


def test_of_a_right_stack_nothing_is_said() -> None:
    stack = Stack()
    log = run(stack)
    assert roots(log) == {}, log
    assert stack.looked_up == bytes((192, 0, 2, 7))
    assert "works: link, ARP, DHCP, ICMP, UDP, DNS" in log


def test_each_thing_that_is_brought_about_is_a_chance(tmp_path: Path) -> None:
    capture = tmp_path / "net.pcapng"
    run(Stack(), f'capture = "{capture}"')
    assert never_asked(capture) == {"ARP041"}  # it asks for nobody but the router


def test_one_ping_that_a_bad_wire_has_lost_is_no_failure_live_or_offline(tmp_path: Path) -> None:
    capture = tmp_path / "net.pcapng"
    log = run(OnePing(), f'capture = "{capture}"', 'impair = ["icmp loss 100%"]')
    said = "ICMP unclear: ping sent once, no answer came: on this bad wire it may be lost"
    assert said in log
    assert said in list(summary_of(capture).short())


SPOILT = ("from-guest corrupt 20%", "from-guest truncate 40", "from-guest udp flip udp.checksum")


@pytest.mark.parametrize("rule", SPOILT)
def test_what_a_bad_wire_has_spoilt_is_not_the_guests_doing(rule: str) -> None:
    log = run(Stack(), f'impair = ["{rule}"]')
    assert "because of impair rule 1" in log
    assert roots(log) == {}, log
    assert "to mend" not in log


def test_on_a_bad_wire_a_wrong_checksum_of_the_guests_is_its_own() -> None:
    log = run(Wrong(), 'impair = ["from-guest icmp corrupt 100%", "from-guest udp delay 10ms"]')
    assert "to mend, 1: UDP002" in log


@pytest.mark.parametrize(
    ("lost", "code"),
    [
        ('faults = ["dhcp silent 2"]', "DHCP057"),
        ('impair = ["arp loss 100%"]', "ARP036"),
        ('faults = ["dns * silent 2"]', "DNS030"),
    ],
)
def test_who_asks_once_is_told_and_who_asks_again_is_not(lost: str, code: str) -> None:
    assert list(roots(run(Once(), lost))) == [code]
    assert roots(run(Stack(), lost)) == {}


@pytest.mark.parametrize("hermetic", [True, False])
def test_who_never_answers_arp_is_told_within_five_seconds(hermetic: bool) -> None:
    config = NETWORK if hermetic else NETWORK.replace("true", "false")
    wrong = {"is_mine": lambda *_: False, "named": lambda *_: None}  # it asks DNS again
    with virtual(read_toml(config, "net.toml")) as network:
        network.run(type("Deaf", (Stack,), wrong)(), 5.0)
    assert list(roots(network.log)) == ["ARP021"], network.log


class Once(Stack):
    def until_answered(self, what: str, send: Callable[[], None]) -> None:
        self.waiting[what] = send
        send()


class Wrong(Stack):
    def udp_sum(self, ends: bytes, start: bytes, data: bytes) -> int:
        return super().udp_sum(ends, start, data) ^ 1


class OnePing(Stack):
    def begin(self) -> None:
        self.ping()
