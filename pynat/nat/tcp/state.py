"""The states of a connection (RFC 9293 3.3.2), seen from our side, and what moves between them.

CONNECTING is ours: the guest's SYN is here and the host's connect is not over. The tables hold the
moves that depend on nothing else; `Flow` makes the others. The guest's FIN counts once everything
before it has passed to the host (RFC 9293 3.10.7.4, eighth step).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from pynat.nat.messages import Parties
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


UNSYNCHRONIZED = {State.CONNECTING, State.SYN_SENT, State.SYN_RECEIVED, State.CLOSED}
AFTER_GUEST_FIN = {
    State.ESTABLISHED: State.CLOSE_WAIT,
    State.FIN_WAIT_1: State.CLOSING,
    State.FIN_WAIT_2: State.TIME_WAIT,
}
AFTER_OUR_FIN = {State.ESTABLISHED: State.FIN_WAIT_1, State.CLOSE_WAIT: State.LAST_ACK}
AFTER_OUR_FIN_ACKED = {State.FIN_WAIT_1: State.FIN_WAIT_2, State.CLOSING: State.TIME_WAIT}


@dataclass(frozen=True, slots=True)
class Ends:
    """As the guest names them."""

    guest: bytes
    guest_port: int
    remote: bytes
    remote_port: int

    @property
    def key(self) -> bytes:
        """As the guest's packets have it, from IPv4's addresses to TCP's ports."""
        return self.guest + self.remote + struct.pack("!HH", self.guest_port, self.remote_port)

    @property
    def parties(self) -> Parties:
        return Parties((self.guest, self.guest_port), (self.remote, self.remote_port))


def reset_for(segment: Segment) -> Segment:
    """The RST that answers a segment of no connection (RFC 9293 3.10.7.1)."""
    if segment.flags & ACK:
        return Segment(segment.destination, segment.source, segment.ack, 0, RST, 0)
    ack = wrap(segment.seq + segment.length)
    return Segment(segment.destination, segment.source, 0, ack, RST | ACK, 0)
