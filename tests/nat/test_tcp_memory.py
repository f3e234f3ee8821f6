"""One budget of memory for what all flows hold (`tcp.memory`)."""

from __future__ import annotations

import pytest

from pynat.config import Config, Tcp
from pynat.nat.messages import Action, TcpRead, TcpReceived, TcpWritable
from pynat.nat.tcp.flow import Flow
from pynat.nat.tcp.memory import MemoryBudget
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, pattern

BUDGET = 1 << 20
FLOWS = 40
STREAM = 100_000  # bytes for each guest program: four budgets together


def lab_with(flows: int) -> tuple[Lab, list[TcpScript]]:
    lab = Lab(Config(tcp=Tcp(memory=BUDGET)))
    return lab, [established(lab, guest_port=40_000 + number) for number in range(flows)]


class Host:
    """Says to each flow what it is allowed to, in turn and in small pieces."""

    def __init__(self, lab: Lab, streams: list[TcpScript]) -> None:
        self.lab = lab
        self.allowed = {one.number: 0 for one in streams}
        self.said = {one.number: 0 for one in streams}

    def hear(self) -> None:
        for action in self.lab.to_host():
            if isinstance(action, TcpRead):
                self.allowed[action.flow] = action.limit

    def speak(self) -> bool:
        """Whether anything could be said."""
        spoke = False
        for flow, said in self.said.items():
            self.hear()
            size = min(5000, self.allowed[flow], STREAM - said)
            if size:
                spoke = True
                self.allowed[flow] -= size
                self.said[flow] += size
                self.lab.from_host(TcpReceived(flow, pattern(size, said)))
        return spoke


def held(lab: Lab) -> int:
    return sum(flow.kept for flow in lab.router.tcp.flows())


def test_flows_that_do_not_read_share_the_budget_and_all_get_everything() -> None:
    lab = Lab(Config(tcp=Tcp(memory=BUDGET)))
    streams = [
        established(lab, guest_port=40_000 + number, remote_port=80) for number in range(FLOWS)
    ]
    for number, one in enumerate(streams, 1):
        one.number = number
        one.guest(". 1:1(0) ack 1 win 0")
    host = Host(lab, streams)
    for one in streams:
        host.allowed[one.number] = 256 << 10
    while host.speak():
        assert held(lab) <= BUDGET
    assert held(lab) > BUDGET // 2
    least, most = min(host.said.values()), max(host.said.values())
    assert 0 < least <= most < STREAM  # nobody has it all, nobody nothing
    assert any("half of 1 MiB (tcp.memory): from now on each may hold 6 KiB" in t for t in lab.log)
    for one in streams:
        read = bytearray()
        while len(read) < STREAM:
            one.guest(f". 1:1(0) ack {1 + len(read)} win 30000")
            read += one.payload()
            host.hear()
            host.speak()
            assert held(lab) <= BUDGET
        assert read == pattern(STREAM)
        one.guest(f". 1:1(0) ack {1 + len(read)} win 30000")
    assert held(lab) == 0
    assert any("memory is no longer short" in text for text in lab.log)
    assert lab.drops == {}


def test_what_comes_out_of_order_is_bounded_by_the_budget() -> None:
    lab, streams = lab_with(FLOWS)
    for one in streams:
        for start in range(1001, 61_001, 1000):
            one.guest(f". {start}:{start + 1000}(1000) ack 1")
    assert BUDGET // 2 < held(lab) <= BUDGET
    assert lab.drops["tcp memory"] > 0
    first = streams[0]
    first.to_guest()
    first.guest("P. 1:1001(1000) ack 1")  # the gap closes: what was kept is the host's
    assert first.to_guest()[-1] == ". 1:1(0) ack 61001"
    assert lab.host_bytes[1] == pattern(61_000)


def test_what_the_kernel_does_not_take_is_bounded_by_the_budget() -> None:
    lab, streams = lab_with(FLOWS)
    lab.room = 0
    for one in streams:
        for start in range(1, 60_001, 1000):
            one.guest(f". {start}:{start + 1000}(1000) ack 1")
    assert BUDGET // 2 < held(lab) <= BUDGET
    last = streams[-1]
    lab.room = None
    for number in range(1, FLOWS + 1):
        last.host(TcpWritable(number))
    ack = int(last.to_guest()[-1].rpartition(" ")[2])
    assert 1 <= ack < 60_001  # what was not kept is not acknowledged, and comes again
    last.guest(f"P. {ack}:60001({60_001 - ack}) ack 1")
    assert last.to_guest()[-1] == ". 1:1(0) ack 60001"
    assert lab.host_bytes[FLOWS] == pattern(60_000)


def test_windows_shrink_to_the_share_without_moving_back() -> None:
    lab, streams = lab_with(FLOWS)
    for one in streams[1:]:
        for start in range(1001, 61_001, 1000):
            one.guest(f". {start}:{start + 1000}(1000) ack 1")
    first = streams[0]
    first.to_guest()
    edge, sent, window = 65_536, 1, 65_535
    while window > 10_000:
        first.guest(f"P. {sent}:{sent + 1000}(1000) ack 1")
        sent += 1000
        (answer,) = first.packets()
        window = answer["TCP"].window
        assert sent + window >= edge
        edge = sent + window
    assert lab.host_bytes[1] == pattern(sent - 1)


def weight(lab: Lab) -> int:
    """Bytes that are really kept of the guest's, with the frames that they came in."""
    chunks = [chunk for flow in lab.router.tcp.flows() for chunk in flow.receiver.chunks]
    return sum(len(one.obj) if isinstance(one, memoryview) else len(one) for one in chunks)


def long_frame(flow: TcpScript, segment: str) -> bytes:
    """With 16 KB behind the packet, which no header counts."""
    return flow.frame(segment) + bytes(16_000)


def test_what_waits_for_the_kernel_weighs_what_is_counted() -> None:
    lab = Lab()
    flow = established(lab)
    lab.room = 100
    for start in range(1, 30_001, 600):  # urgent: each has to be looked at alone
        lab.from_guest(long_frame(flow, f"U. {start}:{start + 600}(600) ack 1 urg 1"))
    lab.room = 0
    flow.host(TcpWritable(flow.number))
    assert held(lab) == weight(lab) == 29_900
    lab.room = 12_345
    flow.host(TcpWritable(flow.number))
    assert held(lab) == weight(lab) == 29_900 - 12_345
    assert lab.host_bytes[flow.number] == pattern(12_445)


def test_what_comes_with_a_syn_weighs_what_is_counted() -> None:
    lab = Lab()
    lab.from_guest(long_frame(TcpScript(lab), "S 0:1(1)"))
    assert held(lab) == weight(lab) == 1


def filled(lab: Lab, isn: int, guest_port: int = 40_000) -> TcpScript:
    """A flow that holds 240,000 bytes of the host's."""
    flow = established(lab, isn=isn, guest_port=guest_port)
    for _ in range(4):
        flow.host_says(bytes(60_000))
    return flow


def test_a_flow_that_is_opened_anew_gives_its_memory_back() -> None:
    lab = Lab(Config(tcp=Tcp(memory=4 * BUDGET)))
    for number in range(20):
        filled(lab, isn=1 + number * 100_000_000)
    assert held(lab) == 240_000
    filled(lab, isn=1, guest_port=50_000)  # another one: a window as before, and nothing is said
    assert not any("memory" in text for text in lab.log)


def test_a_flow_that_is_reset_and_opened_anew_in_one_turn_gives_its_memory_back() -> None:
    lab = Lab(Config(tcp=Tcp(memory=4 * BUDGET)))
    for number in range(20):
        flow = filled(lab, isn=1 + number * 100_000_000)
        lab.to_guest()
        for segment in ("R 1:1(0)", "S 50000000:50000000(0)"):
            lab.router.from_guest(flow.frame(segment), lab.now)
        lab.turn()
        flow.guest("R 50000001:50000001(0)")
    assert len(lab.router.tcp) == 0
    assert not any("memory" in text for text in lab.log)


def test_flows_that_go_while_memory_is_short_cost_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All are told of a share that has doubled, not of one that has grown a little."""
    lab, streams = lab_with(12)
    for one in streams:
        for start in range(1001, 60_001, 20_000):
            one.guest(f". {start}:{start + 20_000}(20000) ack 1", bytes(20_000))
    assert any("half of 1 MiB (tcp.memory)" in text for text in lab.log)
    told: set[Flow] = set()
    to_host = Flow.to_host

    def seen(flow: Flow, share: int, now: float) -> list[Action]:
        told.add(flow)
        return to_host(flow, share, now)

    monkeypatch.setattr(Flow, "to_host", seen)
    for one in streams[:3]:
        one.guest("R 1:1(0)")
    assert len(told) == 3
    assert not any("no longer short" in text for text in lab.log)


def test_a_share_is_told_once_it_has_halved_or_doubled() -> None:
    memory = MemoryBudget(BUDGET)
    memory.used = BUDGET
    assert memory.divide(8)
    assert not any(memory.divide(flows) for flows in (9, 7, 15, 5))
    assert memory.divide(16)
    assert not memory.divide(9)
    assert memory.divide(8)
    memory.used = 0
    assert memory.divide(8)  # nobody is bounded any more
    assert not memory.divide(100)
