"""What a guest writes steers nothing: no log, comment, finding, terminal, and no file's name."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pynat import rules
from pynat.config import Config, Lint, Tftp
from pynat.control.commands import Commands
from pynat.harmless import MARK, MAX_LINE, harmless, harmless_lines
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.link.memory import MemoryLink
from pynat.log.notices import Level, Notices
from pynat.net import Datagram, Net, Stream
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import TcpScript
from pynat.testing.tftp import TftpClient
from pynat.testing.virtual import virtual
from pynat.wire import dhcp, ethernet, ipv4
from pynat.wire import udp as udp_wire
from tests.frames import ROUTER, ping, udp

FORGED = (
    b"x\ndropped: forged\r\x1b[2J\x1b]0;t\x07\x9b1m\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xed\xa0\x80"
)
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
texts = st.binary(max_size=40) | st.sampled_from([FORGED, FORGED * 5])


def check(text: str) -> None:
    """A line, or several that are marked."""
    for number, line in enumerate(text.split("\n")):
        assert number == 0 or line.startswith(MARK)
        found = {unicodedata.category(char) for char in line.replace("\t", "")}
        assert not found & HARMFUL, repr(line)
        assert not line.startswith(("dropped: forged", f"{MARK}dropped: forged")) or number


@given(st.text(st.characters()) | st.text("\n\r\x1b\x9b\u202e\u2066\ud800\tab", max_size=50))
def test_any_text_is_one_harmless_line(text: str) -> None:
    check(harmless(text))
    assert "\n" not in harmless(text)
    assert "\t" not in harmless(text)
    harmless(text).encode()


@given(st.text("\n\r\x1b\x9b\u202e\u2066\ud800\tab", max_size=50))
def test_further_lines_are_marked(text: str) -> None:
    check(harmless_lines(text))


def test_what_is_harmless_stays_and_what_is_long_is_cut() -> None:
    assert harmless("grüß - \\x1b") == "grüß - \\x1b"
    assert harmless("a\x1bb\nc") == "a\\x1bb\\nc"
    assert harmless("a" * (MAX_LINE + 7)) == "a" * MAX_LINE + "... (7 more characters)"
    assert harmless_lines("a\n\tb\x1b") == "a\n  | \tb\\x1b"


# ---------------------------------------------------------------- every text field of a guest's
def name(text: bytes) -> bytes:
    labels = [text[at : at + 63] for at in range(0, min(len(text), 180), 63)]
    return b"".join(bytes((len(one),)) + one for one in labels) + b"\0"


def frames(text: bytes) -> list[bytes]:
    """One of each protocol that has texts, with this one in every field."""
    plain = text.replace(b"\0", b"")
    query = b"\0\7\1\0\0\1\0\0\0\0\0\0" + name(text)
    codes = (12, 15, 18, 40, 43, 56, 60, 61, 64, 66, 67, 77, 81, 97, 124, 125)
    options = {dhcp.KIND: b"\1"} | dict.fromkeys(codes, text[:255])
    told = dhcp.Message(
        dhcp.REQUEST, 1, GUEST_MAC, sname=text[:63], file=text[:127], options=options
    )
    asked = dhcp.Message(dhcp.REQUEST, 1, GUEST_MAC, options=options | {dhcp.KIND: b"\3"})
    declined = dhcp.Message(dhcp.REQUEST, 1, GUEST_MAC, options=options | {dhcp.KIND: b"\4"})
    requests = [
        b"\0" + code + b"\0".join(words) + b"\0"
        for code in (b"\1", b"\2")
        for words in (
            (plain, b"octet"),
            (b"a", plain),
            (b"a", b"octet", plain, plain),
            (plain, plain, b"blksize", plain),
        )
    ]
    return [
        ping(ROUTER, text),
        *(udp(ROUTER, 53, query + kind) for kind in (b"\0\1\0\1", b"\0\x0c\0\1", b"\0\1")),
        *(udp(ROUTER, 69, one, sport=3000 + at) for at, one in enumerate(requests)),
        udp(ROUTER, 69, b"\0\5\0\0" + plain + b"\0"),
        udp(ROUTER, 69, b"\0\6" + plain + b"\0" + plain + b"\0"),
        *(to_dhcp(dhcp.encode(one, 1400)[0]) for one in (told, asked, declined)),
        udp("192.0.2.7", 7, text),
        ethernet.encode(b"\xff" * 6, GUEST_MAC, 0x1234, text),
    ]


def to_dhcp(message: bytes) -> bytes:
    payload = udp_wire.encode(bytes(4), 68, b"\xff" * 4, 67, message)
    packet = ipv4.encode(bytes(4), b"\xff" * 4, ipv4.UDP, payload)
    return ethernet.encode(b"\xff" * 6, GUEST_MAC, ethernet.IPV4, packet)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=texts)
def test_no_text_of_a_guests_comes_through(tmp_path: Path, text: bytes) -> None:
    net = Net(hermetic=True, seed=1)

    @net.udp("192.0.2.7", 7)
    def log(datagram: Datagram) -> None:
        net.log(datagram.data.decode("utf-8", "surrogateescape"))
        raise ValueError(datagram.data.decode("latin-1"))

    @net.dns
    def names(asked: str) -> None:
        raise LookupError(asked)

    root = tmp_path / "tftp"
    root.mkdir(exist_ok=True)
    capture, journal = tmp_path / "net.pcapng", tmp_path / "lint.json"
    config = net.configured()
    config = config_with(config, capture, journal, root)
    with virtual(config, net) as network:
        for frame in frames(text):
            network.card.waiting.append((network.card.time, frame))
            network.engine.turn()
            network.card.time += 1
        said = answers(network.engine, config)
    for line in network.card.lines:
        check(line)
    for entry in journal.read_bytes().splitlines():
        assert entry.isascii()
        for value in json.loads(entry).values():
            check(str(value))
    assert all(line.isascii() and b"\x1b" not in line for line in said)
    for comment in comments(capture.read_bytes()):
        for line in comment.split("\n"):
            check(line)
            assert not line.startswith("dropped: forged")
    assert all(path.name.isprintable() for path in root.iterdir())


def config_with(config: Config, capture: Path, journal: Path, root: Path) -> Config:
    return replace(
        config, capture=capture, lint=Lint(json=journal), tftp=Tftp(root=root, write=True)
    )


def answers(engine: object, config: Config) -> list[bytes]:
    loop = asyncio.new_event_loop()
    try:
        memory = MemoryLink(loop)
        link = CaptureLink(memory)
        impair = ImpairLink(link, 1, Notices(lambda level, text: None), link)
        commands = Commands(engine, config, "card", link, impair)  # type: ignore[arg-type]
        asked = ("info", "flows", "stats", "lint", "leases", "neighbors", "peer list", "\ud800")
        found = [commands.answer(json.dumps({"command": one}).encode()) for one in asked]
        memory.dispose()
        return found
    finally:
        loop.close()


def comments(data: bytes) -> list[str]:
    """Of all blocks of a pcapng file: options of code 1 behind the packets."""
    found, at = [], 0
    while at < len(data):
        kind, length = (int.from_bytes(data[i : i + 4], "little") for i in (at, at + 4))
        if kind == 6:
            size = int.from_bytes(data[at + 20 : at + 24], "little")
            option = at + 28 + size + -size % 4
            while option < at + length - 4:
                code, long = (
                    int.from_bytes(data[i : i + 2], "little") for i in (option, option + 2)
                )
                if code == 1:
                    found.append(data[option + 4 : option + 4 + long].decode())
                option += 4 + long + -long % 4
        at += length
    return found


def test_a_web_servers_words_come_from_the_guest_too() -> None:
    net = Net(hermetic=True, seed=1)

    @net.tcp("192.0.2.7", 80)
    async def serve(stream: Stream) -> None:
        net.log(f"asked: {(await stream.read()).decode('latin-1')}")

    lab = Lab(net=net)
    flow = TcpScript(lab, remote="192.0.2.7")
    flow.guest("S 0:0(0)")
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1")
    flow.guest(f"P. 1:{len(FORGED) + 1}({len(FORGED)}) ack 1", data=FORGED)
    told = next(line for line in lab.log if "asked: x" in line)
    assert told.split("\n")[1].startswith(f"{MARK}dropped: forged")
    check(told)


@pytest.mark.parametrize("level", Level)
def test_lines_of_a_notice_pass_only_where_they_are_wanted(level: Level) -> None:
    said: list[str] = []
    notices = Notices(lambda _, text: said.append(text))
    notices.limited("a", "one\ntwo", 0.0, level)
    notices.limited("b", lambda: "one\ntwo", 0.0, level, lines=True)
    notices.drop(rules.tftp.REQUEST, "one\ntwo", 0.0, level)
    assert said[:2] == ["one\\ntwo", f"one\n{MARK}two"]
    assert said[2].startswith("dropped: TFTP003 tftp request: one\\ntwo; look at: ")


# ---------------------------------------------------------------- files that the guest makes
@pytest.mark.parametrize(
    "name", [b"a\nb", b"\x1b[2J", b"\xe2\x80\xae" + b"gnp.exe", b"\xff", b"\xc2\x9b", b"x/\x07/y"]
)
def test_a_guest_makes_no_file_whose_name_steers_a_terminal(tmp_path: Path, name: bytes) -> None:
    lab = Lab(Config(tftp=Tftp(root=tmp_path, write=True)))
    client = TftpClient(lab)
    lab.from_guest(udp(ROUTER, 69, b"\0\2" + name + b"\0octet\0", sport=client.own_port))
    (packet,) = client.packets()
    assert packet.data == b"a new name has to be readable text without control codes"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["log.txt", "grüße aus köln", "日本"])
def test_readable_names_are_fine(tmp_path: Path, name: str) -> None:
    lab = Lab(Config(tftp=Tftp(root=tmp_path, write=True)))
    lab.from_guest(udp(ROUTER, 69, b"\0\2" + name.encode() + b"\0octet\0", sport=3000))
    assert (tmp_path / name).exists()
