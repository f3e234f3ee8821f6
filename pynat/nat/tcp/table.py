"""All TCP flows of one network: which segment belongs to which, and what belongs to none.

A SYN of no flow opens one; a SYN with another initial sequence number on an old flow means that
the guest has restarted, so the old one goes and a new one begins. Anything else of no flow is
answered with RST (RFC 9293 3.10.7.1), which is also what clears a guest's connections after a
Bochs state restore. Initial sequence numbers follow RFC 6528: a clock plus a keyed hash. But a
guest may compare numbers as if they had no end, and no short test would show it: in a hermetic
network, with the linter on, those of every fourth flow pass 2^32 within a KiB.
"""

from __future__ import annotations

import errno
import hashlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, assert_never

from pynat import rules
from pynat.config import Command, Config, UnixPath
from pynat.log.notices import FLOW_RATE, Level
from pynat.nat.flow_numbers import FlowNumbers
from pynat.nat.guest_output import GuestOutput
from pynat.nat.idle_timeout import IdleTimeout
from pynat.nat.messages import (
    Action,
    Destination,
    TcpAdopt,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpIncoming,
    TcpReceived,
    TcpSent,
    TcpUrgent,
    TcpWritable,
)
from pynat.nat.rows import tcp_row
from pynat.nat.tcp.flow import TIME_WAIT, Flow
from pynat.nat.tcp.host_requests import SendNow
from pynat.nat.tcp.memory import MemoryBudget
from pynat.nat.tcp.negotiated_options import NegotiatedOptions
from pynat.nat.tcp.parameters import Filter, Item, Parameters
from pynat.nat.tcp.refusals import Refusal
from pynat.nat.tcp.seq import wrap
from pynat.nat.tcp.state import State, reset_for
from pynat.nat.unreachable import OURS, code_for, reason, shortage
from pynat.wire import icmp, ip, plain, tcp, versions
from pynat.wire.addresses import Address, FourTuple, end_text
from pynat.wire.ip import Packet
from pynat.wire.tcp import ACK, FIN, RST, SYN, Segment, SegmentRun

TcpEvent = TcpConnected | TcpSent | TcpWritable | TcpReceived | TcpUrgent | TcpEof | TcpFailed

# The one card that says it is ready while its ring is full. A full frame takes 6 of the 52 pages
# that Linux gives the ring, so 8 fit; 6 leave room for what other flows send.
NE2000_SPEED = 10  # Mbit/s
NE2000_SEGMENTS = 6
BULK = 16 * 1024  # bytes; a flow that keeps as many is answered behind all others
_ENDED = 4096  # flows remembered as ended
_CROSSING = 1.0  # seconds in which the guest may not know yet that a flow has ended
_WRAPS = 4  # flows
_SOON = 1024  # bytes
_BEHIND = 1 << 31  # numbers that are as far away are behind
_FAR_AHEAD = 1 << 17  # numbers; nothing of the last flow is under way there


class Ended(NamedTuple):
    used: float  # when it was, for the last time
    number: int | None  # the guest's next one, where the flow was closed
    top: int  # our next one
    told: float  # when the guest first went on, and was reset for it; -inf: it ended the flow


class TcpTable:
    flow_type: type[Flow] = Flow

    def __init__(
        self,
        config: Config,
        output: GuestOutput,
        numbers: FlowNumbers,
        to_guest_address: Callable[[bytes], bytes],
        memory: MemoryBudget,
        parameters: Callable[[Destination], Parameters | None],
    ) -> None:
        """`to_guest_address`: how the guest names a host's address (loopback is the router).

        memory: of all flows together, and of what hosts within the process keep.

        parameters: of flows to a destination, where they are its own.
        """
        self._output = output
        self._numbers = numbers
        self._settings = config.tcp
        self._usual = Parameters(config.tcp)
        self._parameters = parameters
        self._secret = output.dice.randbytes(16)
        self._mtu = config.network.mtu
        self._mac = config.network.mac  # the router's
        self._as_guest_sees = to_guest_address
        self._flows: dict[bytes, Flow] = {}  # by FourTuple.key
        self._by_number: dict[int, Flow] = {}
        self._touched: dict[Flow, None] = {}  # in the order of touching
        self._aside: list[Flow] = []  # of those touched, until all others have been answered
        self.asks = False  # one of them may want something of the host
        self._unsettled: dict[Flow, None] = {}  # in this turn, and not yet settled
        self._send_now: SendNow = _send_later
        self._lingering: dict[Flow, None] = {}  # in TIME-WAIT, the oldest first
        self._ended: dict[bytes, Ended] = {}  # by key
        self.memory = memory
        self._is_ne2000 = False
        self._wraps = config.hermetic and config.lint.enabled is not False
        self._begun = 0  # flows

    def __len__(self) -> int:
        return len(self._flows)

    def link_speed(self, megabits: int) -> None:
        """What the guest's card says of itself; decides for flows that begin from now on."""
        self._is_ne2000 = megabits == NE2000_SPEED

    def send_by(self, send: SendNow) -> None:
        """The host takes the bytes of a flow at once by it, or says None where it cannot."""
        self._send_now = send

    def move(self, mac: bytes) -> None:
        """The router has this MAC address from now on."""
        self._mac = mac

    def flows(self) -> Iterator[Flow]:
        return iter(self._flows.values())

    # ------------------------------------------------------------------ from the guest
    def run_from_guest(self, frames: list[bytes], at: int, now: float) -> int:
        """The short way of segments of an open flow: how many frames from `at` on were such.

        0 leaves the frame to `from_guest`.
        """
        flow = self._flows.get(frames[at][plain.KEY_AT])
        if flow is None or not (flow.synchronized or flow.awaits_ack):
            return 0
        found = tcp.find_run(frames, at, self._mac)
        if found is None:
            return 0
        count = found[0]
        if flow.expects(found, now):
            self._carry_on(flow, found, now, is_all=count == len(frames))
            return count
        segment = tcp.as_segment(found)
        if count > 1 and not flow.carries_on(segment):
            return 0  # what may be refused is looked at by itself
        self._to_flow(flow, segment, now)
        return count

    def _carry_on(self, flow: Flow, found: tcp.Found, now: float, *, is_all: bool) -> None:
        """is_all: nothing else has come."""
        is_alone = is_all and not self._touched
        asks = flow.carry_on(found, now)
        has_room = is_alone and self.memory.has_room(flow.receiver.held)
        if has_room and flow.pass_on(self._send_now, now) and not asks:
            self._touched[flow] = None
        else:
            self._touch(flow)

    def from_guest(self, packet: Packet, host: Destination, now: float) -> None:
        """`host` is where a new flow to this destination would really go."""
        segment = tcp.decode(packet)
        four_tuple = _four_tuple(packet, segment)
        if segment.options.malformed:
            text = f"{self._name(four_tuple)} {segment}: {segment.options.malformed}"
            self._output.notices.limited("tcp option", text, now)
        flow = self._flows.get(four_tuple.key)
        if flow is not None and flow.is_closed:  # in this very turn
            self._flush(flow, now)
            flow = None
        if flow is not None and self._is_restart(flow, segment):
            self._supersede(flow, "the guest opened the same connection anew", now)
            flow = None
        if flow is not None:
            self._to_flow(flow, segment, now)
        elif segment.flags & (SYN | ACK | RST) == SYN:
            self._open(four_tuple, packet, segment, host, now)
        else:
            self._no_flow(four_tuple, segment, now)

    def _to_flow(self, flow: Flow, segment: Segment, now: float) -> None:
        if flow.filter is not None and not flow.filter.from_guest(segment):
            end = wrap(segment.seq + segment.length)
            self._output.notices.bad_wire.sent(flow.four_tuple.key, end)
            return
        refusal = flow.from_guest(segment, now)
        if refusal and not self._is_excused(flow, segment, refusal):
            text = f"{self._name(flow.four_tuple)} {segment}: {refusal.why}, in {flow.state.value}"
            self._output.notices.drop(refusal.rule, text, now, count=segment.count)
        if flow.unanswered:
            text = f"{self._name(flow.four_tuple)} {segment}: too many of this kind (RFC 5961 7)"
            count = flow.tell_unanswered()
            self._output.notices.drop(rules.net.ANSWER_RATE, text, now, count=count)

    def _is_excused(self, flow: Flow, segment: Segment, refusal: Refusal) -> bool:
        if flow.answers_old_syn(segment):
            return True
        if refusal.rule is rules.tcp.DUPLICATE:
            known = self._output.notices.known_acks(flow.four_tuple.key)
            return flow.may_cross(segment, known)
        if refusal.rule is rules.tcp.RESET_BESIDE:
            return self._is_of_the_old(flow, segment) or self._is_at_its_next(flow, segment)
        is_ack = refusal.rule is rules.tcp.ACK_OF_NOTHING
        return is_ack and flow.awaits_guest and self._is_in_time_wait(flow, segment)

    def _is_in_time_wait(self, flow: Flow, ack: Segment) -> bool:
        """It answers our SYN by what it has from the flow with the same ends before this one, as
        who does not give its port to another one before its time (RFC 9293 3.10.7.4)."""
        ended = self._ended.get(flow.four_tuple.key)
        is_bare = ack.flags & (SYN | FIN | RST) == 0 and not ack.payload
        return is_bare and ended is not None and ended.top == ack.ack

    def _is_of_the_old(self, flow: Flow, reset: Segment) -> bool:
        """An RST at the number at which the flow with the same ends before this one has ended: who
        opens this one owes it to the last acknowledgement of that (RFC 9293 3.10.7.3)."""
        ended = self._ended.get(flow.four_tuple.key)
        return ended is not None and ended.number == reset.seq

    def _is_at_its_next(self, flow: Flow, reset: Segment) -> bool:
        """Of the guest's numbers, where not all before it has come; or at one that a bad wire has
        acknowledged late."""
        key = flow.four_tuple.key
        sent = self._output.notices.bad_wire.sent_up_to(key)
        return flow.is_next(reset.seq, sent) or self._knew_ack(key, reset.seq)

    def _knew_ack(self, key: bytes, ack: int) -> bool:
        return self._output.notices.knew_ack(key, ack)

    def knows(self, packet: Packet) -> bool:
        """Whether the segment belongs to a flow."""
        return packet.source + packet.destination + bytes(packet.payload[:4]) in self._flows

    def refuse(self, packet: Packet, now: float) -> None:
        """RST for a segment to a port where nothing of ours listens."""
        segment = tcp.decode(packet)
        if not segment.flags & RST:
            self._send(_four_tuple(packet, segment), reset_for(segment), now)

    def _is_restart(self, flow: Flow, segment: Segment) -> bool:
        if segment.flags & (SYN | ACK | RST) != SYN or flow.awaits_guest:
            return False
        return flow.receiver.irs != segment.seq

    def reset_guest(self, now: float) -> None:
        """Its machine was. What it has not answered yet waits for the one that comes."""
        for flow in list(self._flows.values()):
            if not flow.awaits_guest:
                self._supersede(flow, "the guest was reset", now)
        self._ended.clear()

    def _supersede(self, flow: Flow, why: str, now: float) -> None:
        if flow.is_lingering:
            flow.close("closed", now)
        else:
            flow.reset(why, now)
            self._say_closed(flow, now)
        flow.to_guest(now)  # an RST that nobody is there for any more
        self._remove(flow)

    def _open(
        self, four_tuple: FourTuple, packet: Packet, syn: Segment, host: Destination, now: float
    ) -> None:
        if not self._has_room(now):
            self._send(four_tuple, reset_for(syn), now)
            return
        flow = self._new(four_tuple, now, self._parameters(host) or self._usual)
        flow.open_from_guest(syn, packet.quote, host, now)
        if flow.is_held:
            self._output.time_hold.expect(flow, now)

    def _no_flow(self, four_tuple: FourTuple, segment: Segment, now: float) -> None:
        is_late = self._comes_late(four_tuple, segment, now)
        if not is_late:
            self._say_no_flow(four_tuple, segment, now)
        if not segment.flags & RST:
            queued = self._output.queued
            self._send(four_tuple, reset_for(segment), now)
            if is_late:
                self._output.comment(
                    queued, "the guest may not know yet that the connection has ended"
                )

    def _comes_late(self, four_tuple: FourTuple, segment: Segment, now: float) -> bool:
        """Whether the guest cannot know yet that the flow has ended, or answers what came late of
        it: rightly by RST, or, where it is in TIME-WAIT, by an acknowledgement.
        """
        ended = self._ended.get(four_tuple.key)
        if ended is None:
            return False
        if ended.number is None and self._output.notices.hides_reset():
            return True
        if now - ended.used > TIME_WAIT:
            return False
        flags = segment.flags & (SYN | FIN | RST | ACK)
        is_last = flags == ACK and segment.seq == ended.number and not segment.payload
        if flags & RST or is_last:
            return True
        if ended.number is not None:
            return False  # the guest has closed it, too
        if ended.told == math.inf:
            self._ended[four_tuple.key] = ended._replace(told=now)
        return now - ended.told < _CROSSING

    def _say_no_flow(self, four_tuple: FourTuple, segment: Segment, now: float) -> None:
        text = f"{self._name(four_tuple)} {segment}: no such connection, expected a SYN"
        self._output.notices.drop(rules.tcp.NO_FLOW, f"{text} (RFC 9293 3.10.7.1)", now)

    # ------------------------------------------------------------------ from the host
    def from_host(self, event: TcpEvent, now: float) -> None:
        flow = self._by_number.get(event.flow)
        if flow is None or flow.is_closed:
            return  # the event crossed our CloseFlow
        match event:
            case TcpConnected():
                flow.on_connected(now)
                self._output.time_hold.answered(flow)
                if flow.is_held:
                    self._output.time_hold.carried(flow, now)
                self._say(flow, "opened", now)
            case TcpSent():
                flow.on_sent(event.count, event.room, now)
            case TcpWritable():
                flow.on_writable(event.room)
            case TcpReceived():
                flow.on_received(event.data, now)
            case TcpUrgent():
                flow.on_urgent()
            case TcpEof():
                flow.on_eof()
            case TcpFailed():
                self._on_failed(flow, event, now)
            case never:
                assert_never(never)

    def incoming(self, event: TcpIncoming, guest: Address, router: bytes, now: float) -> None:
        """A host program has connected to a forward: SYN to the guest, seen from the router."""
        if not self._has_room(now):
            return  # the host side resets what nobody adopts
        four_tuple = FourTuple(guest, (router, event.peer[1]))
        while four_tuple.key in self._flows:
            port = self._output.dice.randrange(1024, 65536)
            four_tuple = FourTuple(guest, (router, port))
        flow = self._new(four_tuple, now, self._usual)
        flow.open_from_host(now, is_probe=event.is_probe)
        self._output.ask(TcpAdopt(event.token, flow.number))
        self._output.time_hold.carried(flow, now)
        self._say(flow, "opened by a host program", now)

    def unhold(self, number: int) -> None:
        """Nobody outside has part in this flow: guest time need not be held for it."""
        flow = self._by_number.get(number)
        if flow is not None:
            flow.unhold()
        self._output.time_hold.release(number if flow is None else flow)  # it may be one of UDP

    def _on_failed(self, flow: Flow, event: TcpFailed, now: float) -> None:
        number = event.errno
        connecting = flow.is_connecting
        is_path = isinstance(flow.leads_to, Command | UnixPath)
        why = f"{flow.leads_to}: {reason(number)}" if is_path else reason(number)
        flow.on_failed(why, now)
        if not connecting:
            return
        if number in OURS:
            self._output.notices.drop(rules.net.HOST_SOCKETS, shortage(number), now, Level.ERROR)
        if number in {errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOENT} | OURS:
            (_, port), (_, remote_port) = flow.four_tuple
            rst = Segment(remote_port, port, 0, wrap(flow.receiver.nxt), RST | ACK, 0)
            self._send(flow.four_tuple, rst, now)
        else:
            kind, code = event.icmp or (icmp.UNREACHABLE, code_for(number))
            sender = event.offender and self._as_guest_sees(event.offender)
            self._output.send_error(kind, code, flow.syn_quote, now, sender=sender)

    # ------------------------------------------------------------------ once a turn
    def set_bulk_aside(self, others: int) -> bool:
        """Flows that keep much, until `take_bulk_up`. Whether there are such, and anybody else.

        others: frames of others that wait.
        """
        if len(self._touched) + others < 2:
            return False
        bulk = [flow for flow in self._touched if flow.kept >= BULK]
        if not others and len(bulk) == len(self._touched):
            return False
        self._aside = bulk
        for flow in bulk:
            del self._touched[flow]
        return bool(bulk)

    def is_bulk(self, key: bytes) -> bool:
        """Whether the flow of that `FourTuple.key` keeps much."""
        flow = self._flows.get(key)
        return flow is not None and flow.kept >= BULK

    def take_bulk_up(self) -> None:
        aside, self._aside = self._aside, []
        for flow in aside:
            self._touch(flow)

    def to_host(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if not self.asks and not self.memory.is_short:
            return actions
        self._divide_memory(now)
        for flow in list(self._touched):
            actions += flow.to_host(self.memory.share, now)
        return actions

    def _divide_memory(self, now: float) -> None:
        memory = self.memory
        for flow in self._touched:
            if flow.number in self._by_number and (grown := flow.growth()):  # else it is gone
                memory.charge(grown)
        was_short = memory.is_short
        if memory.divide(len(self._flows)):
            self._touched |= dict.fromkeys(self._flows.values())
        if memory.is_short is was_short:
            return
        limit = f"{memory.limit >> 20} MiB (tcp.memory)"
        text = f"memory is no longer short: {memory.used >> 10} KiB of {limit} are in use"
        if memory.is_short:
            text = (
                f"{len(self._flows)} flows hold {memory.used >> 10} KiB, half of {limit}:"
                f" from now on each may hold {memory.share >> 10} KiB in each direction"
            )
        self._output.notices.limited("tcp memory short", text, now)

    def to_guest(self, now: float) -> None:
        """What flows have for the guest; `settle` follows."""
        self._unsettled, self._touched, self.asks = self._touched, {}, False
        for flow in self._unsettled:
            self._answer(flow, now)

    def settle(self, now: float) -> None:
        """Timers and holds, and the end of those that are over."""
        unsettled, self._unsettled = self._unsettled, {}
        for flow in unsettled:
            self._settle(flow, now)

    def _flush(self, flow: Flow, now: float) -> None:
        self._answer(flow, now)
        self._settle(flow, now)

    def _answer(self, flow: Flow, now: float) -> None:
        items = flow.to_guest(now)
        if flow.filter is None:
            for item in items:
                self._send_item(flow, item, now)
        elif items:
            self._send_filtered(flow, flow.filter, items, now)

    def _send_item(self, flow: Flow, item: Item, now: float) -> None:
        if isinstance(item, Segment):
            self._send(flow.four_tuple, item, now)
            return
        (guest, _), (remote, _) = flow.four_tuple
        queued = self._output.queued if item.why else 0
        run = tcp.encode_run(remote, guest, item)
        self._output.send_run(remote, guest, ip.TCP, run, now)
        if item.why:
            self._output.comment(queued, item.why)
            self._say_again(flow, item, now)

    def _send_filtered(self, flow: Flow, by: Filter, items: list[Item], now: float) -> None:
        for item, comment in by.to_guest(items, flow.bytes_from_guest):
            queued = self._output.queued
            self._send_item(flow, item, now)
            if comment:
                self._output.comment(queued, comment)

    def _settle(self, flow: Flow, now: float) -> None:
        hold = self._output.time_hold
        if flow.why_closed and not flow.told_closed:
            self._say_closed(flow, now)
        if flow.is_closed:
            self._remove(flow)
            return
        if flow.is_lingering:
            self._lingering[flow] = None
        self._output.timers.set(flow, flow.next_timer())
        if not flow.is_held or flow.is_connecting:
            return
        if flow.is_guests_turn:
            hold.release(flow)
            return
        hold.carried(flow, flow.idle.last)
        if flow.answer_due:
            hold.expect(flow, now)
        else:
            hold.answered(flow)

    # ------------------------------------------------------------------ flows come and go
    def _new(self, four_tuple: FourTuple, now: float, parameters: Parameters) -> Flow:
        offset = self._offset(four_tuple)
        settings = parameters.tcp
        isn = settings.isn
        if isn is None:
            isn = self._ahead(four_tuple.key, self._initial_number(offset, now))
        mss = self._mss(four_tuple)
        negotiated = NegotiatedOptions(settings, min(settings.mss or mss, mss), offset)
        idle = IdleTimeout(self._output.wall, settings.idle)
        watch = self._say_state if self._output.notices.verbose else None
        flight = NE2000_SEGMENTS * mss if self._is_ne2000 else None
        number = self._numbers.next()
        flow = self.flow_type(
            number, four_tuple, isn, negotiated, parameters, self._touch, idle, watch, flight
        )
        self._flows[four_tuple.key] = flow
        self._output.notices.bad_wire.begin(four_tuple.key)
        self._by_number[flow.number] = flow
        return flow

    def _initial_number(self, offset: int, now: float) -> int:
        self._begun += 1
        if self._wraps and self._begun % _WRAPS == 2:
            return wrap(-1 - offset % _SOON)
        return wrap(int(now * 250_000) + offset)

    def _ahead(self, key: bytes, number: int) -> int:
        """Of all numbers of the last flow with these ends, which the guest may still have in
        TIME-WAIT (RFC 6191 2)."""
        ended = self._ended.get(key)
        if ended is None or 0 < wrap(number - ended.top) < _BEHIND:
            return number
        return wrap(ended.top + _FAR_AHEAD)

    def _mss(self, four_tuple: FourTuple) -> int:
        """The longest segment that is let through (RFC 6691)."""
        header = versions.of(four_tuple.guest[0]).HEADER_SIZE
        return self._settings.mss or self._mtu - header - tcp.HEADER_SIZE

    def _remove(self, flow: Flow) -> None:
        if self._by_number.pop(flow.number, None) is None:
            return
        del self._flows[flow.four_tuple.key]
        self._remember(flow)
        if not flow.is_probe:
            self._numbers.gone(flow.number, flow.why_closed, lambda: tcp_row(flow, flow.idle.last))
        self._lingering.pop(flow, None)
        self.memory.charge(-flow.counted)
        self._output.timers.set(flow, None)
        self._output.time_hold.release(flow)

    def _remember(self, flow: Flow) -> None:
        while len(self._ended) >= _ENDED:
            del self._ended[next(iter(self._ended))]
        is_closed = flow.receiver.fin and flow.sender.fin_acked
        number = wrap(flow.receiver.nxt) if is_closed else None
        told = -math.inf if flow.is_given_up else math.inf
        top = wrap(flow.sender.top)
        self._ended[flow.four_tuple.key] = Ended(flow.idle.last, number, top, told)

    def _touch(self, flow: Flow) -> None:
        self._touched[flow] = None
        self.asks = True

    def _has_room(self, now: float) -> bool:
        """For one more flow; the one that has been in TIME-WAIT for longest makes room."""
        if len(self._flows) < self._settings.flows:
            return True
        if not self._lingering:
            text = f"{self._settings.flows} are open already (tcp.flows)"
            self._output.notices.drop(rules.net.TCP_FLOWS, text, now)
            return False
        oldest = next(iter(self._lingering))
        self._output.notices.limited(
            "tcp flow evicted",
            lambda: f"{self._name(oldest.four_tuple)}: left TIME-WAIT early for another",
            now,
        )
        oldest.close("closed", now)
        self._remove(oldest)
        return True

    def _offset(self, four_tuple: FourTuple) -> int:
        """A keyed hash of the connection's ends, added to the 4-microsecond clock (RFC 6528 3)."""
        digest = hashlib.blake2s(four_tuple.key, key=self._secret, digest_size=4).digest()
        return int.from_bytes(digest, "big")

    def _send(self, four_tuple: FourTuple, segment: Segment, now: float) -> None:
        (guest, _), (remote, _) = four_tuple
        data = tcp.encode(remote, guest, segment)
        self._output.send_whole(remote, guest, ip.TCP, data, now)

    def _name(self, four_tuple: FourTuple) -> str:
        guest, remote = map(end_text, four_tuple)
        return f"tcp {guest} > {remote}"

    def _say_again(self, flow: Flow, run: SegmentRun, now: float) -> None:
        """`retransmission 2 of 1:1461, RTO 800 ms`"""
        start = wrap(run.head.seq - flow.sender.iss)
        length = run.length + bool(run.last_flags & (SYN | FIN))
        what, comma, rest = run.why.partition(",")
        text = f"{self._name(flow.four_tuple)}: {what} of {start}:{start + length}{comma}{rest}"
        self._output.notices.limited("tcp again", text, now)

    def _say_closed(self, flow: Flow, now: float) -> None:
        flow.tell_closed()
        self._say(flow, lambda: _closing(flow), now)

    def _say_state(self, flow: Flow, before: State, now: float) -> None:
        text = f"{self._name(flow.four_tuple)}: {before.value} -> {flow.state.value}"
        self._output.notices.limited("tcp state", text, now, Level.DEBUG, FLOW_RATE)

    def _say(self, flow: Flow, what: str | Callable[[], str], now: float) -> None:
        """Most is held back, so the words are made when they are wanted."""

        def text() -> str:
            said = what if isinstance(what, str) else what()
            return f"{self._name(flow.four_tuple)}: {said}"

        if not flow.is_probe:
            self._output.notices.limited("tcp flow", text, now, rate=FLOW_RATE)


def _closing(flow: Flow) -> str:
    if not flow.bytes_from_guest and not flow.bytes_from_host:
        return flow.why_closed
    carried = f"{flow.bytes_from_guest} bytes from the guest, {flow.bytes_from_host} to it"
    if flow.sender.buffered:
        carried += f", {flow.sender.buffered} of them not acknowledged"
    return f"{flow.why_closed} after {carried}"


def _send_later(_flow: int, _data: bytes) -> None:
    """For a host that is only ever asked."""


def _four_tuple(packet: Packet, segment: Segment) -> FourTuple:
    return FourTuple((packet.source, segment.source), (packet.destination, segment.destination))
