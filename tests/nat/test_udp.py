"""UDP and echo flows: mapping, idleness, errors, forwards."""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import ICMP, IP, UDP

from pynat.config import Broadcast, Config, Forward, Icmp, ShownSource, Transport, Udp
from pynat.nat.messages import (
    CloseFlow,
    EchoDenied,
    EchoReply,
    SocketError,
    TcpIncoming,
    UdpAnswer,
    UdpIncoming,
    UdpReceived,
    UdpReceivedRun,
    UdpSend,
    UdpSendRun,
)
from pynat.testing.lab import Lab
from pynat.testing.script import introduce
from pynat.wire.addresses import FourTuple
from tests.frames import GUEST, ROUTER, ip, ping, read, udp

REMOTE = bytes((192, 0, 2, 7))
OTHER = bytes((198, 51, 100, 9))
ANY = FourTuple((b"", 0), (b"", 0))  # is not compared
LOOPBACK = bytes((127, 0, 0, 1))


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    introduce(lab)
    return lab


def test_one_socket_for_a_port_of_the_guest_whatever_it_sends_to(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"one", ttl=50))
    lab.from_guest(udp("198.51.100.9", 10, b"two"))
    lab.from_guest(udp("192.0.2.7", 9, b"three", sport=5001))
    assert lab.to_host() == [
        UdpSend(1, (REMOTE, 9), b"one", 49),
        UdpSend(1, (OTHER, 10), b"two", 63),
        UdpSend(2, (REMOTE, 9), b"three", 63),
    ]


def in_a_row(lab: Lab, *frames: bytes) -> list[int]:
    """How many of them were taken at once each time."""
    taken: list[int] = []
    while sum(taken) < len(frames):
        taken.append(lab.router.run_from_guest(list(frames), sum(taken), lab.now))
    lab.turn()
    return taken


def test_datagrams_in_a_row_of_an_open_flow_are_one_action(lab: Lab) -> None:
    one, two, other = (udp("192.0.2.7", 9, data, ttl=50) for data in (b"one", b"two", b"other"))
    elsewhere = udp("192.0.2.7", 10, b"elsewhere")
    assert in_a_row(lab, one, two, other, elsewhere, two) == [1, 2, 1, 1]
    assert lab.to_host() == [
        UdpSend(1, (REMOTE, 9), b"one", 49),
        UdpSendRun(1, (REMOTE, 9), [b"two", b"other"], 49, False, ANY),
        UdpSend(1, (REMOTE, 10), b"elsewhere", 63),
        UdpSendRun(1, (REMOTE, 9), [b"two"], 49, False, ANY),
    ]
    (row,) = lab.router.udp.rows(lab.now)
    assert (row["datagrams_from_guest"], row["bytes_from_guest"]) == (5, 23)


def test_an_error_quotes_that_of_a_row_which_it_is_about(lab: Lab) -> None:
    frames = [udp("192.0.2.7", 9, b"%d" % number, id=number) for number in range(20)]
    in_a_row(lab, *frames)
    lab.from_host(SocketError(1, errno.ECONNREFUSED, (REMOTE, 9), b"15"))
    (packet,) = read(lab)
    assert packet["IP in ICMP"].id == 15


def test_a_row_is_refused_what_a_datagram_would_be(lab: Lab) -> None:
    """Of each, the second is like the first, which has opened the flow."""
    good = udp("192.0.2.7", 9, b"good")
    wrong_sum = bytearray(good)
    wrong_sum[-1] ^= 1
    in_a_row(lab, good, good, bytes(wrong_sum), udp("192.0.2.7", 9, b"the last hop", ttl=1))
    sent = [UdpSend(1, (REMOTE, 9), b"good", 63)]
    assert lab.to_host() == [*sent, UdpSendRun(1, (REMOTE, 9), [b"good"], 63, False, ANY)]
    assert lab.drops == {"udp checksum": 1}
    assert [packet[ICMP].type for packet in read(lab)] == [11]  # time exceeded


def test_a_row_goes_where_its_destination_leads_now(lab: Lab) -> None:
    frame = udp("192.0.2.7", 9, b"data")
    in_a_row(lab, frame)
    lab.router.destinations.serve((REMOTE, 9))
    assert lab.to_host() == [UdpSend(1, (REMOTE, 9), b"data", 63)]
    in_a_row(lab, frame, frame)
    assert lab.to_host() == []  # it is for a host within the process


def test_a_row_of_a_flow_that_is_gone_opens_another(lab: Lab) -> None:
    frame = udp("192.0.2.7", 9, b"data")
    in_a_row(lab, frame)
    lab.wait(601)
    lab.to_host()
    assert in_a_row(lab, frame, frame) == [1, 1]
    assert lab.to_host() == [
        UdpSend(2, (REMOTE, 9), b"data", 63),
        UdpSendRun(2, (REMOTE, 9), [b"data"], 63, False, ANY),
    ]


def test_answers_in_a_row(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"one"))
    payloads = [b"a", b"", bytes(3000), b"bcd"]
    lab.from_host(UdpReceivedRun(1, (REMOTE, 9), payloads[:2]))
    lab.from_host(UdpReceivedRun(1, (REMOTE, 9), payloads))
    packets = read(lab)
    assert [bytes(packet[UDP].payload) for packet in packets[:2]] == payloads[:2]
    assert [packet[IP].frag for packet in packets[2:]] == [0, 0, 0, 185, 370, 0]  # as one by one
    idents = [packet[IP].id for packet in packets[:2]]
    assert idents[1] == (idents[0] + 1) % 0x10000


def test_any_remote_may_answer(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"one"))
    lab.from_host(UdpReceived(1, (OTHER, 77), b"answer"))
    (packet,) = read(lab)
    assert (packet[IP].src, packet[UDP].sport) == ("198.51.100.9", 77)
    assert (packet[IP].dst, packet[UDP].dport) == (GUEST, 5000)
    assert bytes(packet[UDP].payload)[:6] == b"answer"


def test_an_answer_of_the_loopback_comes_from_the_router(lab: Lab) -> None:
    lab.from_guest(udp(ROUTER, 9, b"one"))
    lab.from_host(UdpReceived(1, (LOOPBACK, 9), b"answer"))
    (packet,) = read(lab)
    assert packet[IP].src == ROUTER


def test_a_datagram_without_checksum_is_accepted(lab: Lab) -> None:
    lab.from_guest(bytes(ip("192.0.2.7") / UDP(sport=1, dport=2, chksum=0) / b"x"))
    assert len(lab.to_host()) == 1


def test_the_socket_closes_after_ten_idle_minutes(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"one"))
    lab.wait(599)
    lab.from_host(UdpReceived(1, (REMOTE, 9), b"keeps it open"))
    lab.to_host()
    lab.wait(599)
    assert lab.to_host() == []
    lab.wait(2)
    assert lab.to_host() == [CloseFlow(1)]
    lab.from_guest(udp("192.0.2.7", 9, b"again"))
    assert lab.to_host() == [UdpSend(2, (REMOTE, 9), b"again", 63)]


def test_the_idle_time_can_be_configured() -> None:
    lab = Lab(Config(udp=Udp(idle=5)))
    introduce(lab)
    lab.from_guest(udp("192.0.2.7", 9, b"one"))
    lab.to_host()
    lab.wait(6)
    assert lab.to_host() == [CloseFlow(1)]


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ECONNREFUSED, 3), (errno.ENETUNREACH, 0), (errno.EHOSTUNREACH, 1), (errno.EPERM, 13)],
)
def test_a_socket_error_becomes_icmp_with_the_datagram_quoted(
    lab: Lab, number: int, code: int
) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"lost datagram"))
    lab.from_host(SocketError(1, number, (REMOTE, 9), b"lost datagram"))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code, error[IP].src) == (3, code, ROUTER)
    quoted = error["IP in ICMP"]
    assert (quoted.src, quoted.dst) == (GUEST, "192.0.2.7")
    assert (error["UDP in ICMP"].sport, error["UDP in ICMP"].dport) == (5000, 9)


def test_an_icmp_error_of_the_real_path_keeps_type_code_and_offender(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"lost"))
    lab.from_host(
        SocketError(1, errno.EHOSTUNREACH, (REMOTE, 9), b"lost", icmp=(11, 0), offender=OTHER)
    )
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code, error[IP].src) == (11, 0, "198.51.100.9")


def test_a_full_buffer_of_the_hosts_is_counted_and_blamed_on_nobody(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"lost"))
    lab.from_host(SocketError(1, errno.EAGAIN, (REMOTE, 9), b"lost"))
    assert read(lab) == []
    assert lab.drops == {"udp socket": 1}


def test_the_mtu_of_the_path_is_told(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"long"))
    lab.from_host(SocketError(1, errno.EMSGSIZE, (REMOTE, 9), b"long", mtu=1280))
    (error,) = read(lab)
    assert (error[ICMP].code, error[ICMP].nexthopmtu) == (4, 1280)


def test_host_programs_reach_the_guest_through_a_forward() -> None:
    forward = Forward(Transport.UDP, IPv4Address("127.0.0.1"), 5353, None, 53)
    lab = Lab(replace(Config(), forwards=(forward,)))
    introduce(lab)
    lab.from_host(UdpIncoming(0, (LOOPBACK, 4444), b"question"))
    (packet,) = read(lab)
    assert (packet[IP].src, packet[UDP].sport, packet[UDP].dport) == (ROUTER, 4444, 53)
    lab.from_guest(udp(ROUTER, 4444, b"answer", sport=53))
    assert lab.to_host() == [UdpAnswer(0, (LOOPBACK, 4444), b"answer")]


def test_a_host_program_may_be_shown_at_its_own_address() -> None:
    forward = Forward(Transport.UDP, IPv4Address("0.0.0.0"), 5353, None, 53, shown=ShownSource.PEER)
    lab = Lab(replace(Config(), forwards=(forward,)))
    introduce(lab)
    lab.from_host(UdpIncoming(0, (REMOTE, 4444), b"question"))
    (packet,) = read(lab)
    assert (packet[IP].src, packet[UDP].sport, packet[UDP].dport) == ("192.0.2.7", 4444, 53)
    lab.from_guest(udp("192.0.2.7", 4444, b"answer", sport=53))
    lab.from_guest(udp(ROUTER, 4444, b"to the router", sport=53))
    assert lab.to_host() == [
        UdpAnswer(0, (REMOTE, 4444), b"answer"),
        UdpSend(1, (LOOPBACK, 4444), b"to the router", 63),
    ]


def test_a_removed_forward_forgets_its_peers() -> None:
    forward = Forward(Transport.UDP, IPv4Address("127.0.0.1"), 5353, None, 53)
    lab = Lab(replace(Config(), forwards=(forward,)))
    introduce(lab)
    lab.from_host(UdpIncoming(0, (LOOPBACK, 4444), b"question"))
    read(lab)
    assert lab.router.incoming.forget(0) == forward
    assert lab.router.next_timer() is None
    lab.from_host(UdpIncoming(0, (LOOPBACK, 4444), b"crossed the removal"))
    lab.from_host(TcpIncoming(0, 1, (LOOPBACK, 4444)))
    assert (read(lab), lab.to_host()) == ([], [])
    lab.from_guest(udp(ROUTER, 4444, b"answer", sport=53))
    assert lab.to_host() == [UdpSend(1, (LOOPBACK, 4444), b"answer", 63)]


def test_echo_replies_come_back_with_the_guests_identifier(lab: Lab) -> None:
    lab.from_guest(ping("192.0.2.7"))
    lab.from_host(EchoReply(1, REMOTE, 99, 3, b"abcdefgh"))
    (reply,) = read(lab)
    assert (reply[IP].src, reply[ICMP].type, reply[ICMP].id) == ("192.0.2.7", 0, 7)


def test_a_host_that_permits_no_ping_is_told_in_log_and_icmp(lab: Lab) -> None:
    lab.from_guest(ping("192.0.2.7"))
    lab.from_host(EchoDenied(1, "no permission; do this"))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code) == (3, 13)
    assert lab.log[-1] == "error dropped: NET011 ping not permitted: no permission; do this"


def test_an_unreachable_host_is_told_to_ping(lab: Lab) -> None:
    lab.from_guest(ping("192.0.2.7"))
    lab.from_host(SocketError(1, errno.EHOSTUNREACH))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code) == (3, 1)
    assert error["ICMP in ICMP"].id == 7


def test_echo_flows_end(lab: Lab) -> None:
    lab.from_guest(ping("192.0.2.7"))
    lab.to_host()
    lab.wait(61)
    assert lab.to_host() == [CloseFlow(1)]
    assert lab.router.next_timer() is None


def test_an_error_quotes_that_of_two_datagrams_whose_data_agree(lab: Lab) -> None:
    for number in (1, 2):
        lab.from_guest(udp("192.0.2.7", 9, b"datagram %d" % number, id=900 + number))
    lab.from_host(SocketError(1, errno.EHOSTUNREACH, (REMOTE, 9), b"datagram 1"))
    (error,) = read(lab)
    assert error["IP in ICMP"].id == 901


def test_the_table_of_flows_shows_where_the_last_packet_went(lab: Lab) -> None:
    for remote in ("192.0.2.7", "192.0.2.8"):
        lab.from_guest(udp(remote, 9, b"x"))
        lab.from_guest(ping(remote))
    rows = {row["protocol"]: row for row in lab.router.flows(lab.now)}
    assert (rows["udp"]["remote"], rows["echo"]["remote"]) == ("192.0.2.8:9", "192.0.2.8")
    assert (rows["udp"]["bytes_from_guest"], rows["udp"]["bytes_from_host"]) == (2, 0)


def test_an_echo_flow_that_is_used_lasts(lab: Lab) -> None:
    for _ in range(3):
        lab.from_guest(ping("192.0.2.7"))
        lab.wait(59)
    assert not any(isinstance(action, CloseFlow) for action in lab.to_host())


# ---------------------------------------------------------------- what errors quote
def test_an_error_quotes_the_datagram_as_the_guest_sent_it(lab: Lab) -> None:
    for number in range(3):  # as traceroute does, one port and one time to live each
        probe = udp("192.0.2.7", 33434 + number, bytes(32), id=900 + number, ttl=2 + number)
        lab.from_guest(probe)
    lab.from_host(
        SocketError(1, errno.EHOSTUNREACH, (REMOTE, 33435), bytes(32), icmp=(11, 0), offender=OTHER)
    )
    (error,) = read(lab)
    quoted = error["IP in ICMP"]
    assert (quoted.id, quoted.ttl, error["UDP in ICMP"].dport) == (901, 3, 33435)
    assert error["UDP in ICMP"].chksum != 0


def test_of_several_to_one_port_the_one_with_the_same_data_is_quoted(lab: Lab) -> None:
    for number, data in enumerate((b"first", b"second", b"second")):
        lab.from_guest(udp("192.0.2.7", 53, data, id=100 + number))
    lost = SocketError(1, errno.EHOSTUNREACH, (REMOTE, 53), b"second", icmp=(3, 1), offender=OTHER)
    for ident in (102, 101):  # each once, the latest first
        lab.from_host(lost)
        (error,) = read(lab)
        assert error["IP in ICMP"].id == ident
    lab.from_host(SocketError(1, errno.ECONNREFUSED, (REMOTE, 53), b"", icmp=(3, 3)))
    (error,) = read(lab)
    assert error["IP in ICMP"].id == 100  # its data are not known, so it may be any


def test_an_error_about_the_routers_loopback_names_the_router(lab: Lab) -> None:
    lab.from_guest(udp(ROUTER, 9, b"x", id=5))
    lab.from_host(
        SocketError(1, errno.ECONNREFUSED, (LOOPBACK, 9), b"x", icmp=(3, 3), offender=LOOPBACK)
    )
    (error,) = read(lab)
    assert (error[IP].src, error["IP in ICMP"].dst, error["IP in ICMP"].id) == (ROUTER, ROUTER, 5)


def test_a_ping_error_quotes_the_request_with_its_sequence(lab: Lab) -> None:
    for sequence in (1, 2, 3):
        request = ip("192.0.2.7", id=70 + sequence, ttl=9) / ICMP(type=8, id=7, seq=sequence)
        lab.from_guest(bytes(request / b"abcdefgh"))
    # the host's identifier is not the guest's
    lost = bytes(ICMP(type=8, id=4242, seq=2) / b"abcdefgh")
    lab.from_host(
        SocketError(1, errno.EHOSTUNREACH, (REMOTE, 0), lost, icmp=(11, 0), offender=OTHER)
    )
    (error,) = read(lab)
    assert (error[IP].src, error[ICMP].type) == ("198.51.100.9", 11)
    assert error["IP in ICMP"].id == 72
    assert (error["ICMP in ICMP"].id, error["ICMP in ICMP"].seq) == (7, 2)


def test_a_problem_with_the_hosts_own_header_is_not_the_guests(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"x"))
    lab.from_host(SocketError(1, errno.EPROTO, (REMOTE, 9), b"x", icmp=(12, 0), offender=OTHER))
    assert read(lab) == []


def test_df_is_the_guests_choice(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"x", flags="DF"))
    lab.from_guest(ping("192.0.2.7", flags="DF"))
    lab.from_guest(udp("192.0.2.7", 9, b"x"))
    actions = lab.to_host()
    assert [action.dont_fragment for action in actions] == [True, True, False]  # type: ignore[union-attr]


# ---------------------------------------------------------------- how long and how many
def test_a_flow_that_has_its_dns_answer_idles_soon(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 53, b"question"))
    lab.wait(100)  # no answer yet
    lab.from_host(UdpReceived(1, (REMOTE, 53), b"answer"))
    lab.to_host()
    lab.wait(29)
    assert lab.to_host() == []
    lab.wait(2)
    assert lab.to_host() == [CloseFlow(1)]
    assert "idle for 30 s" in lab.log[-1]


def test_a_flow_that_also_talks_to_others_does_not(lab: Lab) -> None:
    lab.from_guest(udp("192.0.2.7", 53, b"question"))
    lab.from_guest(udp("192.0.2.7", 5000, b"something else"))
    lab.from_host(UdpReceived(1, (REMOTE, 53), b"answer"))
    lab.to_host()
    lab.wait(599)
    assert lab.to_host() == []


def test_at_the_limit_the_flow_used_longest_ago_goes_with_a_word() -> None:
    lab = Lab(Config(udp=Udp(flows=2)))
    introduce(lab)
    for sport in (1, 2, 1, 3):
        lab.from_guest(udp("192.0.2.7", 9, b"x", sport=sport))
    assert CloseFlow(2) in lab.to_host()
    assert any("udp 192.168.16.2:2: 2 flows are open (udp.flows)" in line for line in lab.log)


def test_at_the_limit_the_ping_used_longest_ago_goes_with_a_word() -> None:
    lab = Lab(Config(icmp=Icmp(flows=2)))
    introduce(lab)
    for ident in (1, 2, 1, 3):
        lab.from_guest(bytes(ip("192.0.2.7") / ICMP(type=8, id=ident)))
    assert CloseFlow(2) in lab.to_host()
    assert any("ping 192.168.16.2 identifier 2: 2 are open" in line for line in lab.log)
    assert len(lab.router.output.timers) == 2


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_host_without_descriptors_closes_the_oldest_flow(lab: Lab, number: int) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"x", sport=1))
    lab.from_guest(udp("192.0.2.7", 9, b"x", sport=2))
    lab.to_host()
    lab.from_host(SocketError(2, number, (REMOTE, 9), b"x"))
    assert lab.to_host() == [CloseFlow(1)]
    lab.from_host(SocketError(2, number, (REMOTE, 9), b"x"))
    assert lab.to_host() == []
    assert lab.drops == {"udp socket": 2}
    assert read(lab) == []  # nobody is blamed


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EADDRNOTAVAIL])
def test_a_host_without_ports_says_so_and_closes_the_oldest_flow(lab: Lab, number: int) -> None:
    lab.from_guest(udp("192.0.2.7", 9, b"x", sport=1))
    lab.from_guest(udp("192.0.2.7", 9, b"x", sport=2))
    lab.to_host()
    lab.from_host(SocketError(2, number, (REMOTE, 9), b"x"))
    assert lab.to_host() == [CloseFlow(1)]
    assert lab.drops == {"host sockets": 1}
    assert any("the host has no free port" in line for line in lab.log)
    assert read(lab) == []  # nobody is blamed


# ---------------------------------------------------------------- broadcasts
@pytest.mark.parametrize("address", ["255.255.255.255", "192.168.16.255", "239.255.255.250"])
def test_broadcasts_but_dhcp_go_nowhere(lab: Lab, address: str) -> None:
    lab.from_guest(udp(address, 1900, b"x"))
    assert lab.to_host() == []
    assert read(lab) == []
    assert sum(lab.drops.values()) == 1


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("255.255.255.255", "255.255.255.255"),
        ("192.168.16.255", "255.255.255.255"),
        ("239.255.255.250", "239.255.255.250"),
        ("224.0.0.251", None),  # stays on the guest's wire
    ],
)
def test_broadcasts_can_be_forwarded(address: str, host: str | None) -> None:
    lab = Lab(Config(udp=Udp(broadcast=Broadcast.FORWARD)))
    introduce(lab)
    lab.from_guest(udp(address, 1900, b"who is there?", ttl=4))
    expected = [UdpSend(1, (IPv4Address(host).packed, 1900), b"who is there?", 3)] if host else []
    assert lab.to_host() == expected
    assert lab.router.hold_until(lab.now) <= lab.now + 1  # nobody need answer
    if host:
        lab.from_host(UdpReceived(1, (REMOTE, 1900), b"I am"))
        (answer,) = read(lab)
        assert answer[IP].src == "192.0.2.7"


def test_no_error_is_sent_about_a_broadcast() -> None:
    lab = Lab(Config(udp=Udp(broadcast=Broadcast.FORWARD)))
    introduce(lab)
    lab.from_guest(udp("255.255.255.255", 9, b"x"))
    lab.from_host(SocketError(1, errno.ENETUNREACH, (b"\xff" * 4, 9), b"x"))
    assert read(lab) == []
    assert lab.drops == {"icmp forbidden": 1}


def test_datagrams_to_all_in_a_row_go_where_the_first_went() -> None:
    """Also in frames to the router's card, as a wrong or a hostile guest sends them."""
    lab = Lab(Config(udp=Udp(broadcast=Broadcast.FORWARD)))
    introduce(lab)
    texts = (b"one", b"two", b"three")
    to_all = [udp("192.168.16.255", 1900, text) for text in texts]
    assert in_a_row(lab, *to_all) == [1, 1, 1]
    assert lab.to_host() == [UdpSend(1, (b"\xff" * 4, 1900), text, 63) for text in texts]


# ---------------------------------------------------------------- a forward's peer
def test_a_forwards_peer_takes_precedence_over_the_hosts_port_while_it_lives() -> None:
    forward = Forward(Transport.UDP, IPv4Address("127.0.0.1"), 5353, None, 53)
    lab = Lab(replace(Config(), forwards=(forward,)))
    introduce(lab)
    lab.from_host(UdpIncoming(0, (LOOPBACK, 4444), b"question"))
    lab.to_host()
    lab.from_guest(udp(ROUTER, 4444, b"an answer, or so it looks", sport=53))
    lab.from_guest(udp(ROUTER, 4444, b"to the host's own port", sport=54))
    answer, other = lab.to_host()
    assert isinstance(answer, UdpAnswer)
    assert isinstance(other, UdpSend)
    lab.wait(601)
    lab.to_host()
    lab.from_guest(udp(ROUTER, 4444, b"the peer has gone", sport=53))
    (later,) = lab.to_host()
    assert isinstance(later, UdpSend)
    assert later.to == (LOOPBACK, 4444)
