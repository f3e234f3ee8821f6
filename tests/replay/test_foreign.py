"""Captures that others have made: whose they are is found out, and a right guest stays right."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.cli.main import main
from tests.replay import foreign
from tests.replay.foreign import ADDRESS, GATEWAY, GUEST, NET, ROUTER, Timed, from_guest, to_guest

Output = pytest.CaptureFixture[str]
Linted = Callable[..., tuple[int, list[str], str]]
OTHER = "52:54:00:00:00:77"
SAID = f"guest {GUEST} (it asks by DHCP), router {ROUTER} at {GATEWAY}, net {NET} (by DHCP)"


@pytest.fixture
def lint(tmp_path: Path, capsys: Output) -> Linted:
    """Exit code, lines before the summary, and notes of `pynat lint`."""

    def run(data: bytes, *options: str) -> tuple[int, list[str], str]:
        (tmp_path / "x").write_bytes(data)
        code = main(["lint", *options, str(tmp_path / "x")])
        said = capsys.readouterr()
        found, _, _ = said.out.replace(f"{tmp_path}/", "").partition("what the guest's stack does:")
        return code, found.splitlines(), said.err

    return run


FORMS = {
    "tcpdump": foreign.pcap(foreign.whole()),
    "tcpdump with nanoseconds": foreign.pcap(foreign.whole(), nanoseconds=True),
    "a big-endian host": foreign.pcap(foreign.whole(), order=">"),
    "a big-endian host with nanoseconds": foreign.pcap(
        foreign.whole(), order=">", nanoseconds=True
    ),
    "Wireshark": foreign.pcapng(foreign.whole()),
    "Wireshark with nanoseconds": foreign.pcapng(foreign.whole(), resolution=9),
    "Wireshark with powers of 2": foreign.pcapng(foreign.whole(), resolution=0x80 | 20),
    "Wireshark, big-endian": foreign.pcapng(foreign.whole(), order=">"),
    "all interfaces": foreign.pcap(foreign.cooked(foreign.whole()), link=113),
    "a snapshot length": foreign.pcap(foreign.whole(), snap=400),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_right_guest(form: str, lint: Linted) -> None:
    code, lines, _ = lint(FORMS[form])
    frames = len(foreign.whole())
    assert lines == [f"x: {frames} frames, 16 from the guest; {SAID}"]
    assert code == 0


def test_a_vlan(lint: Linted) -> None:
    code, (line,), _ = lint(foreign.pcap(foreign.tagged(foreign.whole(), 5)))
    assert line.endswith(f"{SAID}, VLAN 5")
    assert code == 0


def test_the_data_of_cut_frames_are_nobodys(
    lint: Linted,
) -> None:
    """60 bytes: TCP is followed all the same."""
    frames = [*foreign.resolved(), *foreign.download()]
    code, lines, notes = lint(foreign.pcap(frames, snap=60))
    assert len(lines) == 1
    assert "9 frames are not whole (snapshot length): their data are unknown" in notes
    late = from_guest(IP(src=ADDRESS, dst="192.0.2.7", flags="DF") / TCP(sport=40000, flags="A"))
    wrong = [*frames[:8], (2.06, late[:24] + b"\0\0" + late[26:])]
    code, lines, _ = lint(foreign.pcap([*wrong, *frames[8:]], snap=60))
    assert code == 1
    assert " IP005 error: " in lines[0]


def test_without_dhcp_arp_says_it(lint: Linted) -> None:
    code, (line,), _ = lint(foreign.pcap([*foreign.resolved(), *foreign.download()]))
    assert f"router {ROUTER} at {GATEWAY}, net {NET} (by ARP)" in line
    assert code == 0


def test_who_talks_to_the_gateway_is_the_guest(
    lint: Linted,
) -> None:
    """A capture that begins with a frame of the gateway's, in the middle of everything."""
    ping = IP(src="192.0.2.8", dst=ADDRESS) / ICMP(type=0, id=1, seq=1)
    code, (line,), _ = lint(foreign.pcap([(0, to_guest(ping)), *foreign.download(1.0)]))
    assert f"guest {GUEST} (it talks to the gateway {GATEWAY})" in line
    assert code == 0


def test_options_say_it(lint: Linted) -> None:
    data = foreign.pcap(foreign.download())
    for guest in (GUEST, ADDRESS):
        _, (line,), _ = lint(data, "--guest", guest, "--net", NET)
        assert f"guest {GUEST} (as asked for), router 10.0.2.1 at {GATEWAY}" in line
    _, (line,), _ = lint(data, "--router", "10.0.2.2/16")
    assert f"router {ROUTER} at {GATEWAY}, net 10.0.0.0/16 (as asked for)" in line


def test_a_configuration_says_it(tmp_path: Path, lint: Linted) -> None:
    config = tmp_path / "net.toml"
    config.write_text('layout = "slirp"\n[network]\nmac = "52:55:0a:00:02:02"\n')
    code, (line,), _ = lint(foreign.pcap(foreign.whole()), "--config", str(config))
    assert f"router {ROUTER} at {GATEWAY}, net {NET} (as configured)" in line
    assert code == 0
    config.write_text("nonsense = 1\n")
    code, lines, notes = lint(foreign.pcap(foreign.whole()), "--config", str(config))
    assert (code, lines) == (2, [])
    assert "nonsense" in notes


def test_a_wire_with_others_on_it(lint: Linted) -> None:
    """What is between others is left out, and what the guest sends to one is not the router's."""
    other = "10.0.2.77"
    between = [raw_ping(OTHER, GATEWAY, other, ROUTER), raw_ping(GATEWAY, OTHER, ROUTER, other)]
    ask = from_guest(ARP(op=1, hwsrc=GUEST, psrc=ADDRESS, pdst=other), to="ff:ff:ff:ff:ff:ff")
    told = to_guest(ARP(op=2, hwsrc=OTHER, psrc=other, hwdst=GUEST, pdst=ADDRESS), source=OTHER)
    mine = [ask, told, raw_ping(GUEST, OTHER, ADDRESS, other)]
    mine.append(raw_ping(OTHER, GUEST, other, ADDRESS))
    added = [(5 + 0.1 * n, frame) for n, frame in enumerate([*between, *mine])]
    code, lines, notes = lint(foreign.pcap([*foreign.whole(), *added]))
    assert len(lines) == 1
    assert code == 0
    assert "2 frames are between others, or too short: left out" in notes


def raw_ping(source: str, to: str, address: str, target: str) -> bytes:
    packet = IP(src=address, dst=target, id=9) / ICMP(type=8 if source < to else 0, id=1, seq=1)
    return bytes(Ether(src=source, dst=to) / packet)


# ---------------------------------------------------------------- from the middle
def test_a_capture_that_begins_in_the_middle(
    lint: Linted,
) -> None:
    """Of a connection, a lease, what ARP knows: nothing is wrong for want of a beginning."""
    whole = [*foreign.lease(), *foreign.resolved(), *foreign.download()]
    for first in range(1, len(whole) - 3):
        code, lines, _ = lint(foreign.pcap(whole[first:]), "--router", f"{ROUTER}/24")
        assert (code, len(lines)) == (0, 1), (first, lines)


def test_a_segment_of_no_connection_is_told_by_its_answer(
    lint: Linted,
) -> None:
    lost = TCP(sport=40001, dport=80, flags="A", seq=7, ack=77)
    reset = TCP(sport=80, dport=40001, flags="R", seq=77)
    mine = from_guest(IP(src=ADDRESS, dst="192.0.2.7", flags="DF") / lost)
    theirs = to_guest(IP(src="192.0.2.7", dst=ADDRESS, flags="DF") / reset)
    stray: list[Timed] = [(5.0, mine), (5.1, theirs)]
    code, lines, _ = lint(foreign.pcap([*foreign.whole(), *stray]))
    assert lines[0].startswith(f"#{len(foreign.whole()) + 1} 5.100000 TCP004 warning: ")
    assert code == 1
    _, lines, _ = lint(foreign.pcap([*foreign.whole(), stray[0]]))
    assert len(lines) == 1
    _, lines, _ = lint(foreign.pcap([*foreign.whole(), stray[0]]), "--from-start")
    assert " TCP004 warning: " in lines[0]


def test_an_overtaken_segment_is_answered_when_all_is_over(lint: Linted) -> None:
    """The guest's FIN is acknowledged, so it has forgotten the connection: RST is the answer."""
    theirs, mine = {"sport": 80, "dport": 40000}, {"sport": 40000, "dport": 80}
    end, own = 8502, 3_000_000_101
    last = TCP(**mine, flags="FPA", seq=own, ack=end) / b"bye"
    acknowledged = TCP(**theirs, flags="A", seq=end, ack=own + 4)
    old = TCP(**theirs, flags="A", seq=end, ack=own)
    reset = TCP(**mine, flags="R", seq=own)
    out = IP(src=ADDRESS, dst="192.0.2.7", flags="DF")
    back = IP(src="192.0.2.7", dst=ADDRESS, flags="DF")
    frames = [from_guest(out / last), to_guest(back / acknowledged)]
    frames += [to_guest(back / old), from_guest(out / reset)]
    closed = [(2.3 + 0.01 * n, frame) for n, frame in enumerate(frames)]
    code, lines, _ = lint(foreign.pcap([*foreign.whole()[:-2], *closed]))
    assert (code, len(lines)) == (0, 1), lines


# ---------------------------------------------------------------- what is wrong
def test_a_swapped_source_address_is_that_and_nothing_else(
    lint: Linted,
) -> None:
    """Its sums are right, and nothing of it is a sum that is wrong."""
    swapped = "15.2.0.10"
    syn = IP(src=swapped, dst="192.0.2.7", flags="DF") / TCP(sport=40000, dport=80, flags="S")
    asked = IP(src=swapped, dst=ROUTER, id=3) / UDP(sport=40000, dport=53) / (b"\0" * 12)
    wrong = [(6.0 + n, from_guest(packet)) for n, packet in enumerate([syn, asked] * 3)]
    code, lines, _ = lint(foreign.pcap([*foreign.lease(), *foreign.resolved(), *wrong]))
    assert code == 1
    codes = {line.split()[2] for line in lines if line.startswith("#")}
    assert "IP007" in codes
    assert not codes & {"TCP001", "UDP002"}


# ---------------------------------------------------------------- broken, and large
@pytest.mark.parametrize("form", ["tcpdump", "Wireshark"])
def test_what_is_cut_off_or_spoilt_is_said(form: str, lint: Linted) -> None:
    data = FORMS[form]
    code, lines, notes = lint(data[:-3])
    frames = len(foreign.whole())
    assert lines[0].startswith(f"x: {frames - 1} frames")
    assert notes.endswith(f"cut off after {frames - 1} packets; what follows was not looked at\n")
    assert code == 0
    code, lines, notes = lint(data + b"\xff" * 40)
    assert lines[0].startswith(f"x: {frames} frames")
    assert f"spoilt after {frames} packets: " in notes
    assert code == 0


def test_what_is_no_file(tmp_path: Path, capsys: Output) -> None:
    assert main(["lint", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith(": expected a file, which is read twice\n")


def test_memory_does_not_grow_with_the_file(tmp_path: Path, lint: Linted) -> None:
    """Ten times the packets, with the same findings again and again."""

    def peak(times: int) -> int:
        exchange = [*foreign.resolved(), *foreign.download(size=1400)]
        frames = [(when + 10 * n, frame) for n in range(times) for when, frame in exchange]
        data = foreign.pcap(frames)
        tracemalloc.start()
        lint(data)
        used = tracemalloc.get_traced_memory()[1] - len(data)
        tracemalloc.stop()
        return used

    peak(5)
    few, many = peak(20), peak(200)
    assert many < few + 300_000
