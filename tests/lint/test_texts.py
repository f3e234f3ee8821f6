"""What is said of a drop: the field, the value seen, the value expected, the section."""

from __future__ import annotations

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from pynat.config.toml import read_toml
from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ROUTER_MAC, ping, udp
from tests.lint.examples import EXAMPLES, arp, collect, dhcp, link
from tests.lint.examples.tcp_acking import war
from tests.lint.examples.tcp_resending import MEASURED
from tests.lint.play import ACCEPTED, OPEN, play

collect()


def test_bytes_that_are_swapped_in_the_syn_too_are_named() -> None:
    lab = LintedLab()
    play(
        lab,
        f"""
        > S 0:0(0) win 8192 <mss 1460> isn {0xE8030000}
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1 win 8192 isn {0xE9030000 - 1}
        """,
    )
    assert any("number 16777216, expected 1; its bytes are swapped" in line for line in lab.log)


def beyond(*windows: int) -> str:
    """A segment that has room if the bytes of the window are swapped."""
    script, at = OPEN.replace("ack 1 win 65535 <mss", "ack 1 win 1 <mss"), 1
    for window in windows:
        script += f"+0.1 < . 1:1(0) ack {at} win {window}\n > . {at}:{at + 1000}(1000) ack 1\n"
        at += 1000
    return script


def test_a_window_of_the_other_end_that_is_swapped_is_named() -> None:
    """From the second on: one may have room by chance."""
    lab = LintedLab()
    play(lab, beyond(0x0010, 0x0011))
    told = [line for line in lab.log if "TCP050" in line]
    assert ["bytes swapped it is" in line for line in told] == [False, True]


def test_one_that_has_no_room_if_it_is_swapped_is_not() -> None:
    lab = LintedLab()
    play(lab, beyond(0x0010, 0x0101, 0x0011))
    told = [line for line in lab.log if "TCP050" in line]
    assert ["bytes swapped it is" in line for line in told] == [False, False, False]


def test_connections_that_were_taken_before_are_counted() -> None:
    lab = LintedLab()
    for number in range(4):
        play(lab, ACCEPTED.replace("1460>", f"1460> to {5000 + number}", 1))
    for wait in (1, 2, 4):
        play(lab, f"< S 0:0(0) win 65535 <mss 1460> to 6000\n +{wait} > . 1:1(0) ack 1 to 5003")
    play(lab, "< S 0:0(0) win 65535 <mss 1460> to 6000")
    assert any("4 others were answered there before: is a table full" in line for line in lab.log)


def test_a_syn_that_comes_again_is_counted() -> None:
    lab = LintedLab()
    play(lab, "\n".join(["+1 > S 0:0(0) win 65535 <mss 1460>"] * 8))
    assert any(": 6th SYN again after 1000 ms like those before" in line for line in lab.log)


def test_two_requests_more_have_to_stay_unanswered_to_be_told_of_again() -> None:
    lab = LintedLab()
    arp.sends(lab)
    for asked, told in ((2, 1), (1, 1), (1, 2)):
        for _ in range(asked):
            arp.is_asked(lab)
            lab.wait(1)
        lab.wait(1)
        lab.from_guest(ping(ROUTER))
        assert lab.found["ARP021"] == told


@pytest.mark.parametrize(
    "opens", ["> S 0:0(0) win 32", "< S 0:0(0) win 65535 <mss 1460>\n > S. 0:0(0) ack 1 win 32"]
)
def test_a_window_that_is_swapped_is_named_where_no_mss_comes(opens: str) -> None:
    lab = LintedLab()
    play(lab, opens)
    (line,) = (line for line in lab.log if "TCP097" in line)
    assert "window 32, less than one segment; with its bytes swapped it is 8192" in line


@pytest.mark.parametrize("over", ["", "> P. 1:6(5) ack 1", "> R. 1:1(0) ack 1"])
def test_a_war_is_told_of_when_it_has_begun_and_when_it_is_over(over: str) -> None:
    lab = LintedLab()
    play(lab, war(300, 0.0007) + over)
    lab.end()
    first, last = (line for line in lab.log if "TCP101" in line)
    assert ": 100 acknowledgements without news in 0.0" in first
    assert ": 300 acknowledgements without news in 0.209 s" in last


def test_each_war_of_a_connection_is_counted() -> None:
    lab = LintedLab()
    news = "< . 2:2(0) ack 1\n > P. 1:6(5) ack 1\n < . 1:1(0) ack 6\n"
    again = "+0.0007 < . 2:2(0) ack 6\n > . 6:6(0) ack 1\n" * 120
    play(lab, f"{war(110, 0.0007)} {news} {again}")
    lab.end()
    told = [line for line in lab.log if "TCP101" in line]
    assert [any(f": {count} ack" in line for line in told) for count in (110, 120)] == [True, True]


@pytest.mark.parametrize(("packets", "told"), [(3, False), (4, True), (7, True)])
def test_a_few_identifications_that_are_swapped_are_told_of_at_the_end(
    packets: int, told: bool
) -> None:
    lab = LintedLab()
    for number in range(1, 1 + packets):
        lab.from_guest(udp(ROUTER, 9, b"hello", id=number << 8))
    assert "IP040" not in lab.found
    lab.end()
    said = f"identification {packets << 8:#06x} in the last packet, {packets} in a row count by"
    assert any(said in line for line in lab.log) is told


@pytest.mark.parametrize("field", ["chaddr", "hlen"])
def test_the_address_that_dhcp_should_have_is_named(field: str) -> None:
    lab = LintedLab()
    message = BOOTP(xid=7, chaddr=GUEST_MAC) / DHCP(options=[("message-type", 1), "end"])
    setattr(message, field, bytes(6) if field == "chaddr" else 0)
    lab.from_guest(udp("255.255.255.255", 67, bytes(message), src="0.0.0.0", sport=68))
    (line,) = (line for line in lab.log if "DHCP003" in line)
    assert f"card (RFC 2131 section 2): {GUEST_MAC.hex(':')}, as the frame's" in line


@pytest.mark.parametrize(
    ("guest", "hint"),
    [
        ("does_not_shift", "unshifted it ends at 6001 as before: the SYNs agreed on a shift of 2"),
        ("shifts_what_was_not_agreed", "it looks shifted by 2, and the other end's SYN had no"),
        ("swaps_the_bytes_of_its_acknowledgement", "has sent up to 1; its bytes are swapped"),
        ("swaps_the_acknowledgement_of_a_syn", "SYN ends at 1; its bytes are swapped"),
        ("takes_one_spoilt", "; 1461 and what follows came with a wrong checksum"),
        ("acknowledges_nothing", ": 1 and what follows came again 3 times in 3.0 s"),
        ("sends_the_check_sequence", ": the last four are the frame's check sequence"),
    ],
)
def test_what_may_be_meant_is_named(guest: str, hint: str) -> None:
    (one,) = (one for one in EXAMPLES if one.guest.__name__ == guest)
    assert any(hint in line for line in one.run().log)


@pytest.mark.parametrize(("sizes", "hint"), [((301, 303, 301), True), ((301, 302, 303), False)])
def test_offers_that_are_ignored_for_their_odd_length(sizes: tuple[int, ...], hint: bool) -> None:
    lab = LintedLab()
    lab.router.faults.add("dhcp silent")
    lease = ("server_id", ROUTER), ("lease_time", 9), ("subnet_mask", "255.255.255.0")
    options = [("message-type", "offer"), *lease, "end"]
    offer = BOOTP(op=2, xid=7, yiaddr=GUEST, chaddr=GUEST_MAC) / DHCP(options=options)
    for size in (*sizes, *sizes):
        dhcp.sends(lab, "discover")
        head = Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / IP(src=ROUTER, dst=GUEST)
        packet = head / UDP(sport=67, dport=68) / bytes(offer).ljust(size, b"\0")
        lab.look(bytes(packet), from_guest=False)
        lab.wait(8)
    (line,) = (line for line in lab.log if "DHCP035" in line)
    assert ("each has an odd number of bytes" in line) is hint


@pytest.mark.one_way
def test_a_port_that_the_configuration_serves_is_named() -> None:
    lab = LintedLab(read_toml('[peers]\n"192.0.2.7:1234" = "plain, echo"', "net.toml"))
    play(lab, "> S 0:0(0) win 65535 <mss 1460> to 53764\n < R. 0:0(0) ack 1 win 0")
    assert any("with its bytes swapped it is 1234" in line for line in lab.log)


@pytest.mark.parametrize(
    ("came", "wait", "hint"), [(3, 0.001, True), (2, 0.001, False), (3, 0.1, False)]
)
def test_segments_with_data_that_a_guest_takes_for_duplicates(
    came: int, wait: float, hint: bool
) -> None:
    lab = LintedLab()
    data = "".join(f"+0.03 < P. {at}:{at + 10}(10) ack 101\n" for at in range(1, 1 + 10 * came, 10))
    play(lab, f"{MEASURED}\n > P. 101:201(100) ack 1\n {data} +{wait} > P. 101:201(100) ack 1")
    (line,) = (line for line in lab.log if "TCP071" in line)
    assert (f"{came} segments with data acknowledged nothing new" in line) is hint


def test_what_is_not_acknowledged_was_not_taken_with_a_wrong_checksum() -> None:
    """It begins where the acknowledgement ends, which is wrong by itself."""
    lab = LintedLab()
    play(lab, f"{OPEN}\n < P. 101:201(100) ack 1 sum 7\n > . 1:1(0) ack 101")
    (line,) = (line for line in lab.log if "TCP080" in line)
    assert "wrong checksum" not in line


@pytest.mark.parametrize(("size", "hint"), [(0, True), (1, True), (2, False)])
def test_a_probe_of_a_number_that_was_never_sent_is_told_which_one(size: int, hint: bool) -> None:
    """Some have one byte in it."""
    lab = LintedLab()
    play(lab, f"{OPEN}\n > . -1:{size - 1}({size}) ack 1")
    (line,) = (line for line in lab.log if "TCP050" in line)
    assert ("a keep-alive has the number before the next one, 0" in line) is hint


def test_the_option_that_the_end_is_within_is_named() -> None:
    """The guest counts the end into its name."""
    lab = LintedLab()
    dhcp.raw(lab, dhcp.discover() + b"\x0c\5kern\xff")
    (line,) = (line for line in lab.log if "DHCP021" in line)
    assert "it is within option 12, whose length is 5, expected 4" in line


@pytest.mark.parametrize(("openings", "told"), [(3, 1), (5, 1), (6, 2)])
def test_one_number_for_all_is_told_of_at_each_third_connection(openings: int, told: int) -> None:
    lab = LintedLab()
    for port in range(50_001, 50_001 + openings):
        play(lab, f"> S 0:0(0) win 65535 <mss 1460> port {port} isn 0")
    assert lab.found["TCP039"] == told


def test_a_driver_that_sends_all_twice_is_told_of_once() -> None:
    lab = LintedLab()
    link.asks_twice(lab, 4)
    arp.sends(lab, pdst="192.168.16.9")
    link.asks_twice(lab, 5)
    assert lab.found["ETH028"] == 1


def test_what_came_since_a_guest_is_deaf_is_counted() -> None:
    """Also datagrams, which take the short way."""
    lab = LintedLab()
    introduce(lab)
    lab.from_guest(udp(ROUTER, 9, b"hello"))
    arp.is_asked(lab)
    arp.replies(lab)
    answer = Ether(src=ROUTER_MAC, dst=GUEST_MAC.hex(":")) / IP(src=ROUTER, dst=GUEST)
    for asked in (0, 1, 1, 1):
        arp.sends(lab)
        for _ in range(5 * asked):
            lab.look(bytes(answer / UDP(sport=9, dport=5000) / b"hello"), from_guest=False)
        for _ in range(asked):
            arp.is_asked(lab)
        lab.wait(1)
    (line,) = (one for one in lab.log if " ETH035 " in one)
    assert lab.linter.tally.datagrams_came == 5
    assert "15 frames came in 3.000 s" in line


def test_what_came_before_it_asks_again_is_counted_too() -> None:
    """In each round a reply and six requests."""
    lab = LintedLab()
    introduce(lab)
    arp.is_asked(lab)
    arp.replies(lab)
    for _ in range(4):
        arp.sends(lab)
        for _ in range(6):
            arp.is_asked(lab)
        lab.wait(1)
    (line,) = (one for one in lab.log if " ETH035 " in one)
    assert "21 frames came in 3.000 s" in line


@pytest.mark.parametrize(("isn", "is_swapped"), [(0x01020304, True), (0x01010101 - 1, False)])
def test_a_reset_whose_number_is_swapped(isn: int, is_swapped: bool) -> None:
    """It expects another one in the SYN-ACK than it has sent itself."""
    lab = LintedLab()
    swapped = (int.from_bytes((isn + 1).to_bytes(4, "big"), "little") - isn) % 2**32
    opened = "> S 0:0(0) win 65535 <mss 1460>\n < S. 0:0(0) ack 1 win 65535 <mss 1460>"
    play(lab, f"{opened.replace('1460>', f'1460> isn {isn}', 1)}\n > R {swapped}:{swapped}(0)")
    told = [line for line in lab.log if "TCP043" in line]
    assert ["its number has its bytes swapped" in line for line in told] == [is_swapped]
