"""UDP and echo flows: mapping, idleness, errors, forwards."""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import ICMP, IP, UDP

from pynat.config import Config, Forward, Protocol, Shown, Udp
from pynat.nat.messages import (
    CloseFlow,
    EchoDenied,
    EchoReply,
    SocketError,
    TcpIncoming,
    UdpAnswer,
    UdpIncoming,
    UdpReceived,
    UdpSend,
)
from pynat.testing.lab import Lab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ping, read, udp

REMOTE = bytes((192, 0, 2, 7))
OTHER = bytes((198, 51, 100, 9))
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
    from tests.frames import ip

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
    rule = Forward(Protocol.UDP, IPv4Address("127.0.0.1"), 5353, None, 53)
    lab = Lab(replace(Config(), forwards=(rule,)))
    introduce(lab)
    lab.from_host(UdpIncoming(0, (LOOPBACK, 4444), b"question"))
    (packet,) = read(lab)
    assert (packet[IP].src, packet[UDP].sport, packet[UDP].dport) == (ROUTER, 4444, 53)
    lab.from_guest(udp(ROUTER, 4444, b"answer", sport=53))
    assert lab.to_host() == [UdpAnswer(0, (LOOPBACK, 4444), b"answer")]


def test_a_host_program_may_be_shown_at_its_own_address() -> None:
    rule = Forward(Protocol.UDP, IPv4Address("0.0.0.0"), 5353, None, 53, shown=Shown.PEER)
    lab = Lab(replace(Config(), forwards=(rule,)))
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
    rule = Forward(Protocol.UDP, IPv4Address("127.0.0.1"), 5353, None, 53)
    lab = Lab(replace(Config(), forwards=(rule,)))
    introduce(lab)
    lab.from_host(UdpIncoming(0, (LOOPBACK, 4444), b"question"))
    read(lab)
    assert lab.router.forget_forward(0) == rule
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
    assert lab.log[-1] == "error dropped: ping not permitted: no permission; do this"


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
