"""Every state that a connection can be in, and what ends or replaces it there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pynat.nat.messages import CloseFlow, TcpConnect, TcpConnected, TcpEof
from pynat.nat.tcp.state import State
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, established, syn_received
from tests.frames import ROUTER


def connecting(lab: Lab) -> TcpScript:
    flow = TcpScript(lab)
    flow.guest("S 0:0(0)")
    return flow


def fin_wait_1(lab: Lab) -> TcpScript:
    flow = established(lab)
    flow.host(TcpEof(1))
    return flow


def fin_wait_2(lab: Lab) -> TcpScript:
    flow = fin_wait_1(lab)
    flow.guest(". 1:1(0) ack 2")
    return flow


def closing(lab: Lab) -> TcpScript:
    flow = fin_wait_1(lab)
    flow.guest("F. 1:1(0) ack 1")
    return flow


def time_wait(lab: Lab) -> TcpScript:
    flow = fin_wait_2(lab)
    flow.guest("F. 1:1(0) ack 2")
    return flow


def close_wait(lab: Lab) -> TcpScript:
    flow = established(lab)
    flow.guest("F. 1:1(0) ack 1")
    return flow


def last_ack(lab: Lab) -> TcpScript:
    flow = close_wait(lab)
    flow.host(TcpEof(1))
    return flow


# How to get there; the number that the guest sends next.
STATES: dict[State, tuple[Callable[[Lab], TcpScript], int]] = {
    State.CONNECTING: (connecting, 1),
    State.SYN_RECEIVED: (syn_received, 1),
    State.ESTABLISHED: (established, 1),
    State.FIN_WAIT_1: (fin_wait_1, 1),
    State.FIN_WAIT_2: (fin_wait_2, 1),
    State.CLOSING: (closing, 2),
    State.TIME_WAIT: (time_wait, 2),
    State.CLOSE_WAIT: (close_wait, 2),
    State.LAST_ACK: (last_ack, 2),
}
CLOSED_FOR_THE_HOST = {State.TIME_WAIT}
SYNCHRONIZED = [state for state in STATES if state is not State.CONNECTING]
OPEN = [state for state in SYNCHRONIZED if state is not State.SYN_RECEIVED]
BEHIND_FIN = [State.CLOSING, State.TIME_WAIT, State.CLOSE_WAIT, State.LAST_ACK]


def flow_in(state: State) -> TcpScript:
    flow = STATES[state][0](Lab())
    flow.to_guest()
    assert [each.state for each in flow.lab.router.tcp.flows()] == [state]
    return flow


@pytest.mark.parametrize("state", STATES)
def test_a_reset_at_the_next_number_ends_it(state: State) -> None:
    flow = flow_in(state)
    before = flow.to_host()
    seq = STATES[state][1]
    flow.guest(f"R {seq}:{seq}(0)")
    assert len(flow.lab.router.tcp) == 0
    assert flow.to_guest() == []
    closes = [action for action in flow.to_host() if isinstance(action, CloseFlow)]
    if state in CLOSED_FOR_THE_HOST:
        assert CloseFlow(1) in before
        assert closes == []
    else:
        assert closes == [CloseFlow(1, reset=state is not State.CONNECTING)]


@pytest.mark.parametrize("state", SYNCHRONIZED)
def test_a_reset_elsewhere_in_the_window_is_challenged(state: State) -> None:
    """RFC 5961 3.2."""
    flow = flow_in(state)
    seq = STATES[state][1] + 100
    flow.guest(f"R {seq}:{seq}(0)")
    assert [each.state for each in flow.lab.router.tcp.flows()] == [state]
    if state is not State.SYN_RECEIVED:
        assert [text.split()[0] for text in flow.to_guest()] == ["."]


@pytest.mark.parametrize("state", STATES)
def test_a_guest_that_begins_anew_gets_a_new_connection(state: State) -> None:
    """It has rebooted, or reuses its port early; the old connection needs no reset of its own."""
    flow = flow_in(state)
    flow.to_host()
    again = TcpScript(flow.lab, isn=77)
    again.guest("S 0:0(0) <mss 1460>")
    actions = again.to_host()
    assert actions[-1] == TcpConnect(2, (bytes((192, 0, 2, 7)), 80))
    if state not in CLOSED_FOR_THE_HOST:
        assert actions[0] == CloseFlow(1, reset=True)
    again.host(TcpConnected(2))
    assert again.to_guest() == ["S. 0:1(0) ack 1"]


def test_the_end_of_the_old_connection_is_told_before_the_new_one_opens() -> None:
    """A host within the process answers in the same turn."""
    lab = Lab()
    for isn in (1, 77):
        flow = TcpScript(lab, remote=ROUTER, remote_port=53, isn=isn)
        flow.guest("S 0:0(0)")
    assert lab.log[-3:] == [
        f"info tcp 192.168.16.2:40000 > {ROUTER}:53: {what}"
        for what in ("opened", "the guest opened the same connection anew", "opened")
    ]


@pytest.mark.parametrize("state", STATES)
def test_a_reset_of_the_guests_machine_is_one_for_the_host_alone(state: State) -> None:
    flow = flow_in(state)
    flow.to_host()
    flow.lab.router.reset_guest(flow.lab.now)
    flow.lab.turn()
    assert not [*flow.lab.router.tcp.flows()]
    assert flow.to_guest() == []
    is_closed = state in CLOSED_FOR_THE_HOST
    assert flow.to_host() == ([] if is_closed else [CloseFlow(1, reset=True)])


@pytest.mark.parametrize("number", [2, 3])
def test_who_begins_anew_resets_what_acknowledges_its_fin(number: int) -> None:
    """That is on its way when the SYN comes, and RFC 9293 3.10.7.3 demands an RST at its number."""
    flow = flow_in(State.TIME_WAIT)
    again = TcpScript(flow.lab, isn=77)
    again.guest("S 0:0(0) <mss 1460>")
    again.host(TcpConnected(2))
    again.to_guest()
    flow.guest(f"R {number}:{number}(0)")
    assert [each.state for each in flow.lab.router.tcp.flows()] == [State.SYN_RECEIVED]
    assert ("tcp reset beside the next number" in flow.lab.drops) == (number != 2)


@pytest.mark.parametrize("state", OPEN)
def test_an_old_syn_is_challenged(state: State) -> None:
    """RFC 5961 4.2; a guest that has forgotten answers the challenge with a reset."""
    flow = flow_in(state)
    flow.guest("S 0:0(0) <mss 1460>")
    (challenge,) = flow.packets()
    assert str(challenge["TCP"].flags) == "A"
    number = challenge["TCP"].ack - flow.isn
    flow.guest(f"R {number}:{number}(0)")
    assert len(flow.lab.router.tcp) == 0


@pytest.mark.parametrize("state", OPEN)
def test_an_acknowledgement_of_what_was_never_sent_is_answered(state: State) -> None:
    """RFC 9293 3.10.7.4, fifth check."""
    flow = flow_in(state)
    seq = STATES[state][1]
    flow.guest(f". {seq}:{seq}(0) ack 5000")
    assert [text.split()[0] for text in flow.to_guest()] == ["."]
    assert [each.state for each in flow.lab.router.tcp.flows()] == [state]


@pytest.mark.parametrize("state", BEHIND_FIN)
def test_data_behind_the_guests_fin_goes_nowhere(state: State) -> None:
    flow = flow_in(state)
    flow.guest("P. 2:12(10) ack 1")
    assert flow.lab.host_bytes[1] == b""
    assert flow.to_guest()[-1].endswith("ack 2")


@pytest.mark.parametrize("state", BEHIND_FIN)
def test_what_is_behind_the_guests_fin_is_counted(state: State) -> None:
    flow = flow_in(state)
    flow.guest("P. 2:12(10) ack 1")
    assert flow.lab.drops == {"tcp behind the guest's fin": 1}


def test_who_reads_debug_lines_sees_each_state() -> None:
    flow = fin_wait_2(Lab(verbose=True))
    flow.guest("F. 1:1(0) ack 2")
    flow.lab.wait(60)
    told = [line.rpartition(": ")[2] for line in flow.lab.log if line.startswith("debug tcp ")]
    assert told == [
        "CLOSED -> CONNECTING",
        "CONNECTING -> SYN-RECEIVED",
        "SYN-RECEIVED -> ESTABLISHED",
        "ESTABLISHED -> FIN-WAIT-1",
        "FIN-WAIT-1 -> FIN-WAIT-2",
        "FIN-WAIT-2 -> TIME-WAIT",
        "TIME-WAIT -> CLOSED",
    ]


def test_others_are_not_told_of_it() -> None:
    assert not any("ESTABLISHED" in line for line in established(Lab()).lab.log)
