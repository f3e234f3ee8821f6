"""What the guest's stack does, by the linter: how far each protocol has come, and what to mend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pynat.config.toml import read_toml
from pynat.lint.steps import PROTOCOLS
from pynat.lint.summary import Summary, summary
from pynat.replay.capture import Capture
from pynat.rules import BY_CODE, RULES
from pynat.rules.occasions import Occasion
from pynat.testing.linted import LintedLab
from pynat.testing.script import established, introduce
from tests.both_ways import captured
from tests.frames import GUEST, ping, udp
from tests.lint.examples import arp, dhcp, dns, drops_transport, ipv4, tcp_acking
from tests.lint.play import ACCEPTED, OPEN, play


def of(lab: LintedLab, *, bad_wire: bool = False) -> Summary:
    notices = lab.router.notices
    verdict, silenced, eaten = notices.verdict, notices.silenced, notices.eaten
    return summary(lab.linter, verdict, silenced, bad_wire=bad_wire, eaten=eaten)


def line(lab: LintedLab, name: str) -> str:
    return next(str(one) for one in of(lab).protocols if one.name == name)


def test_of_a_guest_that_did_nothing_everything_was_never_tried() -> None:
    lab = LintedLab()
    assert {one.state for one in of(lab).protocols} == {"never tried"}
    assert list(of(lab).lines())[-1] == "nothing is to be mended"
    assert list(of(lab).short()) == []


# ---------------------------------------------------------------- how far it has come
def test_a_ping_that_goes_and_comes_in_fragments_works() -> None:
    lab = LintedLab()
    ipv4.a_ping_of_zeros(lab)
    assert line(lab, "ICMP") == "works: ping sent once, answer came once"


def test_what_does_not_take_broadcasts_fails_behind_the_offer() -> None:
    lab = LintedLab()
    for _ in range(8):
        dhcp.sends(lab, "discover", flags=0x8000)
        lab.wait(9)
    assert line(lab, "DHCP") == (
        "fails: DISCOVER sent 8 times, OFFER came 8 times, no REQUEST sent:"
        " the guest does not take broadcasts, or drops the OFFER"
    )


def test_what_fails_is_to_be_mended() -> None:
    lab = LintedLab()
    dhcp.sends(lab, "discover")
    lines = list(of(lab).lines())
    assert "to be mended is what fails: DHCP; no single frame is wrong" in lines


def test_what_drops_an_offer_to_its_card_is_told_apart() -> None:
    lab = LintedLab()
    dhcp.sends(lab, "discover")
    assert "no REQUEST sent: the guest takes no frame for an address" in line(lab, "DHCP")


def test_a_request_that_is_refused_is_told_apart_from_one_that_nobody_takes() -> None:
    lab = LintedLab()
    dhcp.does_not_know_a_nak(lab)
    assert line(lab, "DHCP").endswith("no ACK came: the server refuses the REQUEST by NAK")


def test_what_a_fault_has_eaten_is_not_put_down_to_the_guest(tmp_path: Path) -> None:
    lab = LintedLab()
    lab.router.faults.add("dhcp silent 1")
    dhcp.sends(lab, "discover")
    said = "unclear: DISCOVER sent once, no OFFER came: a fault that was asked for has"
    assert line(lab, "DHCP").startswith(said)
    offline = Capture(captured(tmp_path / "x.pcapng", lab))
    assert list(offline.frames(lambda _: None))
    assert any(str(one).startswith(said) for one in offline.summary().protocols)


def test_a_question_that_got_a_wrong_answer() -> None:
    lab = LintedLab(dns.NAMES)
    dns.compares_no_id(lab)
    assert line(lab, "DNS").endswith(
        "no answer came: what came has another id, name or port than the question"
    )


@pytest.mark.parametrize(("used", "state"), [(False, "unclear"), (True, "works")])
def test_answers_none_of_whose_addresses_is_used(used: bool, state: str) -> None:
    names = ", ".join(f'"{name}.test" = "192.0.2.{name}"' for name in (1, 2, 3))
    lab = LintedLab(read_toml(f"[dns]\nnames = {{{names}}}", "net.toml"))
    introduce(lab)
    for name in (1, 2, 3):
        dns.asks(lab, f"{name}.test", ident=name)
    if used:
        lab.from_guest(udp("192.0.2.2", 9, b"hello"))
    assert line(lab, "DNS").startswith(f"{state}: question sent 3 times, answer came 3 times")


def test_a_lease_that_is_used() -> None:
    lab = LintedLab()
    dhcp.is_leased(lab)
    assert line(lab, "DHCP").endswith(
        "ACK came once, no address used: the guest drops the ACK, or does not use its address"
    )
    dhcp.uses(lab)
    assert line(lab, "DHCP") == (
        "works: DISCOVER sent once, OFFER came once, REQUEST sent once, ACK came once,"
        " address used once"
    )


def test_a_guest_that_announces_its_lease_and_is_idle() -> None:
    lab = LintedLab()
    dhcp.is_leased(lab)
    arp.probes(lab)
    arp.sends(lab, pdst=GUEST)
    assert line(lab, "ARP") == "never tried"
    assert line(lab, "DHCP").endswith("address used once")


def test_arp() -> None:
    lab = LintedLab()
    arp.starts(lab)
    assert line(lab, "ARP") == "works: request sent once, reply came once"
    arp.sends(lab)
    assert "no packet sent: the guest does not learn from the reply" in line(lab, "ARP")
    lab.from_guest(ping("192.0.2.7"))
    for _ in range(3):
        arp.is_asked(lab)
    assert "request came 3 times, no reply sent: the guest does not answer" in line(lab, "ARP")
    arp.replies(lab)
    assert line(lab, "ARP").startswith("works: ")


def test_questions_for_an_address_that_nobody_has_prove_nothing() -> None:
    lab = LintedLab()
    for _ in range(9):
        arp.is_asked(lab)
    assert line(lab, "ARP") == "never tried"


def test_a_single_try_on_a_bad_wire_proves_nothing() -> None:
    lab = LintedLab()
    lab.look(ping("192.168.16.1"), from_guest=True)
    assert line(lab, "ICMP").startswith("fails: ping sent once, no answer came: nobody")
    told = next(one for one in of(lab, bad_wire=True).protocols if one.name == "ICMP")
    assert str(told) == "unclear: ping sent once, no answer came: on this bad wire it may be lost"
    assert told.as_object()["state"] == "unclear"
    for _ in range(2):
        lab.look(ping("192.168.16.1"), from_guest=True)
    told = next(one for one in of(lab, bad_wire=True).protocols if one.name == "ICMP")
    assert str(told).startswith("fails: ping sent 3 times, no answer came: nobody")
    assert any(said.startswith("ICMP fails: ") for said in of(lab, bad_wire=True).short())


def test_ping_udp_and_names() -> None:
    lab = LintedLab(dns.NAMES)
    arp.starts(lab)
    lab.from_guest(ping("192.168.16.1"))
    dns.asks(lab)
    lab.from_guest(udp("192.0.2.7", 9, b"x"))
    assert line(lab, "ICMP") == "works: ping sent once, answer came once"
    assert line(lab, "DNS") == (
        "works: question sent once, answer came once, address came once, address used once"
    )
    assert line(lab, "UDP") == "works: datagram sent 2 times, datagram came once"


def test_datagrams_that_are_dropped_do_not_work() -> None:
    lab = LintedLab()
    wrong = bytearray(udp("192.0.2.7", 9, b"x"))
    wrong[41] ^= 1
    lab.from_guest(bytes(wrong))
    assert line(lab, "UDP") == (
        "fails: datagram sent once, no right one: each is dropped, for its checksum or its length"
    )
    lab.from_guest(udp("192.0.2.7", 9, b"x"))
    assert line(lab, "UDP") == "works: datagram sent 2 times"


def test_a_connection_of_each_side() -> None:
    lab = LintedLab()
    play(lab, f"{OPEN}\n > P. 1:6(5) ack 1\n < P. 1:4(3) ack 6\n > . 6:6(0) ack 4")
    play(lab, "> F. 6:6(0) ack 4\n < F. 4:4(0) ack 7\n > . 7:7(0) ack 5")
    play(lab, ACCEPTED)
    assert line(lab, "TCP as client") == (
        "works: 1 begun, 1 answered, 1 by SYN-ACK, 1 opened, 1 with data sent,"
        " 1 with it acknowledged, 1 with data received, 1 with it acknowledged by the guest,"
        " 1 closed by both ends"
    )
    assert line(lab, "TCP as server") == "works: 1 begun, 1 answered, 1 by SYN-ACK, 1 opened"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("> S 0:0(0)", "1 begun, none answered: nobody is there, or nobody takes the SYN"),
        (
            "> S 0:0(0)\n < R. 0:0(0) ack 1",
            "unclear: 1 begun, 1 answered, none by SYN-ACK: each is refused by RST: nobody listens",
        ),
        (
            f"{OPEN}\n > P. 1:6(5) ack 1\n < . 1:1(0) ack 6\n < R. 1:1(0) ack 6",
            "1 with it acknowledged, none closed by both ends: the other end has reset each of",
        ),
        (
            "> S 0:0(0)\n < S. 0:0(0) ack 1",
            "1 by SYN-ACK, none opened: the guest drops the SYN-ACK",
        ),
        (f"{OPEN}\n > P. 1:6(5) ack 1", "1 with data sent, none with it acknowledged: the other"),
        (f"{OPEN}\n < P. 1:6(5) ack 1", "none with it acknowledged by the guest: the guest does"),
    ],
)
def test_a_connection_fails_at_a_step(script: str, said: str) -> None:
    lab = LintedLab()
    play(lab, script)
    assert said in line(lab, "TCP as client")


def test_a_port_that_is_closed_is_an_answer() -> None:
    lab = LintedLab()
    play(lab, "< S 0:0(0) win 65535 <mss 1460>\n > R. 0:0(0) ack 1")
    assert line(lab, "TCP as server") == "works: 1 begun, 1 answered"


def test_a_port_at_which_nobody_answers_is_told_beside_those_that_work() -> None:
    lab = LintedLab()
    play(lab, ACCEPTED)
    syn = "< S 0:0(0) win 65535 <mss 1460> port 5001"
    play(lab, f"{syn}\n +1 {syn}")
    assert "never answered" not in line(lab, "TCP as server")
    play(lab, f"+2 {syn}")
    said = "1 never answered: expected SYN-ACK, or RST where nobody listens"
    assert line(lab, "TCP as server").endswith(f"; {said}")
    assert any(one.startswith("TCP as server works") for one in of(lab).short())
    server = next(one for one in of(lab).protocols if one.name == "TCP as server")
    assert server.as_object()["besides"] == said


def test_connections_that_are_forgotten_still_count() -> None:
    lab = LintedLab()
    for port in range(1100):
        play(lab, f"> S 0:0(0) port {20_000 + port}")
    assert line(lab, "TCP as client").startswith("fails: 1100 begun, none answered")


def test_an_opening_that_moves_is_one() -> None:
    lab = LintedLab()
    play(lab, "> S 0:0(0) isn 1000\n +1 > S 0:0(0) isn 5000")
    assert line(lab, "TCP as client").startswith("fails: 1 begun, ")


# ---------------------------------------------------------------- what to mend
def wrong_in_three_ways() -> LintedLab:
    lab = LintedLab()
    dhcp.raw(lab, dhcp.discover("end"))  # a note
    play(
        lab, f"{OPEN}\n > P. 1:6(5) ack 1\n < . 1:1(0) ack 6\n > . 6:6(0) ack 700"
    )  # an error of TCP
    lab.from_guest(udp("192.0.2.7", 9, b"x", ttl=0))  # and later one below
    return lab


def test_errors_come_first_and_the_lowest_layer_of_them() -> None:
    codes = [root.record.rule.code for root in of(wrong_in_three_ways()).findings]
    assert codes[:3] == ["IP031", "DHCP044", "TCP080"]
    assert codes.index("DHCP020") > 1


def test_a_finding_says_all_that_there_is_to_it() -> None:
    lab = LintedLab()
    drops_transport.acknowledges_too_much(lab)
    first = next(iter(of(lab).findings))
    lines = list(first)
    assert lines[0].startswith(
        "TCP080 error: tcp acknowledges the unsent: once, first in frame 6, at"
    )
    assert lines[1].startswith("  seen: tcp 192.168.16.2:40000 > 192.0.2.7:80 . 1:1(0) ack 1001")
    assert lines[2].startswith("  why: The other end throws the segment away")
    assert lines[3].startswith("  look at: Acknowledge the number behind the last byte")
    assert lines[4] == "  because of it: TCP008 once"


def test_what_follows_is_no_finding_of_its_own_and_makes_its_cause_as_bad() -> None:
    lab = LintedLab()
    drops_transport.clock_goes_back(lab)
    found = {root.record.rule.code: root.severity.value for root in of(lab).findings}
    assert "TCP010" not in found
    assert found["TCP093"] == "error"


def test_what_is_no_longer_answered_follows_from_what_made_it_unacceptable() -> None:
    lab = LintedLab()
    flow = established(lab)
    flow.guest("F. 1:1(0) ack 1")
    flow.to_guest()
    for _ in range(20):
        lab.wait(0.2)
        flow.guest(". 1:1(0) ack 1")
    assert lab.found["NET019"]
    assert "NET019" not in lab.roots
    first = next(iter(of(lab).findings))
    assert [rule.code for rule, _ in first.leads] == ["TCP005", "NET019"]
    assert first.record.rule.code == "TCP064"


def test_what_is_silenced_is_not_in_it() -> None:
    lab = wrong_in_three_ways()
    lab.router.notices.silenced = {"IP031"}
    assert "IP031" not in {root.record.rule.code for root in of(lab).findings}


def test_the_short_form() -> None:
    said = list(of(wrong_in_three_ways()).short())
    assert said[0] == "works: link, ARP, UDP, TCP as client"
    assert said[1] == "never tried: ICMP, DNS, TCP as server"
    assert said[2].startswith("DHCP fails: DISCOVER sent once, OFFER came once, no REQUEST sent: ")
    assert said[3].startswith(
        "to mend, 1: IP031 error: ipv4 time to live zero: once, first in frame "
    )
    assert said[4] == f"  look at: {BY_CODE['IP031'].remedy}"
    assert not any("DHCP020" in one for one in said)


def test_a_long_list_is_cut_in_the_short_form_and_notes_stand_at_the_end_of_the_page() -> None:
    lab = wrong_in_three_ways()
    lab.from_guest(udp("192.0.2.7", 9, b"x", chksum=7))
    assert list(of(lab).short())[-1] == "to mend: 1 more: TCP080"
    *_, title, first, second = of(lab).lines()
    assert title == "worth knowing:"
    assert [first.split()[0], second.split()[0]] == ["ARP028", "DHCP020"]


# ---------------------------------------------------------------- as JSON
def test_its_shape() -> None:
    lab = wrong_in_three_ways()
    told: dict[str, Any] = json.loads(json.dumps(of(lab).as_object()))
    assert told.keys() == {"protocols", "findings", "exercised"}
    assert [one["protocol"] for one in told["protocols"]] == list(PROTOCOLS)
    dhcp_says = next(one for one in told["protocols"] if one["protocol"] == "DHCP")
    assert dhcp_says == {
        "protocol": "DHCP",
        "state": "fails",
        "steps": [{"step": "DISCOVER sent", "count": 1}, {"step": "OFFER came", "count": 1}],
        "fails_at": "REQUEST sent",
        "why": dhcp_says["why"],
    }
    assert told["findings"][0] | {"text": "", "why": "", "look_at": ""} == {
        "code": "IP031",
        "name": "ipv4 time to live zero",
        "severity": "error",
        "count": 1,
        "frame": told["findings"][0]["frame"],
        "time": 1.0,
        "from": "guest",
        "text": "",
        "rfc": "RFC 1122 3.2.1.7",
        "page": "pynat explain IP031",
        "why": "",
        "look_at": "",
        "leads_to": [],
    }


def test_each_rule_that_a_guest_can_break_has_its_chances() -> None:
    lab = LintedLab()
    play(lab, tcp_acking.opened_by(10))
    rows = {one.rule.code: one for one in of(lab).exercised}
    assert rows.keys() == {r.code for r in RULES if r.exercised is not Occasion.NONE}
    assert rows["TCP084"].as_object() == {
        "code": "TCP084",
        "name": "tcp silly window",
        "exercised": rows["TCP084"].chances,
        "by": "windows of the guest's below its MSS, or grown in tiny steps",
        "found": 1,
    }
    assert rows["TCP084"].chances == 4
    assert rows["DHCP020"].chances == 0


def test_an_address_that_was_misread_is_the_cause_for_as_long_as_it_is_used() -> None:
    """It is the record's length, and two bytes of its address; IP008 is what the router says."""
    lab = LintedLab(dns.NAMES)
    introduce(lab)
    dns.asks(lab)
    for _ in range(5):
        lab.from_guest(udp("0.4.192.0", 9, b"hello"))
        lab.wait(100)
    assert (lab.found["IP008"], lab.roots["IP008"], lab.roots["DNS031"]) == (5, 0, 5)
