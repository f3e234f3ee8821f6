"""What a plot is made of, out of scripts of segments."""

from __future__ import annotations

from pynat.lint.frame import decode
from pynat.report.fates import LOST
from pynat.report.flows import ACKED, AGAIN, BEGIN, DATA, END, RESET, SACKED, SAID, Flow, Flows
from pynat.report.plot import path
from pynat.testing.lab import GUEST_MAC
from pynat.wire import ethernet, ipv4, tcp, udp
from pynat.wire.tcp import ACK, FIN, RST, SYN, Options, Segment

GUEST, SERVER = bytes((192, 168, 16, 2)), bytes((192, 0, 2, 7))
MAC = b"\x52\x55\0\xa8\x10\x01"


class Wire:
    """Segments by their flags; numbers count from the sequence number of each end's SYN."""

    def __init__(self, guest: int = 1000, server: int = 5000) -> None:
        self.flows = Flows()
        self.first = {True: guest, False: server}
        self.number = 0

    def __call__(
        self,
        when: float,
        seq: int,
        data: int = 0,
        *,
        flags: int = ACK,
        ack: int = 0,
        window: int = 1000,
        options: Options = tcp.NO_OPTIONS,
        guest: bool = True,
        said: tuple[str, ...] = (),
        kind: str = SAID,
    ) -> None:
        self.number += 1
        ports = (4000, 80) if guest else (80, 4000)
        ends = (GUEST, SERVER) if guest else (SERVER, GUEST)
        place = (self.first[guest] + seq) % 2**32, (self.first[not guest] + ack) % 2**32
        segment = Segment(*ports, *place, flags, window, bytes(data), options)
        packet = ipv4.encode(*ends, ipv4.TCP, tcp.encode(*ends, segment))
        frame = decode(ethernet.encode(MAC, GUEST_MAC, ethernet.IPV4, packet), when)
        assert frame is not None
        self.flows.add(self.number, when, frame, said, from_guest=guest, kind=kind)

    def opened(self, shift: int | None = None) -> Flow:
        options = Options(mss=1460, window_shift=shift)
        self(0.0, 0, flags=SYN, options=options)
        self(0.1, 0, flags=SYN | ACK, ack=1, guest=False, options=options)
        self(0.2, 1, ack=1)
        return self.flows.tcp[0]


def kinds(flow: Flow) -> list[tuple[int, int, int]]:
    return [(one.kind, one.low, one.high) for one in flow.from_guest.points]


def test_data_and_what_acknowledges_it_count_from_the_syn() -> None:
    wire = Wire()
    flow = wire.opened()
    wire(0.3, 1, 100)
    wire(0.4, 1, ack=101, guest=False)
    assert kinds(flow) == [(BEGIN, 0, 0), (ACKED, 1, 1), (DATA, 1, 101), (ACKED, 101, 101)]
    assert flow.from_guest.octets == 100
    assert flow.from_guest.round_trips == [(0.1, 0.1), (0.4, 0.4 - 0.3)]


def test_what_comes_again_is_told_from_new_data_and_is_no_measure_of_time() -> None:
    wire = Wire()
    flow = wire.opened()
    wire(0.3, 1, 100)
    wire(1.3, 1, 100)
    wire(1.4, 1, ack=101, guest=False)
    assert (AGAIN, 1, 101) in kinds(flow)
    assert flow.from_guest.octets == 100
    assert flow.from_guest.again == 1
    assert [when for when, _ in flow.from_guest.round_trips] == [0.1]


def test_what_comes_behind_a_later_segment_is_no_repetition() -> None:
    wire = Wire()
    flow = wire.opened()
    wire(0.3, 201, 100)  # it was lost, so it was captured before those that were sent before it
    wire(0.3, 1, 100)
    wire(0.3, 101, 100)
    wire(0.7, 201, 100)
    assert [kind for kind, low, high in kinds(flow) if high > low] == [DATA, DATA, DATA, AGAIN]
    assert flow.from_guest.octets == 300
    assert flow.from_guest.again == 1


def test_numbers_go_on_past_their_end() -> None:
    wire = Wire(guest=2**32 - 50)
    flow = wire.opened()
    wire(0.3, 1, 100)
    wire(0.4, 101, 100)
    assert flow.from_guest.highest == 201
    assert (DATA, 101, 201) in kinds(flow)


def test_a_repeated_syn_is_the_same_flow_and_another_one_a_new_one() -> None:
    wire = Wire()
    wire(0.0, 0, flags=SYN)
    wire(1.0, 0, flags=SYN)
    assert [flow.from_guest.again for flow in wire.flows.tcp] == [1]
    wire.first[True] = 77_777
    wire(2.0, 0, flags=SYN)
    assert len(wire.flows.tcp) == 2


def test_a_window_is_scaled_where_both_syns_say_so() -> None:
    for shift, edge in ((3, 1 + 1000 * 8), (None, 1 + 1000)):
        wire = Wire()
        flow = wire.opened(shift)
        wire(0.3, 1, 10)
        wire(0.4, 1, ack=1, guest=False)
        assert flow.from_guest.window[-1][1] == edge


def test_sack_blocks_are_drawn_where_they_are() -> None:
    wire = Wire()
    flow = wire.opened()
    wire(0.3, 101, 100)
    block = Options(sack=((1000 + 101, 1000 + 201),))
    wire(0.4, 1, ack=1, options=block, guest=False)
    assert (SACKED, 101, 201) in kinds(flow)


def test_how_a_flow_stands_at_the_end() -> None:
    wire = Wire()
    flow = wire.opened()
    assert flow.how == "open"
    wire(0.3, 1, flags=FIN | ACK, ack=1)
    assert flow.how == "closed by the guest only"
    assert kinds(flow)[-1] == (END, 2, 2)
    wire(0.4, 1, flags=FIN | ACK, ack=2, guest=False)
    assert flow.how == "closed"
    other = Wire()
    reset = other.opened()
    other(0.3, 1, flags=RST, guest=False)
    assert reset.how == "reset by the network"
    assert reset.to_guest.points[-1].kind == RESET


def test_what_has_no_length_is_a_dot() -> None:
    assert path([[(1.0, 5)], [(2.0, 5), (2.0, 5)]]) == "M1.000 5h0M2.000 5h0"
    assert path([[(2.0, 5), (2.0, 7)]]) == "M2.000 5V7"


def test_datagrams_between_two_ports_are_a_flow() -> None:
    flows = Flows()
    for number, (when, port, size, guest) in enumerate(
        [(0.1, 53, 30, True), (0.2, 53, 90, False), (0.3, 53, 30, True), (0.4, 54, 10, True)], 1
    ):
        ends, ports = (GUEST, SERVER), (4000, port)
        if not guest:
            ends, ports = (SERVER, GUEST), (port, 4000)
        packet = ipv4.encode(
            *ends, ipv4.UDP, udp.encode(ends[0], ports[0], ends[1], ports[1], bytes(size))
        )
        frame = decode(ethernet.encode(MAC, GUEST_MAC, ethernet.IPV4, packet), when)
        assert frame is not None
        kind = LOST if number == 3 else SAID
        flows.add(number, when, frame, (), from_guest=guest, kind=kind)
    asked, vain = flows.all
    assert (asked.name, asked.how) == ("udp 192.168.16.2:4000 > 192.0.2.7:53 #1", "answered")
    assert (asked.from_guest.octets, asked.to_guest.octets, asked.from_guest.lost) == (60, 90, 1)
    assert (vain.frames, vain.how) == (1, "unanswered")
