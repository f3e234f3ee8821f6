"""Hosts within the process: a guest that talks to them, and what they see of it."""

from __future__ import annotations

from errno import ECONNREFUSED, EHOSTUNREACH
from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether

from pynat.config import Config, Tcp, Transport, VirtualHosts
from pynat.inprocess.connection import CAPACITY, Connection
from pynat.inprocess.hosts import ANYWHERE, FlowPolicy, ReceivedDatagram, Verdict
from pynat.router.assembly import Program
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, introduce, pattern
from pynat.wire.addresses import FourTuple
from tests.frames import ping, udp

HOST = "192.0.2.7"
ADDRESS = IPv4Address(HOST)
LARGEST = 65_535  # bytes of a window without scale
SERVED = frozenset({(Transport.TCP, ADDRESS, 80), (Transport.UDP, ADDRESS, 9999)})


class Served:
    """A service that does nothing by itself."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.datagrams: list[ReceivedDatagram] = []
        self.changes = 0

    def tcp(self, connection: Connection, now: float) -> None:
        self.connections.append(connection)
        connection.watch(self._changed)

    def udp(self, datagram: ReceivedDatagram) -> None:
        self.datagrams.append(datagram)
        datagram.reply(datagram.payload.upper())

    def _changed(self, now: float) -> None:
        self.changes += 1

    @property
    def connection(self) -> Connection:
        return self.connections[-1]


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def lab(served: Served) -> Lab:
    lab = Lab(Config(virtual=VirtualHosts((ADDRESS,), services=SERVED)))
    in_process = lab.router.in_process
    in_process.serve_tcp((ADDRESS.packed, 80), served.tcp)
    in_process.serve_udp((ADDRESS.packed, 9999), served.udp)
    introduce(lab)
    return lab


@pytest.fixture
def flow(lab: Lab) -> TcpScript:
    return opened(lab)


def opened(lab: Lab, **ends: int) -> TcpScript:
    flow = TcpScript(lab, remote=HOST, **ends)
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.guest(". 1:1(0) ack 1")
    return flow


def test_bytes_go_both_ways_and_no_socket_has_part_in_it(flow: TcpScript, served: Served) -> None:
    flow.guest("P. 1:6(5) ack 1", b"hello")
    assert served.connection.read(100) == b"hello"
    served.connection.write(b"HELLO")
    flow.lab.turn()
    assert flow.to_guest() == [". 1:1(0) ack 6", "P. 1:6(5) ack 6"]
    assert flow.lab.to_host() == []
    assert served.connection.four_tuple == FourTuple(
        (IPv4Address("192.168.16.2").packed, 40_000), (ADDRESS.packed, 80)
    )


def test_a_service_that_does_not_read_closes_the_window(flow: TcpScript, served: Served) -> None:
    at = 1
    while at < CAPACITY:
        flow.guest(f". {at}:{at + 1024}(1024) ack 1")
        at += 1024
        flow.lab.wait(0.1)
    flow.to_guest()
    assert len(served.connection.received) == LARGEST
    flow.guest(f". {at}:{at + 1}(1) ack 1")
    assert flow.to_guest(detail=True)[-1].endswith("win 0")
    assert served.connection.read(CAPACITY) == pattern(LARGEST)
    flow.lab.turn()
    assert not flow.to_guest(detail=True)[-1].endswith("win 0")


def test_what_the_guest_does_not_take_stays_pending(flow: TcpScript, served: Served) -> None:
    connection = served.connection
    connection.write(bytes(1_000_000))
    flow.lab.turn()
    assert 700_000 < connection.pending < 1_000_000
    assert not connection.has_room


def test_ends_of_both_sides(flow: TcpScript, served: Served) -> None:
    connection = served.connection
    flow.guest("F. 1:1(0) ack 1")
    assert (connection.eof, connection.why) == (True, "")
    connection.write(b"bye")
    connection.finish()
    flow.lab.turn()
    assert flow.to_guest() == [". 1:1(0) ack 2", "FP. 1:5(3) ack 2"]
    flow.guest(". 2:2(0) ack 5")
    assert connection.why == "closed"
    assert not connection.broken


def test_the_guests_fin_is_told_before_the_end_that_it_makes(
    flow: TcpScript, served: Served
) -> None:
    """Both come in one turn where the service has said its own FIN before."""
    connection = served.connection
    seen: list[tuple[bool, str]] = []
    connection.watch(lambda now: seen.append((connection.eof, connection.why)))
    connection.finish()
    flow.lab.turn()
    assert flow.to_guest() == ["F. 1:2(0) ack 1"]
    flow.guest("F. 1:1(0) ack 2")
    assert seen[-2:] == [(True, ""), (True, "closed")]


def test_a_finish_at_once_waits_for_the_connection(lab: Lab, served: Served) -> None:
    lab.router.in_process.serve_tcp(
        (ADDRESS.packed, 80), lambda connection, now: connection.finish()
    )
    flow = opened(lab)
    assert flow.to_guest() == ["F. 1:2(0) ack 1"]


def test_the_guest_resets(flow: TcpScript, served: Served) -> None:
    flow.guest("R. 1:1(0) ack 1")
    assert served.connection.broken
    assert served.connection.why == "reset by the guest"


def test_the_service_resets(flow: TcpScript, served: Served) -> None:
    served.connection.abort()
    flow.lab.turn()
    assert flow.to_guest() == ["R. 1:1(0) ack 1"]
    flow.guest("P. 1:6(5) ack 1", b"hello")
    assert flow.to_guest() == ["R 1:1(0)"]


def test_what_is_discarded_is_acknowledged(flow: TcpScript, served: Served) -> None:
    served.connection.discard()
    for at in range(1, 200_000, 1000):
        flow.guest(f". {at}:{at + 1000}(1000) ack 1")
    assert flow.to_guest()[-1] == ". 1:1(0) ack 200001"
    assert not served.connection.received


def test_a_datagram_is_answered_from_where_it_was_sent_to(lab: Lab, served: Served) -> None:
    lab.from_guest(udp(HOST, 9999, b"hello"))
    (answer,) = [Ether(frame) for frame in lab.to_guest()]
    assert answer[IP].src == HOST
    assert answer[UDP].sport == 9999
    assert bytes(answer[UDP].payload)[:5] == b"HELLO"


def test_nobody_listens_at_other_ports(lab: Lab) -> None:
    flow = TcpScript(lab, remote=HOST, remote_port=81)
    flow.guest("S 0:0(0)")
    assert flow.to_guest() == ["R. 0:0(0) ack 1"]
    lab.from_guest(udp(HOST, 81, b"x"))
    (error,) = [Ether(frame) for frame in lab.to_guest()]
    assert (error[IP].src, error[ICMP].type, error[ICMP].code) == (HOST, 3, 3)


def test_the_host_answers_ping(lab: Lab) -> None:
    lab.from_guest(ping(HOST))
    (reply,) = [Ether(frame) for frame in lab.to_guest()]
    assert (reply[IP].src, reply[ICMP].type) == (HOST, 0)


def test_guest_time_is_not_held(flow: TcpScript, served: Served) -> None:
    flow.guest("P. 1:6(5) ack 1", b"hello")
    flow.lab.from_guest(udp(HOST, 9999, b"hello"))
    assert flow.lab.router.hold_until(flow.lab.now) == 0


def test_a_port_of_every_host_that_has_nothing_else(served: Served) -> None:
    services = SERVED | {(Transport.TCP, None, 80), (Transport.UDP, None, 0)}
    lab = Lab(Config(virtual=VirtualHosts((ADDRESS,), services=services)))
    lab.router.in_process.serve_tcp((ANYWHERE, 80), served.tcp)
    lab.router.in_process.serve_udp((ANYWHERE, 0), served.udp)
    introduce(lab)
    flow = TcpScript(lab, remote="203.0.113.5", remote_port=80)
    flow.guest("S 0:0(0)")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    lab.from_guest(udp("203.0.113.5", 5, b"x"))
    assert len(lab.to_guest()) == 1
    lab.from_guest(udp(HOST, 5, b"x"))
    assert Ether(lab.to_guest()[0])[ICMP].code == 3
    other = TcpScript(lab, remote="203.0.113.5", remote_port=81)
    other.guest("S 0:0(0)")
    assert len(other.to_host()) == 1


def test_a_service_at_the_router(served: Served) -> None:
    config = Config(
        virtual=VirtualHosts(services=frozenset({(Transport.TCP, Config().network.router, 80)}))
    )
    lab = Lab(config)
    router = config.network.router
    lab.router.in_process.serve_tcp((router.packed, 80), served.tcp)
    introduce(lab)
    flow = TcpScript(lab, remote=str(router), remote_port=80)
    flow.guest("S 0:0(0)")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]


# ---------------------------------------------------------------- to the guest
def test_a_connection_to_the_guest(lab: Lab) -> None:
    guest = (lab.config.network.guest.packed, 40_000)
    flow = TcpScript(lab, remote=HOST)
    connection = lab.router.in_process.call(guest, (ADDRESS.packed, 80))
    lab.turn()
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest("S. 0:0(0) ack 1")
    assert connection.established
    flow.to_guest()
    connection.write(b"hello")
    lab.turn()
    assert flow.to_guest() == ["P. 1:6(5) ack 1"]


def test_a_connection_that_the_guest_refuses(lab: Lab) -> None:
    guest = (lab.config.network.guest.packed, 40_000)
    flow = TcpScript(lab, remote=HOST)
    connection = lab.router.in_process.call(guest, (ADDRESS.packed, 80))
    lab.turn()
    flow.to_guest()
    flow.guest("R. 0:0(0) ack 1")
    assert connection.broken
    assert connection.why == "refused by the guest"


def test_a_datagram_to_the_guest(lab: Lab) -> None:
    guest = (lab.config.network.guest.packed, 5000)
    lab.router.in_process.send(guest, (ADDRESS.packed, 9999), b"hello")
    lab.turn()
    (frame,) = [Ether(frame) for frame in lab.to_guest()]
    assert (frame[UDP].sport, frame[UDP].dport) == (9999, 5000)


# ---------------------------------------------------------------- services that do it themselves
def held_back(lab: Lab) -> tuple[TcpScript, Connection]:
    """A service that does not accept yet."""
    held: list[Connection] = []

    def serve(connection: Connection, now: float) -> None:
        connection.defer()
        held.append(connection)

    lab.router.in_process.serve_tcp((ADDRESS.packed, 80), serve)
    flow = TcpScript(lab, remote=HOST)
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == []
    return flow, held[0]


def test_a_service_may_accept_late(lab: Lab) -> None:
    flow, connection = held_back(lab)
    connection.accept()
    lab.turn()
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]


@pytest.mark.parametrize(
    ("number", "answers", "errors"), [(ECONNREFUSED, ["R. 0:0(0) ack 1"], 0), (EHOSTUNREACH, [], 1)]
)
def test_a_service_may_refuse(lab: Lab, number: int, answers: list[str], errors: int) -> None:
    flow, connection = held_back(lab)
    connection.refuse(number)
    lab.turn()
    assert flow.to_guest() == answers
    assert len(flow.errors) == errors
    assert len(lab.router.tcp) == 0


def test_a_sink_says_what_it_takes_and_when_it_takes_more(lab: Lab, served: Served) -> None:
    flow, taken = opened(lab), bytearray()

    def sink(data: bytes, now: float) -> tuple[int, int]:
        taken.extend(data[:3])
        return min(3, len(data)), 0

    served.connection.watch(lambda now: None, sink)
    flow.guest("P. 1:6(5) ack 1", b"hello")
    assert flow.to_guest(detail=True) == [". 1:1(0) ack 4 win 0"]
    served.connection.resume()
    lab.turn()
    assert flow.to_guest() == [". 1:1(0) ack 6"]
    assert taken == b"hello"


def test_the_next_byte_may_be_urgent(flow: TcpScript, lab: Lab, served: Served) -> None:
    served.connection.urge()
    served.connection.write(b"!")
    lab.turn()
    assert flow.to_guest() == ["PU. 1:2(1) ack 1 urg 1"]


# ---------------------------------------------------------------- memory
def test_what_nobody_takes_is_bounded_by_the_budget_and_goes_on_once_there_is_room() -> None:
    lab = Lab(Config(tcp=Tcp(memory=1 << 20), virtual=VirtualHosts(hosts=(ADDRESS,))))
    taken: list[Connection] = []
    lab.router.in_process.serve_tcp((ADDRESS.packed, 80), lambda one, now: taken.append(one))
    memory = lab.router.tcp.memory
    sent = {}
    for number in range(30):
        flow = TcpScript(lab, remote=str(ADDRESS), guest_port=20_000 + number)
        flow.guest("S 0:0(0) <mss 1460>")
        flow.to_guest()
        for start in range(1, 60_001, 15_000):
            flow.guest(f"P. {start}:{start + 15_000}(15000) ack 1", bytes(15_000))
        kept = sum(one.kept for one in lab.router.tcp.flows())
        kept += sum(len(one.received) for one in taken)
        assert kept == memory.used <= 1 << 20
        sent[flow] = int(flow.to_guest()[-1].rpartition(" ")[2])
    assert any("half of 1 MiB (tcp.memory)" in text for text in lab.log)
    last, waits = flow, taken[-1]
    assert sent[last] < 60_001
    for one in taken[:-1]:
        one.abort()
    lab.turn()
    last.guest(". 1:1(0) ack 1")
    lab.wait(1)
    (room,) = {packet["TCP"].window for packet in last.packets()} - {0}
    assert room > 0
    start = sent[last]
    last.guest(f"P. {start}:60001({60_001 - start}) ack 1", bytes(60_001 - start))
    assert len(waits.received) == 60_000
    waits.read(60_000)
    lab.turn()
    assert memory.used == 0


# ---------------------------------------------------------------- the gate
class Closed(FlowPolicy):
    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[FourTuple] = []

    def tcp(self, number: int, four_tuple: FourTuple, now: float) -> Verdict:
        self.asked.append(four_tuple)
        return self.verdict

    def udp(self, number: int, four_tuple: FourTuple, now: float) -> Verdict:
        return self.tcp(number, four_tuple, now)


def test_the_gate_refuses_what_leads_to_a_socket() -> None:
    gate = Closed(Verdict.REFUSE)
    lab = Lab(program=Program(policy=gate))
    introduce(lab)
    flow = TcpScript(lab)
    flow.guest("S 0:0(0)")
    assert flow.to_guest() == ["R. 0:0(0) ack 1"]
    for _ in range(2):
        lab.from_guest(udp(HOST, 5, b"x"))
        assert Ether(lab.to_guest()[0])[ICMP].code == 3
    assert len(gate.asked) == 2
    assert lab.to_host() == []


def test_the_gate_drops() -> None:
    lab = Lab(program=Program(policy=Closed(Verdict.DROP)))
    introduce(lab)
    flow = TcpScript(lab)
    flow.guest("S 0:0(0)")
    lab.from_guest(udp(HOST, 5, b"x"))
    assert lab.to_guest() == []
    assert lab.to_host() == []
    assert lab.router.hold_until(lab.now) == 0
