"""What is to be told of one flow, to people and to programs: docs/control.md lists the fields.

Seconds are of guest time. A field that a protocol has not is left out.
"""

from __future__ import annotations

from pynat.nat.tcp.flow import Flow
from pynat.wire.addresses import end_text

Row = dict[str, object]


def seconds(span: float | None) -> float | None:
    return None if span is None else round(span, 6)


def tcp_row(flow: Flow, now: float) -> Row:
    sender, receiver = flow.sender, flow.receiver
    due = flow.next_timer()
    return {
        "number": flow.number,
        "protocol": "tcp",
        "state": flow.state.value,
        "guest": end_text(flow.four_tuple.guest),
        "remote": end_text(flow.four_tuple.remote),
        "bytes_from_guest": flow.bytes_from_guest,
        "bytes_from_host": flow.bytes_from_host,
        "age": seconds(now - flow.opened),
        "idle": seconds(now - flow.idle.last),
        "timer": seconds(None if due is None else due - now),
        "retransmitted": sender.retransmitted,
        "retries": sender.retries,
        "rto": seconds(sender.rtt.rto),
        "rtt": seconds(sender.rtt.smoothed),
        "mss": sender.mss,
        "cwnd": sender.congestion.window,
        "window_of_guest": sender.window,
        "in_flight": sender.nxt - sender.una,
        "buffered_for_guest": sender.buffered,
        "window_for_guest": receiver.told - receiver.ack,
        "held_for_host": receiver.held,
    }
