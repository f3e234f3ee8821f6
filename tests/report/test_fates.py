"""What a bad wire or the router has done to frames: in the plots, the exchanges, the sentences."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pynat.capture import pcap
from pynat.report import Recording, Sources, recorded, write_report
from pynat.report.fates import CHANGED, DROPPED, LOST, Fate, fate
from pynat.report.flows import SAID, SPOILT
from pynat.report.page import page
from tests.frames import udp
from tests.report.making import LOSS, bad_wire, told_of
from tests.report.test_flows import Wire

RULE = f"impair rule 1 ({LOSS})"
LATE = "impair rule 2 (delay 5ms): 5 ms late"
DROP = "dropped: TCP001 tcp checksum: 1:1(0)"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recorded(Sources(bad_wire(tmp_path_factory.mktemp("bad"))))


@pytest.mark.parametrize(
    ("remarks", "lost", "expected"),
    [
        ((), False, None),
        (("TCP044 warning: no new number",), False, None),
        ((f"{RULE}: lost",), True, Fate(LOST, RULE)),
        ((LATE,), False, Fate(CHANGED, "impair rule 2 (delay 5ms)")),
        ((LATE, DROP), False, Fate(DROPPED, "TCP001 tcp checksum")),
        (("dropped by a script",), True, Fate(LOST, "a script")),
        (("changed by a script",), False, Fate(CHANGED, "a script")),
        (("not delivered: sent at 1 s",), False, Fate(LOST, "the card took no frames")),
        (("whatever",), True, Fate(LOST, "the capture says no more")),
    ],
)
def test_what_became_of_a_frame(
    remarks: tuple[str, ...], *, lost: bool, expected: Fate | None
) -> None:
    assert fate(remarks, lost=lost) == expected


def test_each_lost_segment_is_marked_where_it_is_and_says_why(recording: Recording) -> None:
    (flow,) = recording.flows
    lost = [mark for mark in flow.to_guest.marks if mark.kind == LOST]
    assert len(lost) == flow.to_guest.lost == recording.fates[Fate(LOST, RULE)] > 0
    assert all(f"{RULE}: lost" in mark.text for mark in lost)
    drawn = {(one.number, one.low, one.high) for one in flow.to_guest.points}
    assert {(mark.number, mark.low, mark.high) for mark in lost} <= drawn


def test_what_the_router_drops_and_what_came_late_are_marked_too(recording: Recording) -> None:
    (flow,) = recording.flows
    marks = flow.from_guest.marks
    (dropped,) = [mark for mark in marks if mark.kind == DROPPED]
    assert "dropped: TCP001 tcp checksum: " in dropped.text
    (spoilt,) = [one for one in flow.from_guest.points if one.kind == SPOILT]
    assert (spoilt.number, spoilt.low) == (dropped.number, 10_001)
    assert flow.from_guest.lost == 1
    late = {mark.number for mark in marks if mark.kind == CHANGED}
    assert (
        len(late) == recording.fates[Fate(CHANGED, "impair rule 2 (from-guest tcp data delay 5ms)")]
    )


def test_an_acknowledgement_is_marked_in_the_plot_of_what_it_acknowledges() -> None:
    wire = Wire()
    flow = wire.opened()
    wire(0.3, 1, 100)
    wire(0.4, 1, ack=101, guest=False, said=("lost",), kind=LOST)
    (mark,) = flow.from_guest.marks
    assert (mark.low, mark.high, mark.kind) == (101, 101, LOST)
    assert flow.to_guest.lost == 1


def test_what_is_only_said_has_a_limit_and_what_is_lost_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pynat.report.flows.MAX_SAID", 2)
    wire = Wire()
    flow = wire.opened()
    for kind in (SAID, LOST):
        for at in range(5):
            wire(0.3, 1 + at, 1, said=("so",), kind=kind)
    assert Counter(mark.kind for mark in flow.from_guest.marks) == {SAID: 2, LOST: 5}


def test_a_message_that_was_lost_is_crossed_out(recording: Recording) -> None:
    (arrow,) = [one for one in recording.exchanges.arrows["ICMP"] if one.fate]
    assert arrow.fate == Fate(LOST, "impair rule 3 (to-guest icmp first 1 drop)")
    text = page(recording)
    assert text.count('class="cross"') == 1
    assert "<title>lost: impair rule 3 (to-guest icmp first 1 drop)</title>" in text


def test_frames_around_findings_have_the_remarks_of_the_capture(recording: Recording) -> None:
    remarks = [remark for line in recording.lines.values() for remark in line.remarks]
    assert f"{RULE}: lost" in remarks
    assert '<span class="remark">' in page(recording)


def test_the_first_sentences_say_what_worked_and_what_to_mend(recording: Recording) -> None:
    told = told_of(recording)
    assert told[0] == "Link, ARP and UDP work."
    assert "TCP as server is unclear: none closed by both ends: on this bad wire" in told[1]
    assert told[2].startswith("Never tried: DHCP, ")
    assert told[3].startswith('<b>To mend first:</b> <a href="#IP009">IP009</a>, ipv4 host in a')
    assert "<b>Look at:</b> Ask for the next hop&#39;s MAC address" in told[3]
    assert told[4].startswith("Then: TCP001, ")
    count = recording.fates[Fate(LOST, RULE)]
    assert told[5].startswith(f"Lost on the wire, {count + 1} frames: {RULE} ({count} times); ")
    assert told[6].endswith("TCP001 tcp checksum (once).")
    assert told[7].startswith("Late, twice or changed, ")
    text = page(recording)
    assert text.index('id="IP009"') < text.index('id="TCP001"'), "in the order in which to mend"


def test_where_nothing_is_wrong_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "net.pcapng"
    path.write_bytes(pcap.pcapng_header())
    assert "Nothing is to be mended." in told_of(recorded(Sources(path)))


def test_a_capture_of_others_may_say_that_a_frame_was_lost(tmp_path: Path) -> None:
    path = tmp_path / "net.pcapng"
    frame = udp("192.0.2.7", 9, b"hello")
    block = pcap.pcapng_block(1, frame, from_guest=True, comment="<b>noise</b>", lost=True)
    path.write_bytes(pcap.pcapng_header() + block)
    recording = write_report(Sources(path), tmp_path / "report.html")
    assert recording.fates == {Fate(LOST, "the capture says no more"): 1}
    assert "<b>noise" not in (tmp_path / "report.html").read_text()
