"""Parts of `pynat.testing.kit` that need no guest."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from pynat.bochs.find import BochsError, find_bochs
from pynat.net import Net
from pynat.rules import BY_CODE
from pynat.testing.kit import BootOptions, Guest, Verdicts
from pynat.testing.kit.stream import Stream

NOTE: dict[str, object] = {
    "code": "TCP096",
    "severity": "note",
    "name": "n",
    "packet": None,
    "text": "t",
}
WARNING = NOTE | {"code": "TCP051", "severity": "warning"}
ERROR: dict[str, object] = {
    "code": "IP001",
    "severity": "error",
    "name": "e",
    "packet": "udp a > b",
    "text": "bad",
}


def verdicts(folder: Path, *lines: dict[str, object]) -> Verdicts:
    path = folder / "lint.json"
    path.write_text("".join(json.dumps({"time": 1.5, "frame": 7, **line}) + "\n" for line in lines))
    return Verdicts(path, folder / "net.pcapng")


def test_findings_are_counted_with_the_packets_they_stand_for(tmp_path: Path) -> None:
    lint = verdicts(tmp_path, NOTE, ERROR, ERROR | {"count": 3})
    assert lint.counts == {"TCP096": 1, "IP001": 4}
    assert [str(found) for found in lint][1] == "1.500 IP001 error: udp a > b: bad"


def test_a_finding_says_of_which_frame_because_of_what_and_what_to_look_at(tmp_path: Path) -> None:
    lint = verdicts(tmp_path, ERROR | {"because_of": {"code": "IP005", "frame": 3}})
    (found,) = lint
    assert (found.frame, found.because_of) == (7, "IP005")
    assert str(found) == "1.500 IP001 error: udp a > b: bad; because of IP005"
    assert (found.why, found.look_at) == (BY_CODE["IP001"].why, BY_CODE["IP001"].remedy)


def test_the_root_is_what_is_to_be_mended_first(tmp_path: Path) -> None:
    late = ERROR | {"code": "TCP044", "time": 0.5}
    leads = WARNING | {"code": "ARP036"}
    follows = ERROR | {"because_of": {"code": "ARP036", "frame": 7}}
    assert verdicts(tmp_path, NOTE).root is None
    for lines, code in (
        ((NOTE, WARNING), "TCP051"),
        ((WARNING, late, ERROR), "IP001"),
        ((ERROR | {"code": "IP002"}, ERROR | {"time": 0.5}), "IP001"),
        ((leads, late, follows), "ARP036"),
        ((ERROR | {"because_of": {"code": "impair rule 1", "frame": 7}}, WARNING), "TCP051"),
        ((ERROR | {"code": "NET001"}, WARNING), "TCP051"),
    ):
        root = verdicts(tmp_path, *lines).root
        assert root is not None
        assert root.code == code, lines


def test_what_a_bad_wire_has_spoilt_is_clean(tmp_path: Path) -> None:
    spoilt = ERROR | {"because_of": {"code": "impair rule 1", "frame": 7}}
    verdicts(tmp_path, spoilt).assert_clean()
    with pytest.raises(AssertionError, match="IP001 error"):
        verdicts(tmp_path, spoilt, ERROR).assert_clean()


def test_a_line_under_way_is_none_yet(tmp_path: Path) -> None:
    lint = verdicts(tmp_path, NOTE)
    with (tmp_path / "lint.json").open("a") as file:
        file.write('{"time": 2, "co')
    assert len(list(lint)) == 1
    assert list(Verdicts(tmp_path / "none", tmp_path)) == []


def test_what_is_bad_enough_fails(tmp_path: Path) -> None:
    lint = verdicts(tmp_path, NOTE, ERROR)
    with pytest.raises(AssertionError, match=r"did wrong:\n1.500 IP001 error"):
        lint.assert_clean()
    lint.assert_clean(allow=["IP001"])
    with pytest.raises(AssertionError, match="TCP096"):
        lint.assert_clean(allow=["IP001"], severity="note")


def test_what_could_never_be_found_is_told(tmp_path: Path) -> None:
    lint = verdicts(tmp_path)
    with pytest.raises(ValueError, match=r"'TCP999' is no code of a rule; `pynat explain TCP`"):
        lint.assert_clean(allow=["TCP999"])
    with pytest.raises(ValueError, match=r"severity='bad': expected one of error, warning, note"):
        lint.assert_clean(severity="bad")
    guest = Guest(BootOptions(kernel="k"), tmp_path)
    with pytest.raises(ValueError, match=r"'TPC044' is no code of a rule; did you mean TCP044"):
        guest.wait_finding("TPC044")
    for expect in (guest.expect, guest.expect_frame, guest.expect_flow):
        with pytest.raises(ValueError, match=r"'\(' is no regular expression: missing \)"):
            expect("(")


def test_a_prompt_is_taken_once(tmp_path: Path) -> None:
    path = tmp_path / "serial.txt"
    path.write_text("one\nlogin: ")
    stream = Stream(path)
    stream.look()
    login = re.compile("login: ")
    assert stream.take(login, prompt=False) is None
    assert stream.take(login, prompt=True)
    assert stream.take(login, prompt=True) is None
    path.write_text("one\nlogin: root\n")
    stream.look()
    assert stream.take(re.compile("r..t"), prompt=False)
    assert stream.lines == ["one", "login: root"]


def test_a_prompt_in_a_line_that_has_ended_meanwhile_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "serial.txt"
    path.write_text("one\nlogin: root\nhello\n")
    stream = Stream(path)
    stream.look()
    assert stream.take(re.compile("login: "), prompt=True)
    assert stream.take(re.compile("r..t"), prompt=True)
    assert stream.take(re.compile("login"), prompt=False) is None
    assert stream.lines == ["one", "login: root", "hello"]


def test_the_banner_of_bochs_is_not_the_guests(tmp_path: Path) -> None:
    path = tmp_path / "out"
    banner = "=====\n      Bochs x86 Emulator 2.7\nNext at t=0\n(0) [0x0000] f000: jmpf\n"
    path.write_text(f"{banner}hello\n")
    assert Stream(path).look() == ["hello"]


def test_keywords_are_the_tables_of_a_file() -> None:
    config = {"impair": ["loss 1%"], "tftp": {"write": True}}
    options = BootOptions(kernel="k", config=config, impair=["dup 1%"], tftp="/srv", seed=4)
    assert options.tables() == {
        "impair": ["loss 1%", "dup 1%"],
        "tftp": {"write": True, "root": "/srv"},
        "seed": 4,
    }
    assert config == {"impair": ["loss 1%"], "tftp": {"write": True}}


class Web(Guest):
    """It has one page."""

    def connect(self, port: int, timeout: float = 10.0) -> socket.socket:
        ours, self.theirs = socket.socketpair()
        self.theirs.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        return ours


def test_an_object_is_no_network() -> None:
    with pytest.raises(ValueError, match=r"^net=Net object: expected a file, .* give its path$"):
        BootOptions.of({"kernel": "kernel.elf", "net": Net()})


@pytest.mark.parametrize(
    ("version", "card", "wanted"),
    [
        ((3, 1), "ne2k: ioaddr=0x300, irq=10", "add mac=52:54:00:12:34:56"),
        ((3, 1), "e1000: enabled=1", "add mac=52:54:00:12:34:56"),
        ((2, 7), "ne2k: mac=52:54:00:12:34:56", "write ioaddr=0x300, irq=10"),
    ],
)
def test_a_card_that_bochs_leaves_out_is_told(
    tmp_path: Path, version: tuple[int, int], card: str, wanted: str
) -> None:
    bochsrc = tmp_path / "bochsrc"
    bochsrc.write_text(f"{card}, ethmod=pynat\n")
    bochs = replace(find_bochs(), version=version)
    with pytest.raises(BochsError, match=f"bochsrc:1: .*{wanted}"):
        BootOptions(bochsrc=bochsrc).order(tmp_path, bochs, {})


def test_a_page_of_the_guest(tmp_path: Path) -> None:
    guest = Web(BootOptions(kernel="k"), tmp_path)
    page = guest.http("/x", port=8080)
    assert (page.status, page.headers, page.body) == (200, {"Content-Length": "5"}, b"hello")
    assert guest.theirs.recv(7) == b"GET /x "
    guest.theirs.close()
