"""Connections that somebody else carries, of whom only the wire is seen: those of a capture.

What the guest sends is judged by `Flow` as always. The other end, which a `Flow` is otherwise, is
taken from its segments: its SYN has its number and options, what it acknowledges has been taken,
what it sends has been sent, and its window is what the guest was promised; behind a bad wire it is
not looked at (pynat.replay.network). So nothing is made here: no segment, no request to a host, no
time-out but that of TIME-WAIT. How long its network lets a connection idle, no capture says: one
lives on until RST comes, be it in answer to the next segment.

A capture may begin in the middle. A segment of no connection may then belong to one that is older:
it is told of only when the answer is the RST that belongs to it, or where the connection was seen
to end.
"""

from __future__ import annotations

from math import inf
from typing import Any

from pynat.nat.messages import Action, Nowhere
from pynat.nat.tcp.flow import Flow
from pynat.nat.tcp.refusals import Refusal
from pynat.nat.tcp.send import Sender
from pynat.nat.tcp.seq import unwrap, wrap
from pynat.nat.tcp.state import AFTER_GUEST_FIN, AFTER_OUR_FIN, State
from pynat.nat.tcp.table import TcpTable
from pynat.wire.addresses import FourTuple
from pynat.wire.ip import Packet
from pynat.wire.tcp import ACK, FIN, RST, SYN, Options, Segment, SegmentRun

_ROOM = 1 << 30  # bytes: what was promised is in the window
_MOST = 65_536  # connections that are waited for


class SeenSender(Sender):
    """What the other end has sent, and what the guest has acknowledged of it."""

    _fin_at: int | None = None

    @property
    def fin_acked(self) -> bool:
        return self._fin_at is not None and self.una > self._fin_at

    @property
    def fin_sent(self) -> bool:
        return self._fin_at is not None

    def sent(self, segment: Segment) -> None:
        end = unwrap(segment.seq, self.top) + segment.length
        if segment.flags & FIN:
            self._fin_at = end - 1
        self.top = max(self.top, end)

    def on_ack(self, ack: int, window: int, seq: int, now: float, **_: Any) -> None:
        self.una = ack


class SeenFlow(Flow):
    takes_all = False  # how far the window was open when a segment came, no capture shows
    _offer: Options | None = None  # of the SYN that the other end sent
    _wrong_ack: int | None = None  # what its SYN-ACK acknowledges, where that is not the SYN

    def from_guest(self, segment: Segment, now: float) -> Refusal | None:
        if segment.flags & RST and segment.seq == self._wrong_ack:
            return None  # as it should
        return super().from_guest(segment, now)

    # ------------------------------------------------------------------ what is seen
    def seen(self, segment: Segment, now: float) -> None:
        """A segment to the guest. What it acknowledges may end the flow."""
        self._touch(self)
        if segment.flags & RST:
            self._reset_seen(segment, now)
        elif segment.flags & SYN:
            self._syn_seen(segment, now)
        elif isinstance(self.sender, SeenSender):
            self.sender.sent(segment)
            self._acknowledgement_seen(segment, now)
            self._pass_fin(now)  # which the same segment may answer with its own
            if self.sender.fin_sent and self.state in AFTER_OUR_FIN:
                self._become(AFTER_OUR_FIN[self.state], now)

    def _reset_seen(self, segment: Segment, now: float) -> None:
        """It ends the flow, unless it only answers what the guest had no reason to send."""
        answer, self._reset_due = self._reset_due, None
        if answer is not None and answer.seq == segment.seq:
            return
        sender = self.sender
        if self.is_connecting or sender.una <= unwrap(segment.seq, sender.una) <= sender.top:
            self.close("reset on the wire", now)

    def _syn_seen(self, syn: Segment, now: float) -> None:
        if self.sender.top != self.sender.iss and wrap(self.sender.iss) == syn.seq:
            return  # again
        if self.state is State.CLOSED:  # the other end opens it
            self._offer = syn.options
            self._become(State.SYN_SENT, now)
        elif self.is_connecting:  # by SYN-ACK, or by a SYN at the same time
            self._agree(syn.options)
            self._become(State.SYN_RECEIVED, now)
        else:
            return
        self.sender = SeenSender(syn.seq, self._settings)
        self.sender.top = syn.seq + syn.length
        if syn.flags & ACK:
            self._wrong_ack = syn.ack if syn.ack != wrap(self.receiver.nxt) else None
            self._acknowledgement_seen(syn, now)

    def _negotiate(self, syn: Segment, now: float) -> None:
        super()._negotiate(syn, now)
        if self._offer is not None:
            self._agree(self._offer)

    def _agree(self, offer: Options) -> None:
        """What the other end's SYN leaves of the guest's offers."""
        negotiated = self.negotiated
        negotiated.timestamps = negotiated.timestamps if offer.timestamps else None
        negotiated.shift_from_guest = offer.window_shift or 0
        if offer.window_shift is None:
            negotiated.shift_to_guest = 0

    def _acknowledgement_seen(self, segment: Segment, now: float) -> None:
        if not segment.flags & ACK:
            return
        receiver = self.receiver
        ack = unwrap(segment.ack, receiver.nxt)
        shift = 0 if segment.flags & SYN else self.negotiated.shift_from_guest
        receiver.told = ack + (segment.window << shift)
        receiver.edge = receiver.told if segment.flags & SYN else max(receiver.edge, receiver.told)
        if self.takes_all:
            receiver.edge = ack + _ROOM
        self._acks.told(ack)
        end = receiver.nxt - receiver.fin
        taken = min(ack, end) - (end - receiver.held)
        if taken > 0:
            receiver.taken(taken, _ROOM)

    def _ends_at(self) -> float:
        return inf if self.is_idle_at(inf) else super()._ends_at()

    def is_idle_at(self, now: float) -> bool:
        """Whether a usual network would have given it up."""
        return self.idle.due <= now and self.state not in (State.TIME_WAIT, State.SYN_SENT)

    # ------------------------------------------------------------------ what is not made
    def open_from_guest(self, *arguments: Any) -> None:
        super().open_from_guest(*arguments)
        self.is_held = False

    def to_host(self, share: int, now: float) -> list[Action]:
        self._pass_fin(now)
        if self.synchronized:
            self._finish(now)
        self._host.actions()
        return []

    def _pass_fin(self, now: float) -> None:
        if self.synchronized and self.receiver.drained and not self.receiver.fin_passed:
            self.receiver.fin_passed = True
            self._become(AFTER_GUEST_FIN[self.state], now)

    def to_guest(self, now: float) -> list[Segment | SegmentRun]:
        self._acks.due = self._syn_due = False
        return []


class SeenTable(TcpTable):
    flow_type = SeenFlow
    begins = True  # no connection is older than what is seen
    takes_all = False  # as its flows

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._strays: dict[bytes, tuple[bytes | None, Segment]] = {}  # with their frames
        self._looked = -inf  # when the table was full, and idle flows were looked for

    def seen(self, packet: Packet, segment: Segment, now: float) -> None:
        """What the other end has sent to the guest."""
        ends = (packet.destination, segment.destination), (packet.source, segment.source)
        four_tuple = FourTuple(*ends)
        flow = self._flows.get(four_tuple.key)
        is_syn = segment.flags & (SYN | ACK) == SYN
        if is_syn and flow and flow.is_lingering and segment.seq != wrap(flow.sender.iss):
            self._remove(flow)
            flow = None
        if flow is None and segment.flags & (SYN | ACK | RST) == SYN:
            self._make_room(now)
            flow = self._new(four_tuple, now, self._usual)
            flow.opened = now
            flow.idle.used(now)
            flow.leads_to = Nowhere()
        if isinstance(flow, SeenFlow):
            self._answered(four_tuple, segment, now)
            flow.seen(segment, now)
            self.to_host(now)
            self._flush(flow, now)
        else:
            self._answered(four_tuple, segment, now)

    def failed(self, four_tuple: FourTuple, now: float) -> None:
        """An ICMP error about the guest's SYN."""
        flow = self._flows.get(four_tuple.key)
        if flow is not None and flow.is_connecting:
            flow.close("unreachable", now)
            self._flush(flow, now)

    def _new(self, *arguments: Any) -> Flow:
        flow = super()._new(*arguments)
        assert isinstance(flow, SeenFlow)
        flow.takes_all = self.takes_all
        return flow

    def _knew_ack(self, key: bytes, ack: int) -> bool:
        return self.takes_all and super()._knew_ack(key, ack)  # else all came at once

    def _has_room(self, now: float) -> bool:
        self._make_room(now)
        return super()._has_room(now)

    def _make_room(self, now: float) -> None:
        """It looks at all flows, so once a second."""
        if len(self._flows) < self._settings.flows or 0 <= now - self._looked < 1:
            return
        self._looked = now
        for flow in [flow for flow in self._flows.values() if flow.idle.due <= now]:
            flow.close("idle", now)
            self._remove(flow)

    # ------------------------------------------------------------------ of no connection
    def _to_flow(self, flow: Flow, segment: Segment, now: float) -> None:
        if isinstance(flow, SeenFlow) and flow.is_idle_at(now):
            self._doubt(flow.four_tuple, segment)
        super()._to_flow(flow, segment, now)

    def _no_flow(self, four_tuple: FourTuple, segment: Segment, now: float) -> None:
        if self.begins or four_tuple.key in self._ended:
            super()._no_flow(four_tuple, segment, now)
        else:
            self._doubt(four_tuple, segment)

    def _doubt(self, four_tuple: FourTuple, segment: Segment) -> None:
        _remember(self._strays, four_tuple.key, (self._output.notices.comments.frame, segment))

    def _answered(self, four_tuple: FourTuple, answer: Segment, now: float) -> None:
        """Another answer than RST shows that there is a connection."""
        frame, stray = self._strays.pop(four_tuple.key, (None, None))
        if stray is not None and answer.flags & RST and answer.seq in (0, stray.ack):
            comments = self._output.notices.comments
            comments.deal_with(frame)
            super()._no_flow(four_tuple, stray, now)
            comments.deal_with(None)


def _remember(known: dict[bytes, Any], key: bytes, what: Any) -> None:
    if len(known) >= _MOST:
        del known[next(iter(known))]
    known[key] = what
