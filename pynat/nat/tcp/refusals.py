"""Why a segment's text was not taken: the field, what it says, and what was expected."""

from __future__ import annotations

from pynat.nat.tcp.flow import Flow
from pynat.nat.tcp.seq import wrap
from pynat.wire.tcp import Segment


def explained(reason: str, flow: Flow, segment: Segment) -> str:
    receiver = flow.receiver
    following, edge = wrap(receiver.nxt), wrap(receiver.told)
    match reason:
        case "tcp duplicate":
            return f"number {segment.seq}, expected {following}: it came before (RFC 9293 3.10.7.4)"
        case "tcp outside the window":
            window = f"{following} to {wrap(receiver.edge - 1)}"
            return f"number {segment.seq}, expected {window} (RFC 9293 3.10.7.4)"
        case "tcp while the window is closed":
            return f"number {segment.seq}, the window ends at {edge} (RFC 9293 3.8.6.1)"
        case "tcp before the connection is open":
            return "expected nothing but SYN before the SYN-ACK (RFC 9293 3.10.7.3)"
        case "tcp acknowledges what was not sent":
            return (
                f"ack {segment.ack}, expected {wrap(flow.sender.top)} at most (RFC 9293 3.10.7.4)"
            )
        case "tcp reset beside the next number":
            return f"number {segment.seq}, expected {following} (RFC 5961 3.2)"
        case "tcp old timestamp":
            return _stamp(flow, segment)
        case "tcp syn in a connection":
            return "SYN set, expected clear in an open connection (RFC 5961 4.2)"
        case "tcp without acknowledgement":
            return "ACK clear, expected set (RFC 9293 3.10.7.4)"
        case "tcp memory":
            return f"number {segment.seq}, expected {following}: all flows hold much (tcp.memory)"
        case "tcp behind the guest's fin":
            return f"number {segment.seq}, the FIN was {wrap(receiver.nxt - 1)} (RFC 9293 3.10.7.4)"
    return f"number {segment.seq}, expected {following} first (RFC 9293 3.10.7.4)"


def _stamp(flow: Flow, segment: Segment) -> str:
    recent = flow.terms.stamps.recent if flow.terms.stamps else 0
    seen = segment.options.timestamps
    return f"TSval {seen[0] if seen else 0}, expected {recent} or later (RFC 7323 5.3)"
