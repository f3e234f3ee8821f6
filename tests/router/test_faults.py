"""What ARP and the paths to hosts do wrong when they are asked to."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP, IPerror, UDPerror
from scapy.layers.l2 import ARP, Ether

from pynat.nat.messages import TcpConnected, UdpSend
from pynat.testing.linted import LintedLab
from pynat.testing.script import TcpScript, introduce
from tests.frames import GUEST, ROUTER, ROUTER_MAC, read, udp
from tests.services.faulty import MAC, Faulty

HOST = "192.0.2.7"
OTHER = "52:55:00:a8:10:67"  # the host that takes the guest's address
STANDBY = "52:55:00:a8:10:00"  # the router's second MAC address


# ---------------------------------------------------------------- ARP
def probe(lab: Faulty) -> None:
    lab.arp(psrc="0.0.0.0", pdst=GUEST)


def announce(lab: Faulty) -> None:
    lab.arp(psrc=GUEST, pdst=GUEST)


def test_without_faults_all_is_well() -> None:
    lab = Faulty()
    lab.arp()
    assert [one[ARP].hwsrc for one in lab.arps()] == [ROUTER_MAC]
    probe(lab)
    announce(lab)
    assert lab.arps() == []


def test_silent_for_the_first_ones() -> None:
    lab = Faulty("arp silent 2")
    for _ in range(3):
        lab.arp()
    assert len(lab.arps()) == 1
    assert lab.drops == {"fault": 2}


def test_a_wrong_mac_once() -> None:
    lab = Faulty("arp wrong-mac 1")
    lab.arp()
    lab.arp()
    assert [one[ARP].hwsrc for one in lab.arps()] == ["52:55:00:a8:10:fe", ROUTER_MAC]


def test_who_goes_by_a_wrong_mac_is_to_blame_only_once_it_knows_better() -> None:
    lab = LintedLab()
    lab.router.faults.add("arp wrong-mac 1")
    asks = ARP(op=1, hwsrc=MAC, psrc=GUEST, pdst=ROUTER)
    for blamed in (0, 1):
        lab.from_guest(bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / asks))
        told = "52:55:00:a8:10:fe"
        lab.from_guest(bytes(Ether(src=MAC, dst=told) / IP(src=GUEST, dst=HOST) / UDP()))
        assert lab.roots["ETH002"] == blamed


def test_the_probed_address_is_taken() -> None:
    lab = Faulty("arp conflict")
    probe(lab)
    (answer,) = lab.arps()
    assert (answer.src, answer.dst) == (OTHER, MAC)
    assert (answer[ARP].op, answer[ARP].psrc, answer[ARP].hwsrc) == (2, GUEST, OTHER)


def test_the_announced_address_is_taken_and_defended_once_in_ten_seconds() -> None:
    lab = Faulty("arp conflict")
    announce(lab)
    announce(lab)
    (claim,) = lab.arps()
    assert (claim.dst, claim[ARP].psrc, claim[ARP].hwsrc) == ("ff:ff:ff:ff:ff:ff", GUEST, OTHER)
    lab.wait(10)
    announce(lab)
    assert len(lab.arps()) == 1


def test_so_many_conflicts() -> None:
    lab = Faulty("arp conflict 1")
    probe(lab)
    probe(lab)
    assert len(lab.arps()) == 1


def test_a_claim_at_a_time() -> None:
    lab = Faulty("arp claim 5")
    lab.arp()
    lab.arps()
    lab.wait(4.9)
    assert lab.arps() == []
    lab.wait(0.2)
    assert [(one[ARP].psrc, one[ARP].hwsrc) for one in lab.arps()] == [(GUEST, OTHER)]


def test_what_is_cleared_before_its_time_does_not_happen() -> None:
    lab = Faulty("arp claim 5", "arp failover 5")
    lab.arp()
    lab.arps()
    lab.router.faults.clear()
    lab.wait(6)
    assert lab.arps() == []


def test_the_router_fails_over_and_back() -> None:
    lab = Faulty("arp failover 5", "arp failover 20")
    lab.arp()
    lab.arps()
    lab.wait(5)
    assert [(one.src, one[ARP].psrc, one[ARP].hwsrc) for one in lab.arps()] == [
        (STANDBY, ROUTER, STANDBY)
    ]
    assert any(f"the router is at {STANDBY} now" in line for line in lab.log)
    lab.from_guest(udp(HOST, 9, b"to the old one"))
    assert lab.drops == {"ethernet not ours": 1}
    assert lab.to_host() == []
    lab.from_guest(to(STANDBY, udp(HOST, 9, b"to the new one")))
    assert any(isinstance(action, UdpSend) for action in lab.to_host())
    lab.wait(15)
    assert [one[ARP].hwsrc for one in lab.arps()] == [ROUTER_MAC]


def to(mac: str, frame: bytes) -> bytes:
    return bytes.fromhex(mac.replace(":", "")) + frame[6:]


# ---------------------------------------------------------------- paths
def sent(lab: Faulty, size: int = 8, host: str = HOST, **fields: Any) -> list[Any]:
    """What a datagram of so many bytes is answered with."""
    lab.arp()
    lab.to_guest()
    lab.from_guest(udp(host, 9, bytes(size), **fields))
    return [packet for packet in read(lab) if ICMP in packet]


def test_a_narrow_path() -> None:
    lab = Faulty(f"icmp {HOST} fragmentation-needed 1280")
    assert sent(lab, 1252, flags="DF") == []
    (error,) = sent(lab, 1253, flags="DF")
    assert (error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu) == (3, 4, 1280)
    assert error[IP].src == ROUTER
    assert [one.payload for one in lab.to_host() if isinstance(one, UdpSend)] == [bytes(1252)]
    assert lab.said(f"fault 1, icmp {HOST} fragmentation-needed 1280: udp {GUEST}:5000 > {HOST}:9")


def test_a_narrow_path_lets_fragments_and_other_hosts_through() -> None:
    lab = Faulty(f"icmp {HOST} fragmentation-needed 1280")
    assert sent(lab, 1400) == []
    assert sent(lab, 1400, "192.0.2.8", flags="DF") == []
    assert len([action for action in lab.to_host() if isinstance(action, UdpSend)]) == 2


def test_a_black_hole() -> None:
    lab = Faulty(f"icmp {HOST} black-hole 1280")
    assert sent(lab, 1400, flags="DF") == []
    assert lab.to_host() == []
    assert lab.drops == {"fault": 1}


@pytest.mark.parametrize(
    ("word", "code", "sender"),
    [
        ("net", 0, ROUTER),
        ("host", 1, ROUTER),
        ("protocol", 2, HOST),
        ("port", 3, HOST),
        ("prohibited", 13, ROUTER),
    ],
)
def test_unreachable(word: str, code: int, sender: str) -> None:
    lab = Faulty(f"icmp {HOST} unreachable {word} 1")
    (error,) = sent(lab)
    assert (error[ICMP].type, error[ICMP].code, error[IP].src) == (3, code, sender)
    assert sent(lab) == []


def test_too_far_away() -> None:
    (error,) = sent(Faulty(f"icmp {HOST} ttl-exceeded"))
    assert (error[ICMP].type, error[ICMP].code) == (11, 0)


def test_a_path_that_becomes_narrow_under_a_connection() -> None:
    """Segments of an open flow come the short way, which must not lead past the fault."""
    lab = Faulty()
    flow = TcpScript(lab)
    flow.guest("S 0:0(0) <mss 1460>")
    flow.to_host()
    flow.host(TcpConnected(flow.number))
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1")
    lab.router.faults.add(f"icmp {HOST} fragmentation-needed 1000 1")
    segment = flow._frame(". 1:1401(1400) ack 1", None)
    segment[IP].flags = "DF"
    assert lab.router.run_from_guest([bytes(segment)], 0, lab.now) == 1
    assert lab.drops == {"fault": 1}
    lab.from_guest(bytes(segment))
    lab.wait(0.05)
    assert flow.to_guest() == [". 1:1(0) ack 1401"]


# ---------------------------------------------------------------- what a host must not believe
def told(lab: Faulty) -> list[Any]:
    """Of a datagram that goes its way."""
    found = sent(lab)
    assert [type(action) for action in lab.to_host()] == [UdpSend]
    return found


def test_a_better_router() -> None:
    lab = Faulty(f"icmp {HOST} redirect 192.168.16.9 1")
    (redirect,) = told(lab)
    assert (redirect[IP].src, redirect[IP].dst) == (ROUTER, GUEST)
    assert (redirect[ICMP].type, redirect[ICMP].code, redirect[ICMP].gw) == (5, 1, "192.168.16.9")
    assert (redirect[IPerror].src, redirect[IPerror].dst) == (GUEST, HOST)
    assert redirect[UDPerror].dport == 9
    assert told(lab) == []
    assert lab.said(f"fault 1, icmp {HOST} redirect 192.168.16.9 1: udp {GUEST}:5000 > {HOST}:9")


@pytest.mark.parametrize(
    ("fault", "kind", "mask"),
    [("mask-request", 17, "0.0.0.0"), ("mask-reply 255.0.0.0", 18, "255.0.0.0")],
)
def test_masks(fault: str, kind: int, mask: str) -> None:
    (message,) = told(Faulty(f"icmp {HOST} {fault}"))
    assert (message[IP].src, message[IP].dst) == (ROUTER, GUEST)
    assert (message[ICMP].type, message[ICMP].addr_mask) == (kind, mask)


def follows_any(message: Any) -> bytes:
    """Asks by ARP for the gateway, wherever that is."""
    return asks_for(message[ICMP].gw)


def answers(message: Any) -> bytes:
    reply = ICMP(type=18, addr_mask="255.255.255.0")
    return bytes(Ether(src=MAC, dst=ROUTER_MAC) / IP(src=GUEST, dst=ROUTER) / reply)


def believes(message: Any) -> bytes:
    """Takes what the mask covers for its neighbors."""
    return asks_for(str(IPv4Network((GUEST, message[ICMP].addr_mask), strict=False)[7]))


def asks_for(address: str) -> bytes:
    return bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=GUEST, pdst=address, hwsrc=MAC))


@pytest.mark.parametrize(
    ("fault", "mistake", "code"),
    [
        ("redirect 203.0.113.1", follows_any, "ARP009"),
        ("mask-request", answers, "ICMP003"),
        ("mask-reply 255.0.0.0", believes, "ARP009"),
    ],
)
def test_who_believes_it_is_found(fault: str, mistake: Callable[[Any], bytes], code: str) -> None:
    lab = LintedLab()
    lab.router.faults.add(f"icmp {HOST} {fault}")
    introduce(lab)
    lab.from_guest(udp(HOST, 9, b"hello"))
    (message,) = [one for one in read(lab) if ICMP in one]
    assert lab.found[code] == 0
    lab.from_guest(mistake(message))
    assert lab.found[code] == 1
