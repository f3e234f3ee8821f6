"""Where the addresses that the guest names lead: guestfwd, host_aliases, restricted."""

from __future__ import annotations

import errno
from dataclasses import replace
from socket import inet_aton
from typing import Any

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.config import Command, Config, Forward, ShownSource, Transport
from pynat.config.toml import read_toml
from pynat.nat.messages import (
    EchoReply,
    EchoSend,
    Nowhere,
    Resolve,
    SocketError,
    TcpConnect,
    TcpConnected,
    TcpFailed,
    TcpIncoming,
    UdpAnswer,
    UdpIncoming,
    UdpReceived,
    UdpSend,
)
from pynat.router.destination_map import Unreachable
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import TcpScript, introduce
from tests.frames import GUEST, ROUTER, ping, read, udp

LOOPBACK = bytes((127, 0, 0, 1))
REMOTE = bytes((192, 0, 2, 7))
OTHER = bytes((10, 0, 0, 5))
ALIASES = """
[host_aliases]
"192.0.2.7:80" = "127.0.0.1:8080"
"198.51.100.9" = "10.0.0.5"
"192.168.16.77:9" = "10.0.0.5:99"
"192.168.16.1:7070" = "127.0.0.1:70"
"www.test" = "127.0.0.1"
"half.test:80" = "127.0.0.1:8080"
"""


def config_of(written: str) -> Config:
    return read_toml(written, "net.toml")


def lab_of(written: str) -> Lab:
    lab = Lab(config_of(written))
    introduce(lab)
    return lab


def connect(lab: Lab, remote: str, port: int, guest_port: int = 40_000) -> Any:
    """Where a connection of the guest's goes; None if it is refused."""
    flow = TcpScript(lab, remote=remote, remote_port=port, guest_port=guest_port)
    flow.guest("S 0:0(0) <mss 1460>")
    actions = flow.to_host()
    if not actions:
        assert flow.to_guest() == ["R. 0:0(0) ack 1"]
        return None
    (action,) = actions
    assert isinstance(action, TcpConnect)
    return action.to


def ask(lab: Lab, name: str, kind: str = "A") -> Any:
    lab.from_guest(udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname=name, qtype=kind)))))
    answers = read(lab)
    return answers[0][DNS] if answers else None


# ---------------------------------------------------------------- host_aliases
def test_a_connection_to_an_alias_goes_elsewhere_and_is_none_the_wiser() -> None:
    lab = lab_of(ALIASES)
    flow = TcpScript(lab, remote="192.0.2.7", remote_port=80)
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_host() == [TcpConnect(1, (LOOPBACK, 8080))]
    flow.host(TcpConnected(1))
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]  # from 192.0.2.7:80
    assert connect(lab, "192.0.2.7", 81) == (REMOTE, 81)  # no alias
    assert connect(lab, "198.51.100.9", 1234) == (OTHER, 1234)  # every port
    assert connect(lab, ROUTER, 7070) == (LOOPBACK, 70)
    assert connect(lab, ROUTER, 7071) == (LOOPBACK, 7071)


def test_a_refusal_behind_an_alias_is_a_refusal_of_the_alias() -> None:
    flow = TcpScript(lab_of(ALIASES), remote="192.0.2.7", remote_port=80)
    flow.guest("S 0:0(0) <mss 1460>")
    flow.host(TcpFailed(1, errno.ECONNREFUSED))
    assert flow.to_guest() == ["R. 0:0(0) ack 1"]


def test_an_error_of_the_loopback_is_the_routers() -> None:
    flow = TcpScript(lab_of(ALIASES), remote="192.0.2.7", remote_port=80)
    flow.guest("S 0:0(0) <mss 1460>")
    flow.host(TcpFailed(1, errno.EHOSTUNREACH, icmp=(3, 13), offender=LOOPBACK))
    assert flow.to_guest() == []
    (error,) = flow.errors
    assert (error[ICMP].code, error[IP].src) == (13, ROUTER)
    assert error["IP in ICMP"].dst == "192.0.2.7"


def test_datagrams_to_an_alias_are_answered_from_it() -> None:
    lab = lab_of(ALIASES)
    lab.from_guest(udp("192.0.2.7", 80, b"one"))
    lab.from_guest(udp("198.51.100.9", 69, b"two"))
    assert lab.to_host() == [
        UdpSend(1, (LOOPBACK, 8080), b"one", 63),
        UdpSend(1, (OTHER, 69), b"two", 63),
    ]
    lab.from_host(UdpReceived(1, (LOOPBACK, 8080), b"answer"))
    lab.from_host(UdpReceived(1, (OTHER, 50_000), b"from another port, as TFTP does"))
    lab.from_host(UdpReceived(1, (bytes((10, 0, 0, 6)), 9), b"from somebody else"))
    seen = [(packet[IP].src, packet[UDP].sport) for packet in read(lab)]
    assert seen == [("192.0.2.7", 80), ("198.51.100.9", 50_000), ("10.0.0.6", 9)]


def test_the_name_that_the_guest_used_last_counts() -> None:
    lab = lab_of(ALIASES)
    for name in ("198.51.100.9", "10.0.0.5", "198.51.100.9"):
        lab.from_guest(udp(name, 9, b"question"))
        lab.from_host(UdpReceived(1, (OTHER, 9), b"answer"))
        (packet,) = read(lab)
        assert packet[IP].src == name


def test_an_error_behind_an_alias_quotes_what_the_guest_sent() -> None:
    lab = lab_of(ALIASES)
    lab.from_guest(udp("192.0.2.7", 80, b"lost"))
    refused = SocketError(1, errno.ECONNREFUSED, (LOOPBACK, 8080), b"lost", (3, 3), LOOPBACK)
    lab.from_host(refused)
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code, error[IP].src) == (3, 3, "192.0.2.7")
    assert (error["IP in ICMP"].dst, error["UDP in ICMP"].dport) == ("192.0.2.7", 80)


def test_ping_to_an_alias() -> None:
    lab = lab_of(ALIASES)
    lab.from_guest(ping("198.51.100.9"))
    (action,) = lab.to_host()
    assert isinstance(action, EchoSend)
    assert action.to == OTHER
    lab.from_host(EchoReply(1, OTHER, 7, 3, b"abcdefgh"))
    (reply,) = read(lab)
    assert (reply[IP].src, reply[ICMP].type) == ("198.51.100.9", 0)


def test_an_alias_on_the_guests_own_wire_is_a_neighbor() -> None:
    lab = lab_of(ALIASES)
    question = ARP(op="who-has", hwsrc=GUEST_MAC.hex(":"), psrc=GUEST, pdst="192.168.16.77")
    lab.from_guest(bytes(Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff") / question))
    (answer,) = read(lab)
    assert (answer[ARP].op, answer[ARP].psrc) == (2, "192.168.16.77")
    assert connect(lab, "192.168.16.77", 9) == (OTHER, 99)
    assert connect(lab, "192.168.16.77", 10) is None
    lab.from_guest(udp("192.168.16.77", 10, b"nobody there"))
    (error,) = read(lab)
    assert (error[ICMP].type, error[ICMP].code, error[IP].src) == (3, 3, "192.168.16.77")
    lab.from_guest(ping("192.168.16.77"))
    (reply,) = read(lab)
    assert (reply[ICMP].type, reply[IP].src) == (0, "192.168.16.77")
    asked = [packet[ARP].psrc for packet in read(lab) if ARP in packet]
    assert asked == []


def test_an_address_on_the_wire_is_no_hop_away() -> None:
    lab = lab_of(ALIASES)
    lab.from_guest(udp("192.168.16.77", 9, b"x", ttl=1))
    (action,) = lab.to_host()
    assert isinstance(action, UdpSend)
    lab.from_guest(udp("192.0.2.7", 80, b"x", ttl=1))
    (error,) = read(lab)
    assert error[ICMP].type == 11


def test_dhcp_gives_no_address_away_at_which_something_is_served() -> None:
    from pynat.services.leases import Leases

    config = config_of(ALIASES)
    leases = Leases(config.network, lambda *_: None, config.claimed)
    assert not leases.may_have(bytes((192, 168, 16, 77)), GUEST_MAC, 0.0)
    assert leases.may_have(bytes((192, 168, 16, 78)), GUEST_MAC, 0.0)


def test_a_name_leads_to_its_alias() -> None:
    lab = lab_of(ALIASES)
    address = ask(lab, "WWW.test").an[0].rdata
    assert address == "198.18.0.1"
    assert ask(lab, "1.0.18.198.in-addr.arpa", "PTR").an[0].rdata == b"www.test."
    assert connect(lab, address, 8000) == (LOOPBACK, 8000)
    assert ask(lab, "half.test").an[0].rdata == "198.18.0.2"
    assert connect(lab, "198.18.0.2", 80) == (LOOPBACK, 8080)
    assert connect(lab, "198.18.0.2", 81) is None


# ---------------------------------------------------------------- guestfwd
def test_a_program_serves_an_address_and_port() -> None:
    rules = '["tcp:192.168.16.100:7-cmd:cat -u", "tcp:1.2.3.4:9-tcp:127.0.0.1:99"]'
    lab = lab_of(f"guestfwd = {rules}")
    assert connect(lab, "192.168.16.100", 7) == Command(("cat", "-u"))
    assert connect(lab, "1.2.3.4", 9) == (LOOPBACK, 99)
    assert connect(lab, "192.168.16.100", 8) is None
    assert connect(lab, "1.2.3.4", 8) == (bytes((1, 2, 3, 4)), 8)


def test_a_program_that_is_not_there_is_a_refused_port() -> None:
    flow = TcpScript(lab_of('guestfwd = ["tcp:1.2.3.4:9-cmd:x"]'), remote="1.2.3.4", remote_port=9)
    flow.guest("S 0:0(0)")
    flow.host(TcpFailed(1, errno.ENOENT))
    assert flow.to_guest() == ["R. 0:0(0) ack 1"]
    assert "no such file or directory (ENOENT)" in flow.lab.log[-1]


# ---------------------------------------------------------------- restricted
SHUT_IN = """
restricted = true
allow = ["10.0.0.5", "192.0.2.0/24:443", "192.168.16.1:8000"]
guestfwd = ["tcp:192.168.16.100:7-cmd:cat"]
host_aliases = {"198.51.100.9:80" = "127.0.0.1:8080"}
dns = {names = {"known.test" = "10.0.0.5"}}
"""


def test_a_restricted_guest_reaches_what_is_listed_and_nothing_else() -> None:
    lab = lab_of(SHUT_IN)
    assert connect(lab, "10.0.0.5", 1234) == (OTHER, 1234)
    assert connect(lab, "192.0.2.7", 443) == (REMOTE, 443)
    assert connect(lab, ROUTER, 8000) == (LOOPBACK, 8000)
    assert connect(lab, "192.168.16.100", 7) == Command(("cat",))
    assert connect(lab, "198.51.100.9", 80) == (LOOPBACK, 8080)
    assert "restricted" not in lab.drops
    for remote, port in (("192.0.2.7", 80), ("198.51.100.9", 81), ("9.9.9.9", 443), (ROUTER, 80)):
        assert connect(lab, remote, port) is None
    assert lab.drops["restricted"] == 4
    assert "restricted: tcp 192.168.16.2:40000 > 192.168.16.1:80 length" in lab.log[-1]


def test_of_nets_that_lie_in_each_other_each_allows_its_ports() -> None:
    nets = ["0.0.0.0/0:80", "10.0.0.0/8:443", "10.0.0.5:22", "10.0.0.4/31:25", "10.0.0.8/30"]
    lab = lab_of(f"restricted = true\nallow = {nets}")

    def ports(remote: str) -> list[int]:
        found = {port: way(lab, remote, port) for port in (7, 22, 25, 80, 443)}
        return [port for port, to in found.items() if to != Unreachable.PROHIBITED]

    assert ports("10.0.0.5") == [22, 25, 80, 443]
    assert ports("10.0.0.6") == [80, 443]
    assert ports("10.0.0.11") == [7, 22, 25, 80, 443]
    assert ports("9.9.9.9") == [80]


def adopted(allow: list[str], gateway: str) -> Lab:
    """A guest that is shut in and has chosen its net itself."""
    lab = Lab(config_of(f"restricted = true\nallow = {allow}\nnetwork.adopt = true"))
    guest = gateway.rpartition(".")[0] + ".9"
    mac = GUEST_MAC.hex(":")
    question = ARP(op=1, hwsrc=mac, psrc=guest, pdst=gateway)
    lab.from_guest(bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / question))
    read(lab)
    assert str(lab.router.net.network.router) == gateway
    return lab


def way(lab: Lab, remote: str, port: int) -> Any:
    return lab.router.destinations.tcp((inet_aton(remote), port))


def test_no_guest_makes_a_way_to_the_loopback_by_the_choice_of_its_router() -> None:
    lab = adopted(["203.0.113.0/24:22", "0.0.0.0/0:80"], "203.0.113.7")
    assert way(lab, "203.0.113.7", 22) is Unreachable.PROHIBITED
    assert lab.router.destinations.udp((inet_aton("203.0.113.7"), 22)) is Unreachable.PROHIBITED
    assert way(lab, "9.9.9.9", 80) == (bytes((9, 9, 9, 9)), 80)
    # this one covers the router that the configuration has: its port, wherever it is
    assert way(lab, "203.0.113.7", 80) == (LOOPBACK, 80)


def test_what_is_allowed_of_the_router_is_so_of_the_adopted_one_alone() -> None:
    lab = adopted(["192.168.16.1:8000", "192.168.16.0/24:22"], "10.9.9.1")
    assert way(lab, "10.9.9.1", 8000) == (LOOPBACK, 8000)
    for port in (8000, 22):  # somebody else of the host's own net may have that address
        assert way(lab, ROUTER, port) is Unreachable.PROHIBITED
    assert lab.router.destinations.echo(inet_aton(ROUTER)) is Unreachable.PROHIBITED


def test_datagrams_and_pings_are_told_that_it_is_prohibited() -> None:
    lab = lab_of(SHUT_IN)
    for frame in (udp("9.9.9.9", 123, b"x"), udp(ROUTER, 123, b"x"), ping("9.9.9.9")):
        lab.from_guest(frame)
        (error,) = read(lab)
        assert (error[ICMP].type, error[ICMP].code, error[IP].src) == (3, 13, ROUTER)
    assert lab.drops == {"restricted": 3}
    assert lab.to_host() == []
    lab.from_guest(udp("10.0.0.5", 123, b"x"))
    lab.from_guest(ping("192.0.2.7"))
    assert len(lab.to_host()) == 2
    lab.from_guest(ping(ROUTER))
    (reply,) = read(lab)
    assert reply[ICMP].type == 0


def test_a_restricted_guest_asks_for_names_of_the_configuration_only() -> None:
    lab = lab_of(SHUT_IN)
    assert ask(lab, "known.test").an[0].rdata == "10.0.0.5"
    assert ask(lab, "host.internal").an[0].rdata == ROUTER
    refused = ask(lab, "secrets.example.com")
    assert refused.rcode == 5
    assert not any(isinstance(action, Resolve) for action in lab.to_host())
    assert lab.drops == {"restricted": 1}


def test_what_a_forward_lets_in_is_answered() -> None:
    local = read_toml("forwards = ['tcp:0.0.0.0:80-:80', 'udp:0.0.0.0:53-:53']", "x").forwards
    shown = tuple(replace(forward, shown=ShownSource.PEER) for forward in local)
    lab = Lab(replace(config_of(SHUT_IN), forwards=shown))
    flow = TcpScript(lab, remote="9.9.9.9", remote_port=5555, guest_port=80)
    flow.host(TcpIncoming(0, 9, (bytes((9, 9, 9, 9)), 5555)))
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    assert flow.to_guest() == [". 1:1(0) ack 1"]
    lab.to_host()
    lab.from_host(UdpIncoming(1, (bytes((9, 9, 9, 9)), 5555), b"question"))
    lab.from_guest(udp("9.9.9.9", 5555, b"answer", sport=53))
    assert UdpAnswer(1, (bytes((9, 9, 9, 9)), 5555), b"answer") in lab.to_host()
    assert lab.drops == {}


def test_a_forwards_ends_are_no_way_out_for_a_guest_that_restarts() -> None:
    forward = Forward(
        Transport.TCP, config_of("").network.router, 80, None, 80, shown=ShownSource.PEER
    )
    lab = Lab(replace(config_of(SHUT_IN), forwards=(forward,)))
    flow = TcpScript(lab, remote="9.9.9.9", remote_port=5555, guest_port=80)
    flow.host(TcpIncoming(0, 9, (bytes((9, 9, 9, 9)), 5555)))
    flow.to_guest()
    flow.guest("S. 0:0(0) ack 1 <mss 1460>")
    again = TcpScript(lab, remote="9.9.9.9", remote_port=5555, guest_port=80, isn=77)
    again.guest("S 0:0(0)")
    assert TcpConnect(2, Nowhere()) in again.to_host()
