"""Captures are readable by others, at any moment, and a full disk ends only the capture."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP, TCP, UDP, IPOption_RR
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet
from scapy.utils import RawPcapNgReader, RawPcapReader

from pynat.capture import pcap
from pynat.capture.flow_names import FlowNames
from pynat.config import Config
from pynat.errors import ConfigError
from pynat.link.capture import CaptureFile, CaptureLink, Record, Rotation, captured
from pynat.link.link import Link, SendRuns
from pynat.log.comments import FrameComments
from tests.spoiling import samples, spoilt


class FakeLink:
    doorbell = -1
    refuses_since = None
    resets = 0
    receive_runs = None
    closing = False
    speed = 10
    send_runs: SendRuns | None = None

    def __init__(self) -> None:
        self.waiting: list[tuple[float, bytes]] = []
        self.sent: list[bytes] = []
        self.lines: list[str] = []

    def now(self) -> float:
        return 12.5

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def send(self, frames: list[bytes]) -> int:
        self.sent += frames
        return len(frames)

    def done(self, hold_until: float, timer: float | None) -> None: ...

    def log(self, level: int, text: str) -> None:
        self.lines.append(text)


def as_link(link: FakeLink) -> Link:
    return link


@pytest.mark.parametrize("size", [14, 15, 16, 17, 60, 1514])
def test_pcapng_is_read_by_scapy_with_time_and_direction(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.pcapng"
    link = FakeLink()
    link.waiting = [(4_295.000001, b"g" * size)]
    capture = CaptureLink(as_link(link))
    capture.start(path)
    assert capture.receive(10) == [(4_295.000001, b"g" * size)]
    assert capture.send([b"p" * size]) == 1
    capture.done(0.0, None)
    with RawPcapNgReader(str(path)) as reader:  # not closed yet: readable at any moment
        packets = list(reader)
    assert [data for data, _ in packets] == [b"g" * size, b"p" * size]
    times = [((meta.tshigh << 32) | meta.tslow) / 1e6 for _, meta in packets]
    assert times == [4_295.000001, 12.5]
    assert capture.stop() == path
    assert link.sent == [b"p" * size]
    assert epb_flags(path.read_bytes()) == [1, 2]


def no_comment(record: Record) -> str:
    return ""


def epb_flags(data: bytes) -> list[int]:
    flags = []
    at = 0
    while at < len(data):
        kind, length = (int.from_bytes(data[at + i : at + i + 4], "little") for i in (0, 4))
        if kind == 6:
            flags.append(int.from_bytes(data[at + length - 12 : at + length - 8], "little"))
        assert data[at + length - 4 : at + length] == data[at + 4 : at + 8]
        at += length
    return flags


def test_pcap_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    file = CaptureFile(path, pcap.pcapng_header())
    file.add([Record(1.25, b"frame one......", from_guest=True)], no_comment)
    with RawPcapReader(str(path)) as reader:
        ((data, meta),) = list(reader)
    assert (data, meta.sec, meta.usec) == (b"frame one......", 1, 250_000)
    file.close()


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"capture: .*nowhere/x.pcap: No such file"):
        CaptureFile(tmp_path / "nowhere" / "x.pcap", pcap.pcapng_header())


def test_a_pipe_that_nobody_reads_does_not_stop_the_network(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.pcap")
    with pytest.raises(ConfigError, match=r"net\.pcap: .*; name a file that can be written"):
        CaptureFile(tmp_path / "net.pcap", pcap.pcapng_header())


def test_two_cards_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    first = CaptureFile(path, pcap.pcapng_header())
    first.add([Record(1, b"frame one......", from_guest=True)], no_comment)
    with pytest.raises(ConfigError, match="give each card a file of its own"):
        CaptureFile(path, pcap.pcapng_header())
    with RawPcapReader(str(path)) as reader:
        assert len(list(reader)) == 1
    first.close()
    CaptureFile(path, pcap.pcapng_header()).close()
    with RawPcapReader(str(path)) as reader:
        assert list(reader) == []


FULL = "/dev/full"


def test_a_full_disk_ends_the_capture_and_not_the_network(tmp_path: Path) -> None:
    if not os.path.exists(FULL):  # noqa: PTH110
        pytest.skip("this system has no /dev/full")
    link, path = FakeLink(), tmp_path / "x.pcap"
    capture = CaptureLink(as_link(link))
    capture.start(path)
    assert capture._file is not None
    full = os.open(FULL, os.O_WRONLY)
    os.dup2(full, capture._file._fd)
    os.close(full)
    assert capture.send([b"one"]) == 1
    capture.done(0.0, None)
    assert capture.send([b"two"]) == 1
    assert link.sent == [b"one", b"two"]
    assert link.lines == [
        f"pynat: capture stopped: {path}: No space left on device; the network goes on"
    ]
    assert capture.path is None


def test_what_did_not_fit_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcapng"
    file = CaptureFile(path, pcap.pcapng_header())
    file.add([Record(1, b"frame one......", from_guest=True)], no_comment)
    whole, write = path.stat().st_size, os.write
    room = [10]

    def write_some(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr("pynat.link.capture.os.write", write_some)
    with pytest.raises(OSError, match="No space left"):
        file.add([Record(2, b"frame two......", from_guest=True)], no_comment)
    file.close()
    assert path.stat().st_size == whole


# ---------------------------------------------------------------------- at run time
def test_it_starts_and_stops_while_the_network_runs(tmp_path: Path) -> None:
    link = FakeLink()
    capture = CaptureLink(as_link(link))
    assert capture.send == link.send  # nothing is captured, and nothing costs
    capture.send([b"before........."])
    capture.start(tmp_path / "x.pcap")
    assert capture.path == tmp_path / "x.pcap"
    capture.send([b"during........."])
    capture.start(tmp_path / "y.pcap")
    capture.send([b"another file..."])
    assert capture.stop() == tmp_path / "y.pcap"
    capture.send([b"after.........."])
    assert capture.stop() is None
    assert captured_in(tmp_path / "x.pcap") == [b"during........."]
    assert captured_in(tmp_path / "y.pcap") == [b"another file..."]
    assert len(link.sent) == 4


def captured_in(path: Path) -> list[bytes]:
    with RawPcapReader(str(path)) as reader:
        return [data for data, _ in reader]


def test_a_start_that_fails_leaves_the_running_one(tmp_path: Path) -> None:
    link, path = FakeLink(), tmp_path / "x.pcap"
    capture = CaptureLink(as_link(link))
    capture.start(path)
    with pytest.raises(ConfigError, match=r"nowhere/x.pcap: No such file"):
        capture.start(tmp_path / "nowhere" / "x.pcap")
    with pytest.raises(ConfigError, match="is being written already; stop it first"):
        capture.start(path)
    capture.send([b"still captured."])
    capture.stop()
    assert captured_in(path) == [b"still captured."]


def test_the_time_of_day_where_the_link_knows_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    capture = CaptureLink(as_link(FakeLink()), epoch=1_700_000_000.25)
    capture.start(path)
    capture.send([b"a frame........"])
    capture.stop()
    with RawPcapReader(str(path)) as reader:
        ((_, meta),) = list(reader)
    assert (meta.sec, meta.usec) == (1_700_000_012, 750_000)


# ---------------------------------------------------------------------- rotation
def test_the_newest_file_keeps_the_name_and_the_oldest_goes(tmp_path: Path) -> None:
    capture = CaptureLink(as_link(FakeLink()), Rotation(size=100, files=3))
    capture.start(tmp_path / "x.pcap")
    frames = [bytes([number]) * 90 for number in range(5)]  # one fills a file
    for frame in frames:
        capture.send([frame])
        capture.done(0.0, None)
    capture.stop()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["x.1.pcap", "x.2.pcap", "x.pcap"]
    found = [captured_in(tmp_path / name) for name in ("x.2.pcap", "x.1.pcap", "x.pcap")]
    assert found == [[frame] for frame in frames[-3:]]


def test_a_next_file_that_cannot_be_had_ends_the_capture(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    link = FakeLink()
    capture = CaptureLink(as_link(link), Rotation(size=10))
    capture.start(folder / "x.pcap")
    folder.rename(tmp_path / "gone")
    capture.send([b"one"])
    capture.done(0.0, None)
    capture.send([b"two"])
    capture.done(0.0, None)
    assert link.sent == [b"one", b"two"]
    assert link.lines == [
        f"pynat: capture stopped: capture: {folder}/x.pcap: No such file or directory;"
        " name a file that can be written; the network goes on"
    ]


def test_a_capture_that_cannot_be_had_does_not_stop_the_network(tmp_path: Path) -> None:
    for wanted in (tmp_path, tmp_path / "nowhere" / "x.pcap"):
        link = FakeLink()
        with captured(as_link(link), Config(capture=wanted)) as capture:
            assert capture.path is None
            capture.send([b"frame"])
        (line,) = link.lines
        assert line.startswith(f"pynat: capture: {wanted}: ")
        assert line.endswith("; the network goes on without a capture")
        assert link.sent == [b"frame"]


# ---------------------------------------------------------------------- names of flows
GUEST, PEER = "192.168.16.2", "192.0.2.7"


def test_the_first_frame_of_each_flow_has_its_name() -> None:
    names = FlowNames()

    def name(packet: Packet, *, from_guest: bool = True) -> str:
        return names.of_first(raw(Ether(dst="ff:ff:ff:ff:ff:ff") / packet), from_guest=from_guest)

    def out(flags: str) -> Packet:
        return IP(src=GUEST, dst=PEER) / TCP(sport=40000, dport=80, flags=flags)

    def back(flags: str) -> Packet:
        return IP(src=PEER, dst=GUEST) / TCP(sport=80, dport=40000, flags=flags)

    assert name(out("S")) == "tcp 192.168.16.2:40000 > 192.0.2.7:80 #1"
    assert name(back("SA"), from_guest=False) == ""
    assert name(out("A")) == ""
    question = IP(src=GUEST, dst=PEER) / UDP(sport=40000, dport=80)
    assert name(question) == "udp 192.168.16.2:40000 > 192.0.2.7:80 #2"
    assert name(question) == ""
    incoming = IP(src=PEER, dst=GUEST) / UDP(sport=53, dport=1)
    assert name(incoming, from_guest=False) == "udp 192.0.2.7:53 > 192.168.16.2:1 #3"
    assert name(out("S")) == "tcp 192.168.16.2:40000 > 192.0.2.7:80 #4"  # the same ports again
    assert name(ARP()) == ""
    assert name(IP(src=GUEST, dst=PEER, frag=10, proto=17) / b"no ports here") == ""


def test_flows_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynat.capture.flow_names._MAX_FLOWS", 3)
    names = FlowNames()
    head = bytes(12) + b"\x08\0\x45" + bytes(8) + b"\x11" + bytes(10)
    for port in range(10):
        assert names.of_first(head + bytes([0, port]) + bytes(10), from_guest=True)
        assert len(names._known) <= 3


@pytest.mark.parametrize("from_guest", [True, False])
def test_a_spoilt_frame_has_a_name_with_the_next_number_or_none(from_guest: bool) -> None:
    ether, to_peer = Ether(dst="ff:ff:ff:ff:ff:ff"), IP(src=GUEST, dst=PEER)
    valid = [
        raw(ether / to_peer / TCP(sport=40000, dport=80, flags="S")),
        raw(ether / to_peer / UDP(sport=40000, dport=53) / b"question"),
        raw(ether / IP(src=GUEST, dst=PEER, options=[IPOption_RR()]) / UDP(sport=7, dport=9)),
        raw(ether / ARP()),
    ]
    names, count = FlowNames(), 0
    for frame in samples(valid, spoilt):
        if name := names.of_first(frame, from_guest=from_guest):
            count += 1
            form = rf"(tcp|udp) [\d.]+:\d+ > [\d.]+:\d+ #{count}"
            assert re.fullmatch(form, name), (name, frame)
    assert 200 < count < 1500


def test_tshark_reads_a_file_that_is_still_written(tmp_path: Path) -> None:
    if (tshark := shutil.which("tshark")) is None:
        pytest.skip("no tshark (Debian: apt-get install tshark)")
    path = tmp_path / "x.pcapng"
    capture = CaptureLink(as_link(FakeLink()))
    capture.start(path)
    frame = (
        Ether(dst="52:54:00:12:34:56")
        / IP(src="192.0.2.7", dst="192.168.16.2")
        / UDP(sport=53, dport=7)
        / b"hello"
    )
    capture.send([raw(frame), raw(frame)])
    capture.done(0.0, None)
    fields = ("frame.time_relative", "frame.packet_flags_direction", "frame.comment", "udp.length")
    options = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        (tshark, "-r", path, "-T", "fields", *options), capture_output=True, text=True, check=True
    )
    capture.stop()
    assert done.stdout.splitlines() == [
        "0.000000000\t0x00000002\tudp 192.0.2.7:53 > 192.168.16.2:7 #1\t13",
        "0.000000000\t0x00000002\t\t13",
    ]


def test_a_frame_has_what_was_remarked_on_it_as_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    link, comments = FakeLink(), FrameComments()
    one, two = b"frame one......", b"frame two......"
    spoilt = b"frame 0ne......"
    link.waiting = [(1.0, one), (1.0, two)]
    capture = CaptureLink(as_link(link), comments=comments)
    capture.start(path)
    capture.receive(10)
    comments.same(spoilt, one)
    comments.add(spoilt, "dropped")
    comments.add(two, "first")
    comments.add(two, "second")
    capture.show(b"frame three....", from_guest=False)
    capture.done(0.0, None)
    capture.stop()
    comments.add(one, "nobody writes it any more")
    assert comments.pop(one) == ""
    with RawPcapNgReader(str(path)) as reader:
        told = [(data, meta.comments) for data, meta in reader]
    assert told == [(one, [b"dropped"]), (two, [b"first", b"second"]), (b"frame three....", None)]


def test_what_is_said_of_a_frame_is_cut_where_it_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    link, comments = FakeLink(), FrameComments()
    frame = b"frame one......"
    link.waiting = [(1.0, frame)]
    capture = CaptureLink(as_link(link), comments=comments)
    capture.start(path)
    capture.receive(10)
    for _ in range(10_000):
        comments.add(frame, "gef\u00e4lscht")
    capture.done(0.0, None)
    capture.stop()
    with RawPcapNgReader(str(path)) as reader:
        [(data, meta)] = list(reader)
    assert data == frame
    comment = "\n".join(one.decode() for one in meta.comments)
    assert comment.startswith("gef\u00e4lscht\n")
    assert comment.endswith(" ...")
