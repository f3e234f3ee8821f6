"""`pynat lint FILE` and `pynat explain CODE`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scapy.layers.l2 import ARP, Ether

from pynat.capture import pcap
from pynat.cli.main import main
from pynat.rules import RULES
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ping, udp

Output = pytest.CaptureFixture[str]


def captured(path: Path, lab: LintedLab) -> Path:
    """As `pynat` writes it, or as tcpdump: a .pcap says nothing of directions."""
    blocks = [
        pcap.pcap_record(round(now * 1e6), frame)
        if path.suffix == ".pcap"
        else pcap.pcapng_block(round(now * 1e6), frame, from_guest=from_guest)
        for now, frame, from_guest, _ in lab.seen
    ]
    path.write_bytes(
        (pcap.PCAP_HEADER if path.suffix == ".pcap" else pcap.pcapng_header()) + b"".join(blocks)
    )
    return path


@pytest.fixture(params=["x.pcapng", "x.pcap"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def clean(lab: LintedLab) -> LintedLab:
    lab.from_guest(announcement())
    introduce(lab)
    lab.from_guest(ping(ROUTER))
    return lab


def announcement() -> bytes:
    mac = GUEST_MAC.hex(":")
    arp = ARP(op=1, hwsrc=mac, psrc=GUEST, pdst=GUEST)
    return bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / arp)


def wrong(lab: LintedLab) -> LintedLab:
    clean(lab)
    lab.wait(0.5)
    lab.from_guest(udp("192.0.2.7", 9, b"hello", ttl=0, id=1))
    lab.from_guest(udp("192.0.2.7", 9, b"hello", chksum=7, id=2))
    return lab


def test_a_clean_guest(path: Path, capsys: Output) -> None:
    assert main(["lint", str(captured(path, clean(LintedLab())))]) == 0
    first, *page = capsys.readouterr().out.splitlines()
    assert first == f"{path}: 5 frames, 3 from the guest; {whose(path)}"
    assert "  ICMP           works: ping sent once, answer came once" in page
    assert "nothing is to be mended" in page


def whose(path: Path) -> str:
    how = "the first sender" if path.suffix == ".pcap" else "the capture says so"
    router = "router 192.168.16.1 at 52:55:00:a8:10:01, net 192.168.16.0/24 (by ARP)"
    return f"guest 52:54:00:12:34:56 ({how}), {router}"


def test_what_is_wrong_is_shown_with_the_frames_number(path: Path, capsys: Output) -> None:
    assert main(["lint", str(captured(path, wrong(LintedLab())))]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "#6 1.500000 IP031 error: udp 192.168.16.2:5000 > 192.0.2.7:9 length 13: TTL 0,"
        " expected 64 (RFC 1122 3.2.1.7)",
        "#8 1.500000 IP005 error: udp 192.168.16.2:5000 > 192.0.2.7:9: header checksum 0x0007,"
        " expected 0xe818 (RFC 791 3.1)",
        f"{path}: 8 frames, 5 from the guest; {whose(path)}",
    ]
    assert "  1. IP031 error: ipv4 time to live zero: once, first in frame 6, at 1.500 s" in said
    assert "  2. IP005 error: ipv4 checksum: once, first in frame 8, at 1.500 s" in said


def test_the_summary_alone(path: Path, capsys: Output) -> None:
    file = str(captured(path, wrong(LintedLab())))
    assert main(["lint", "--summary", file]) == 1
    assert capsys.readouterr().out.splitlines()[1] == "what the guest's stack does:"
    assert main(["lint", "--summary", "--json", file]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in told["findings"]] == ["IP031", "IP005"]


def test_how_often_each_rule_was_exercised(path: Path, capsys: Output) -> None:
    main(["lint", "--exercised", str(captured(path, wrong(LintedLab())))])
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert ["3", "1", "IP031"] in [row[:3] for row in rows]
    assert ["0", "0", "TCP044"] in [row[:3] for row in rows]


def test_as_json(path: Path, capsys: Output) -> None:
    assert main(["lint", "--json", str(captured(path, wrong(LintedLab())))]) == 1
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["frame"], one["code"], one["time"], one["from"]) for one in said] == [
        (6, "IP031", 1.5, "guest"),
        (8, "IP005", 1.5, "guest"),
    ]


def test_notes_are_no_failure(tmp_path: Path, capsys: Output) -> None:
    lab = clean(LintedLab())
    lab.from_guest(no_checksum())
    assert main(["lint", str(captured(tmp_path / "x.pcap", lab))]) == 0
    assert "  UDP020 note: udp without checksum: once" in capsys.readouterr().out


def no_checksum() -> bytes:
    frame = udp("192.0.2.7", 9, b"hello", id=10)
    return frame[:40] + b"\0\0" + frame[42:]


@pytest.mark.parametrize("guest", [GUEST_MAC.hex(":"), "192.168.16.2"])
def test_the_guest_can_be_named(tmp_path: Path, capsys: Output, guest: str) -> None:
    path = captured(tmp_path / "x.pcapng", wrong(LintedLab()))
    assert main(["lint", "--guest", guest, "--router", "192.168.16.1/24", str(path)]) == 1
    assert "5 from the guest" in capsys.readouterr().out


def test_somebody_else_is_named(tmp_path: Path, capsys: Output) -> None:
    path = captured(tmp_path / "x.pcapng", wrong(LintedLab()))
    assert main(["lint", "--guest", "10.0.0.1", str(path)]) == 2
    said = (
        "--guest 10.0.0.1: no frame is from there; there are 52:54:00:12:34:56, 52:55:00:a8:10:01"
    )
    assert said in capsys.readouterr().err


def test_many_of_a_rule(tmp_path: Path, capsys: Output) -> None:
    lab = clean(LintedLab())
    for number in range(30):
        lab.from_guest(udp("192.0.2.7", 9, b"hello", ttl=0, id=number))
    path = captured(tmp_path / "x.pcap", lab)
    main(["lint", str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("#") for line in lines) == 10
    assert lines[10] == "more of IP031: --all shows them"
    main(["lint", "--all", str(path)])
    assert sum(line.startswith("#") for line in capsys.readouterr().out.splitlines()) == 30


def test_a_file_that_cannot_be_used(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "x").write_text("hello")
    assert main(["lint", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err.endswith("x: expected a capture, pcap or pcapng\n")


def test_an_empty_capture(path: Path, capsys: Output) -> None:
    assert main(["lint", str(captured(path, LintedLab()))]) == 2
    said = capsys.readouterr()
    assert said.err == f"pynat: {path}: no frame is in it, so nothing was looked at\n"
    assert said.out == ""


def test_explain_prints_the_page(capsys: Output) -> None:
    assert main(["explain", "tcp001"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# TCP001: tcp checksum\n")
    assert "## Example" in said


def test_explain_without_the_docs(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynat.cli.explain.documents", lambda: None)
    assert main(["explain", "TCP001"]) == 0
    assert "## What to look at in your code" in capsys.readouterr().out


def test_explain_an_unknown_code(capsys: Output) -> None:
    assert main(["explain", "TPC001"]) == 1
    assert "TPC001 is no code of a rule; did you mean TCP001?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("TCP999", "TCP999 is no code of a rule; `pynat explain TCP` lists those of TCP"),
        ("TPC999", "did you mean TCP?"),
        ("tcp51", "TCP51 is no code of a rule; did you mean TCP051?"),
        ("TCP0051", "did you mean TCP051?"),
        ("tpc51", "did you mean TCP051?"),
        ("tcp051x", "did you mean TCP051?"),
        ("TCP-051", "did you mean TCP051?"),
        ("FOO", "there are those of ETH, ARP, IP, ICMP, UDP, TCP, DHCP, DNS, TFTP, NET"),
    ],
)
def test_explain_what_is_no_code(capsys: Output, code: str, said: str) -> None:
    assert main(["explain", code]) == 1
    assert said in capsys.readouterr().err


def test_explain_a_protocol(capsys: Output) -> None:
    assert main(["explain", "arp"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ARP0") for line in lines[1:]), lines
    assert len(lines) > 10


def test_explain_lists_all(capsys: Output) -> None:
    assert main(["explain"]) == 0
    said = capsys.readouterr().out
    assert all(rule.code in said for rule in RULES)


def test_a_capture_that_is_cut_off(path: Path, capsys: Output) -> None:
    captured(path, clean(LintedLab()))
    assert main(["lint", str(path)]) == 0
    assert capsys.readouterr().err == ""
    path.write_bytes(path.read_bytes()[:-3])
    assert main(["lint", str(path)]) == 0
    said = capsys.readouterr()
    frames = said.out.split()[1]
    what = f"cut off after {frames} packets; what follows was not looked at"
    assert said.err == f"pynat: {path}: {what}\n"
