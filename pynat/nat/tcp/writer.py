"""What a flow sends to the guest, as segments: numbers, flags, window, options."""

from __future__ import annotations

from dataclasses import replace

from pynat.nat.tcp.acks import Acks
from pynat.nat.tcp.negotiated_options import NegotiatedOptions
from pynat.nat.tcp.receive import Receiver
from pynat.nat.tcp.send import Piece, Sender
from pynat.nat.tcp.seq import wrap
from pynat.wire.addresses import FourTuple
from pynat.wire.tcp import ACK, FIN, NO_OPTIONS, PSH, RST, SYN, URG, Options, Segment, SegmentRun


class Writer:
    __slots__ = ("_acks", "_guest_port", "_port", "_sender", "_terms")

    def __init__(
        self, four_tuple: FourTuple, negotiated: NegotiatedOptions, sender: Sender, acks: Acks
    ) -> None:
        (_, self._guest_port), (_, self._port) = four_tuple
        self._terms = negotiated
        self._sender = sender
        self._acks = acks

    def syn(self, receiver: Receiver | None, now: float) -> Segment:
        """`receiver` is there once the guest's SYN is."""
        options = self._terms.offer(now)
        if receiver is not None:
            return self._segment(receiver, self._sender.iss, SYN | ACK, options)
        segment = self._segment(Receiver(-1, self._terms.window), self._sender.iss, SYN, options)
        self._acks.begin()
        return segment

    def reset(self, receiver: Receiver) -> Segment:
        return self._segment(receiver, self._sender.acceptable, RST | ACK, NO_OPTIONS)

    def data(
        self, receiver: Receiver, pieces: list[Piece], now: float
    ) -> list[Segment | SegmentRun]:
        """The pieces, or an acknowledgement where there are none.

        SACK goes alone, so that no segment outgrows the MSS.
        """
        out: list[Segment | SegmentRun] = []
        timestamps = self._terms.timestamps
        options = Options(timestamps=timestamps.option(now)) if timestamps else NO_OPTIONS
        blocks = receiver.early.blocks() if receiver.early and self._terms.selective else []
        if not pieces or (blocks and self._acks.due):
            told = _with_sack(options, blocks) if blocks else options
            out.append(self._segment(receiver, self._sender.acceptable, ACK, told))
        for piece in pieces:
            last = ACK | (FIN if piece.fin else 0) | (PSH if piece.push else 0)
            head = self._segment(receiver, piece.seq, ACK, options)
            run = SegmentRun(head, piece.text, last, piece.why, piece.size)
            out += self._urgent(run, piece.seq) if piece.seq < self._sender.urgent else [run]
        return out

    def _urgent(self, run: SegmentRun, seq: int) -> list[SegmentRun]:
        """One segment each, as each has its own urgent pointer (RFC 9293 3.8.5, RFC 6093)."""
        out = []
        for single in run.singles():
            distance, head = self._sender.urgent - seq, single.head
            if 0 < distance <= 0xFFFF:
                head = replace(head, flags=ACK | URG, urgent=distance)
            out.append(replace(single, head=head))
            seq += single.length
        return out

    def _segment(self, receiver: Receiver, seq: int, flags: int, options: Options) -> Segment:
        ack = receiver.ack
        self._acks.sent(ack)
        return Segment(
            self._port,
            self._guest_port,
            wrap(seq),
            wrap(ack),
            flags,
            receiver.window(0 if flags & SYN else self._terms.shift_from_guest),
            options=options,
        )


def _with_sack(options: Options, blocks: list[tuple[int, int]]) -> Options:
    return options._replace(sack=tuple((wrap(start), wrap(end)) for start, end in blocks))
