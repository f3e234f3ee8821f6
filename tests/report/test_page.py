"""The page as text: links lead somewhere, nothing is loaded, no guest writes HTML into it."""

from __future__ import annotations

import json
import re
import struct
from html.parser import HTMLParser
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from pynat.capture import pcap
from pynat.errors import ConfigError
from pynat.report import Sources, recorded, write_report
from pynat.report.recording import MAX_FOUND
from pynat.report.trace_events import trace_events
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet
from tests.frames import udp
from tests.report.making import transfer

GUEST = bytes((192, 168, 16, 2))
SCRIPT = "<script>alert(1)</script>"


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in {"href", "src"}:
                self.links.append(value or "")


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return transfer(tmp_path / "net.pcapng", 30_000, 60_000, loss=0.03)


def written(capture: Path, serial: Path | None = None) -> str:
    target = capture.with_suffix(".html")
    write_report(Sources(capture, serial), target)
    return target.read_text()


def test_every_link_leads_to_a_place_on_the_page(capture: Path) -> None:
    page = Page(written(capture))
    assert {"findings", "flows", "exchanges", "flow-1"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert any(link.startswith("#frame-") for link in page.links)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_flows_of_udp_are_on_the_page_too(tmp_path: Path) -> None:
    capture = tmp_path / "net.pcapng"
    frame = udp("192.0.2.7", 9000, b"hello", sport=4000)
    capture.write_bytes(pcap.pcapng_header() + pcap.pcapng_block(0, frame, from_guest=True))
    text = written(capture)
    assert "udp 192.168.16.2:4000 &gt; 192.0.2.7:9000 #1" in text
    assert "datagrams" in Page(text).ids


def test_what_the_page_shows_is_what_was_recorded(capture: Path) -> None:
    recording = recorded(Sources(capture))
    (flow,) = recording.flows
    text = written(capture)
    assert flow.from_guest.octets == 30_000
    assert flow.to_guest.octets == 60_000
    assert "30000 bytes" in text
    assert "60000 bytes" in text
    assert flow.how in text
    assert text.count('class="panel"') == 6


def test_a_finding_that_comes_often_is_counted_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "often.pcapng"
    spoilt = bytearray(udp("192.0.2.7", 9, b"hello"))
    spoilt[40] ^= 1  # the checksum
    count = MAX_FOUND + 10
    blocks = [pcap.pcapng_block(n, bytes(spoilt), from_guest=True) for n in range(count)]
    path.write_bytes(pcap.pcapng_header() + b"".join(blocks))
    assert recorded(Sources(path)).severities["error"] == count
    assert "and 10 more" in written(path)


def test_all_times_are_the_guests(tmp_path: Path) -> None:
    path = tmp_path / "late.pcapng"
    blocks = [
        pcap.pcapng_block(5_000_000, udp("192.0.2.7", 9, b"hello"), from_guest=True),
        pcap.pcapng_block(5_500_000, udp("192.0.2.7", 9, b"hello", chksum=7), from_guest=True),
    ]
    path.write_bytes(pcap.pcapng_header() + b"".join(blocks))
    recording = recorded(Sources(path))
    assert [one.when for found in recording.findings.values() for one in found] == [5.5]
    assert [line.text[:7] for line in recording.lines.values()] == ["5.000 >", "5.500 >"]
    text = written(path)
    assert "2 frames in 0.500 s" in text
    assert "Times are seconds of guest time" in text


def test_what_is_found_at_the_end_is_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "once.pcapng"
    asked = arp.encode(arp.Arp(arp.REQUEST, GUEST_MAC, GUEST, bytes(6), bytes((192, 168, 16, 1))))
    frame = ethernet.encode(ethernet.BROADCAST, GUEST_MAC, ethernet.ARP, asked)
    block = pcap.pcapng_block(1_000_000, frame, from_guest=True)
    head = pcap.pcapng_header(
        IPv4Interface("192.168.16.1/24"), b"\x52\x55\x00\xa8\x10\x01", comments=[pcap.BEGINS]
    )
    path.write_bytes(head + block + pcap.pcapng_end(40_000_000))
    found = {rule.code: found for rule, found in recorded(Sources(path)).findings.items()}
    assert [one.number for one in found["ARP036"]] == [None]
    assert "at the end: " in written(path)


def test_a_capture_of_the_wall_clock_counts_from_its_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "other.pcap"
    frame = udp("192.0.2.7", 9, b"hello")
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    lengths = struct.pack("<II", len(frame), len(frame))
    records = [struct.pack("<II", 1_700_000_000 + at, 0) + lengths + frame for at in (0, 2)]
    path.write_bytes(head + b"".join(records))
    text = written(path)
    assert "2 frames in 2.000 s" in text
    assert "Times count from the first frame" in text


def test_a_guest_writes_no_html(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pcapng"
    name = b"\x19" + SCRIPT.encode()[:25] + b"\0"
    question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + name + b"\0\x01\0\x01"
    frame = udp("192.168.16.1", 53, question)
    path.write_bytes(pcap.pcapng_header() + pcap.pcapng_block(1, frame, from_guest=True))
    serial = tmp_path / "serial.txt"
    serial.write_text(f"[ 0.5] {SCRIPT}\n{SCRIPT}\x1b[31m\n")
    text = written(path, serial)
    assert SCRIPT not in text
    assert "\x1b" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert Page(text).tags.count("script") == 1


def test_serial_lines_have_the_times_that_they_name(tmp_path: Path, capture: Path) -> None:
    serial = tmp_path / "serial.txt"
    lines = ["plain", "[    1.250000] eth0: up", json.dumps({"time": 2.5, "text": "lease"}), "{no}"]
    serial.write_text("\n".join(lines))
    found = recorded(Sources(capture, serial)).serial
    assert [tuple(line) for line in found] == [
        (None, "plain"),
        (1.25, "eth0: up"),
        (2.5, "lease"),
        (None, "{no}"),
    ]
    assert re.findall(r'data-ms="([\d.]+)"', written(capture, serial)) == ["1250.000", "2500.000"]


def test_an_empty_capture_is_a_page_too(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcapng"
    path.write_bytes(pcap.pcapng_header())
    text = written(path)
    assert "There was no TCP." in text
    assert "nothing to say" in text


def test_what_is_no_capture_leaves_no_page(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text("hello")
    with pytest.raises(ConfigError, match=r"net\.txt: expected a capture"):
        write_report(Sources(path), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_trace_has_a_track_for_each_flow(capture: Path) -> None:
    told = trace_events(recorded(Sources(capture)))
    events = told["traceEvents"]
    assert isinstance(events, list)
    names = {e["args"]["name"]: e["tid"] for e in events if e["ph"] == "M"}
    (flow,) = [track for name, track in names.items() if name.startswith("tcp ")]
    (span,) = [e for e in events if e["ph"] == "X"]
    assert span["tid"] == flow
    instants = [e for e in events if e["ph"] == "i" and e["tid"] == flow]
    assert all(span["ts"] <= e["ts"] <= span["ts"] + span["dur"] + 1 for e in instants)
    assert any(e["name"] == "data, guest to network" for e in instants)
    json.dumps(told)
