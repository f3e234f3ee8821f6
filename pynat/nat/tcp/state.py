"""The states of a connection (RFC 9293 3.3.2), seen from our side, and what moves between them.

CONNECTING is ours: the guest's SYN is here and the host's connect is not over. The tables hold the
moves that depend on nothing else; `Flow` makes the others. The guest's FIN counts once everything
before it has passed to the host (RFC 9293 3.10.7.4, eighth step).
"""

from __future__ import annotations

from enum import Enum

from pynat.nat.tcp.seq import wrap
from pynat.wire.tcp import ACK, RST, Segment


class State(Enum):
    CONNECTING = "CONNECTING"  # the guest's SYN waits for the host's connect
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSING = "CLOSING"
    CLOSE_WAIT = "CLOSE-WAIT"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"
    CLOSED = "CLOSED"

    @property
    def is_synchronized(self) -> bool:
        """Both SYNs are acknowledged (RFC 9293 3.3.2), and it is not over."""
        return self not in _UNSYNCHRONIZED

    @property
    def sends_syn(self) -> bool:
        """Our SYN waits for its acknowledgement."""
        return self in _SENDS_SYN

    @property
    def sends_data(self) -> bool:
        """Our FIN has not been sent."""
        return self in _SENDS_DATA

    @property
    def can_be_reset(self) -> bool:
        """The guest has a connection, and it is not at its end."""
        return self not in _HAS_NO_RESET


_UNSYNCHRONIZED = (State.CONNECTING, State.SYN_SENT, State.SYN_RECEIVED, State.CLOSED)
_SENDS_SYN = (State.SYN_SENT, State.SYN_RECEIVED)
_SENDS_DATA = (State.ESTABLISHED, State.CLOSE_WAIT)
_HAS_NO_RESET = (State.CONNECTING, State.CLOSED, State.TIME_WAIT)
AFTER_GUEST_FIN = {
    State.ESTABLISHED: State.CLOSE_WAIT,
    State.FIN_WAIT_1: State.CLOSING,
    State.FIN_WAIT_2: State.TIME_WAIT,
}
AFTER_OUR_FIN = {State.ESTABLISHED: State.FIN_WAIT_1, State.CLOSE_WAIT: State.LAST_ACK}
AFTER_OUR_FIN_ACKED = {State.FIN_WAIT_1: State.FIN_WAIT_2, State.CLOSING: State.TIME_WAIT}


def reset_for(segment: Segment) -> Segment:
    """The RST that answers a segment of no connection (RFC 9293 3.10.7.1)."""
    if segment.flags & ACK:
        return Segment(segment.destination, segment.source, segment.ack, 0, RST, 0)
    ack = wrap(segment.seq + segment.length)
    return Segment(segment.destination, segment.source, 0, ack, RST | ACK, 0)
