"""What each peer of the zoo is there for (docs/peers.md): a right guest gets along with it. One
with a mistake, which gets along with an ordinary host, does not, or the linter names the mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest

from pynat.config import Config
from pynat.config.peers import ZOO, zoo
from pynat.faults.segments import EXTRA_ACKS
from pynat.faults.servers import generated
from pynat.faulty_host import PAGE_SIZE, FaultyHost, Misbehavior
from pynat.testing.linted import LintedLab
from pynat.testing.simguest import ISS, RTO, SimGuest, Wire
from pynat.wire import tcp
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import ACK, RST, SYN, Segment

REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ORDINARY = FaultyHost(IPv4Address("192.0.2.66"), 0, Misbehavior(), "ordinary.test")
HOSTS = (*zoo(), ORDINARY)
ADDRESSES = {
    faulty_host.name.removesuffix(".test"): faulty_host.address.packed for faulty_host in HOSTS
}
DISCARD, WEB = 9, 80
LINGER = 10.0  # seconds


class Guest(SimGuest):
    """One that does it all right."""

    stamped = False

    def __init__(self, name: str, port: int, outgoing: bytes) -> None:
        lab = LintedLab(Config(peers=HOSTS))
        super().__init__(lab, Wire(), 1, outgoing, selective=True, stamped=self.stamped)
        self.remote, self.port = ADDRESSES[name], port
        self.sizes: list[int] = []  # of the segments that it sends

    @property
    def linted(self) -> LintedLab:
        assert isinstance(self.lab, LintedLab)
        return self.lab

    def live(self, seconds: float = 100.0) -> None:
        """Until both ends are done, and nothing is under way."""
        while (self._air or not self.done) and self.lab.now < seconds:
            self.step()

    @property
    def has_page(self) -> bool:
        head, _, page = bytes(self.incoming).partition(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.0 200 OK") and page == generated(0, PAGE_SIZE)

    def _send(self, at: int, flags: int, data: bytes = b"") -> None:
        if data:
            self.sizes.append(len(data))
        super()._send(at, flags, data)


class Stamped(Guest):
    """Whose timestamps protect against wrapped numbers (RFC 7323 5)."""

    stamped = True

    def _segment(self, segment: Segment) -> None:
        stamps = segment.options.timestamps
        if stamps is not None and (stamps[0] - self._stamp) % 2**32 >= 2**31:
            self._send(self._sent + self._our_fin_sent, ACK)
        else:
            super()._segment(segment)


# ---------------------------------------------------------------------- one mistake each
class NeverResends(Guest):
    """Nothing is sent again."""

    def _on_timer(self) -> None:
        if self.state == "SYN-SENT" and self._timer == self.lab.now == 1.0:
            super()._on_timer()
        else:
            self._timer = self.lab.now + RTO


class NeverProbes(Guest):
    """It waits for the window to open, and asks nobody."""

    def _push(self, *, least: int = 0) -> None:
        super()._push()


class IgnoresTheWindow(Guest):
    def _established(self, segment: Segment) -> None:
        super()._established(replace(segment, window=65_535))

    def _segment(self, segment: Segment) -> None:
        super()._segment(replace(segment, window=65_535))


class FixedHeader(Guest):
    """A TCP header has 20 bytes, it thinks."""

    def _decode(self, packet: Ipv4) -> Segment:
        segment = super()._decode(packet)
        return segment if segment.flags & SYN else replace(segment, payload=packet.payload[20:])


class OwnMss(Guest):
    """Its own MSS is everybody's."""

    def _established(self, segment: Segment) -> None:
        self._mss = 1000
        super()._established(segment)


class StopsAtUnknown(Guest):
    """Behind an option that it does not know it reads no more."""

    def _on_syn(self, syn: Segment) -> None:
        super()._on_syn(replace(syn, options=tcp.NO_OPTIONS))


class StepsOverOneByte(Guest):
    """It leaves out the kind of an option that it does not know, and not the option."""

    def _decode(self, packet: Ipv4) -> Segment:
        segment = super()._decode(packet)
        block = bytes(packet.payload[20 : (packet.payload[12] >> 4) * 4])
        if segment.flags & SYN and b"\xfd\x06" in block:
            known = tcp.decode_options(memoryview(block.replace(b"\xfd\x06", b"\1\1")))
            return replace(segment, options=known)
        return segment


class LoopsForEver(Guest):
    """It goes on by the length of an option, whatever that is."""

    def _decode(self, packet: Ipv4) -> Segment:
        segment = super()._decode(packet)
        if "length 0" in segment.options.malformed:
            self._receive = lambda frame: None  # type: ignore[method-assign]
            self._on_timer = lambda: setattr(self, "_timer", 1e9)  # type: ignore[method-assign]
        return segment


class AlignedOptions(Guest):
    """It looks for the MSS where all others have it."""

    def _decode(self, packet: Ipv4) -> Segment:
        segment = super()._decode(packet)
        if segment.flags & SYN:
            place = int.from_bytes(packet.payload[22:24], "big")
            return replace(segment, options=segment.options._replace(mss=place))
        return segment


class WantsASynAck(Guest):
    """A SYN is no answer to its own."""

    def _on_syn(self, syn: Segment) -> None:
        if syn.flags & ACK:
            super()._on_syn(syn)


class ResetsASyn(Guest):
    """A SYN that is no answer belongs to no connection, it thinks."""

    def _on_syn(self, syn: Segment) -> None:
        if syn.flags & ACK:
            super()._on_syn(syn)
        else:
            self._their_isn = syn.seq
            self._send(-1 - ISS, RST | ACK)  # number 0


class WantsABareReset(Guest):
    """It takes no RST that carries data."""

    def _on_reset(self, segment: Segment) -> None:
        if not segment.payload:
            super()._on_reset(segment)


class ForgetsWhatItSent(Guest):
    """After a time-out it takes acknowledgements of what it has sent since, and of nothing else."""

    def _on_timer(self) -> None:
        if self.state != "ESTABLISHED":
            super()._on_timer()
            return
        self._timer = self.lab.now + RTO
        data = self.outgoing[self._una : self._una + self._mss]
        self._sent = self._una + len(data)
        self._send(self._una, ACK, data)

    def _segment(self, segment: Segment) -> None:
        acked = (segment.ack - ISS - 1) % 2**32
        if acked > self._sent + self._our_fin_sent * (self._sent == len(self.outgoing)):
            self._send(self._sent, ACK)
        else:
            super()._segment(segment)


class BelievesDSack(Guest):
    """Where the SACK blocks begin, it goes on."""

    def _segment(self, segment: Segment) -> None:
        super()._segment(segment)
        for start, _ in segment.options.sack:
            self._sent = (start - ISS - 1) % 2**32
            self._push()


class TakesOldStamps(Guest):
    """It sends timestamps and looks at none."""

    stamped = True


class SendsStampsAnyway(TakesOldStamps):
    """Whether the other end does or not."""


class BacksOff(Guest):
    """It waits for a second (RFC 6298 2), and longer each time."""

    wait = 1.0

    def _on_timer(self) -> None:
        super()._on_timer()
        self._timer = self.lab.now + self.wait
        self.wait *= 2

    def _segment(self, segment: Segment) -> None:
        super()._segment(segment)
        self._timer = self.lab.now + self.wait


class GivesUpAtOnce(Guest):
    """What comes later than a second is none of its business."""

    def _receive(self, frame: bytes) -> None:
        if self.lab.now < 2 or self.state != "SYN-SENT":
            super()._receive(frame)


class HearsNoReset(Guest):
    def _on_reset(self, segment: Segment) -> None:
        pass


class GivesUpAtShrink(Guest):
    """Who takes window back has broken the rules, and is reset."""

    edge = 0

    def _segment(self, segment: Segment) -> None:
        edge = (segment.ack - ISS - 1) % 2**32 + segment.window
        if edge < self.edge:
            self._send(self._sent, RST)
            self.reset = True
            return
        self.edge = edge
        super()._segment(segment)


class StopsAtFin(Guest):
    """When the other end has closed, the connection is over, it thinks."""

    def _push(self, *, least: int = 0) -> None:
        if not self._their_fin:
            super()._push(least=least)


class DropsSingleBytes(Guest):
    """A segment of one byte is a probe, it thinks, and no data."""

    def _segment(self, segment: Segment) -> None:
        single = len(segment.payload) == 1
        super()._segment(replace(segment, payload=b"") if single else segment)


class TakesAsItComes(Guest):
    """It looks at no sequence number."""

    def _keep(self, segment: Segment, at: int) -> None:
        super()._keep(segment, len(self.incoming))


class TakesWhole(Guest):
    """Of a segment with something new it takes all."""

    def _keep(self, segment: Segment, at: int) -> None:
        is_new = at <= len(self.incoming) < at + len(segment.payload)
        super()._keep(segment, len(self.incoming) if is_new else at)


class ComparesPlainly(Guest):
    """The greater of two sequence numbers is the later one, it thinks."""

    def _segment(self, segment: Segment) -> None:
        if segment.seq >= self._their_isn:
            super()._segment(segment)


class ResendsAtDuplicates(Guest):
    """A third duplicate acknowledgement is a loss, also of what has been acknowledged."""

    duplicates = 0

    def _segment(self, segment: Segment) -> None:
        before = self._una
        super()._segment(segment)
        self.duplicates = self.duplicates + 1 if self._una == before else 0
        if self.duplicates == EXTRA_ACKS:
            self._send(before - self._mss, ACK, self.outgoing[before - self._mss : before])


class FixedTimeOut(Guest):
    """It sends again after half a second, whatever the round trip is."""


class ChecksTheSynAck(Guest):
    """It resets what acknowledges anything but its SYN (RFC 9293 3.10.7.3)."""

    def _on_syn(self, syn: Segment) -> None:
        if syn.ack == ISS + 1:
            super()._on_syn(syn)
        else:
            self._send(syn.ack - ISS - 1, RST)


class BelievesTheSynAck(Guest):
    """Its data begin where the SYN-ACK says."""

    def _on_syn(self, syn: Segment) -> None:
        self._una = self._sent = syn.ack - ISS - 1
        super()._on_syn(syn)


class Lingers(Guest):
    """It answers for a while when both ends have closed."""

    @property
    def done(self) -> bool:
        return super().done and self.lab.now > LINGER


class ForgetsAtOnce(Lingers):
    """Behind the end it knows no connection."""

    def _segment(self, segment: Segment) -> None:
        if self._our_fin_acked and self._their_fin:
            self._send(segment.ack - ISS - 1, RST)
        else:
            super()._segment(segment)


# ---------------------------------------------------------------------- who meets whom
def finding(code: str) -> Callable[[Guest], bool]:
    return lambda guest: guest.linted.found[code] > 0


def without_page(guest: Guest) -> bool:
    return not guest.has_page


def never_done(guest: Guest) -> bool:
    return not guest.done


def in_bits(guest: Guest) -> bool:
    return max(guest.sizes) <= 64


def resends(guest: Guest) -> bool:
    return sum(guest.sizes) > len(guest.outgoing)


def has_page(guest: Guest) -> bool:
    return guest.has_page


def done(guest: Guest) -> bool:
    return guest.done


def reset(guest: Guest) -> bool:
    return guest.reset


def anything(guest: Guest) -> bool:
    return True


@dataclass(frozen=True)
class Meeting:
    name: str
    mistaken: type[Guest]
    shows: Callable[[Guest], bool]
    right: type[Guest] = Guest
    port: int = WEB
    outgoing: bytes = REQUEST
    ends: Callable[[Guest], bool] = has_page  # with a right guest


LONG = REQUEST + bytes(5000)
MUCH = bytes(5000)
MEETINGS = (
    Meeting("refuse", HearsNoReset, never_done, ends=reset),
    Meeting("blackhole", Guest, finding("TCP072"), right=BacksOff, ends=anything),
    Meeting("silent", Guest, finding("TCP072"), right=BacksOff, outgoing=LONG, ends=anything),
    Meeting("late", GivesUpAtOnce, without_page),
    Meeting("reset", HearsNoReset, never_done, outgoing=LONG, ends=reset),
    Meeting("resetfin", HearsNoReset, never_done, port=DISCARD, outgoing=MUCH, ends=reset),
    Meeting("zerowindow", NeverProbes, finding("TCP052")),
    Meeting("zerowindow", IgnoresTheWindow, finding("TCP051")),
    Meeting("smallwindow", IgnoresTheWindow, finding("TCP050"), outgoing=LONG),
    Meeting("shrink", GivesUpAtShrink, reset, port=DISCARD, outgoing=bytes(40_000), ends=done),
    Meeting("halfclose", StopsAtFin, never_done, port=DISCARD, outgoing=bytes(99_999), ends=done),
    Meeting("tinymss", OwnMss, finding("TCP053"), outgoing=LONG),
    Meeting("plain", SendsStampsAnyway, finding("TCP091")),
    Meeting("onebyte", DropsSingleBytes, never_done, ends=done),
    Meeting("reorder", TakesAsItComes, without_page),
    Meeting("duplicate", TakesAsItComes, without_page),
    Meeting("overlap", TakesWhole, without_page),
    Meeting("wrap", ComparesPlainly, without_page),
    Meeting(
        "lateack",
        FixedTimeOut,
        resends,
        right=BacksOff,
        port=DISCARD,
        outgoing=bytes(99_999),
        ends=done,
    ),
    Meeting("noack", NeverResends, without_page),
    Meeting("dupack", ResendsAtDuplicates, resends, port=DISCARD, outgoing=MUCH, ends=done),
    Meeting("badsynack", BelievesTheSynAck, without_page, right=ChecksTheSynAck),
    Meeting("badsynack", BelievesTheSynAck, finding("TCP047"), right=ChecksTheSynAck),
    Meeting("simultaneous", WantsASynAck, finding("TCP123")),
    Meeting("simultaneous", ResetsASyn, finding("TCP123")),
    Meeting("nomss", OwnMss, finding("TCP053"), outgoing=LONG),
    Meeting("unknown", StopsAtUnknown, finding("TCP053"), outgoing=LONG),
    Meeting("unknown", StepsOverOneByte, in_bits, outgoing=LONG),
    Meeting("illegal", LoopsForEver, never_done),
    Meeting("shifted", AlignedOptions, finding("TCP053"), outgoing=LONG),
    Meeting("dataoptions", FixedHeader, without_page),
    Meeting("resettext", WantsABareReset, never_done, ends=reset),
    Meeting("crossedack", ForgetsWhatItSent, never_done, port=DISCARD, outgoing=MUCH, ends=done),
    Meeting("dsack", BelievesDSack, resends, port=DISCARD, outgoing=MUCH, ends=done),
    Meeting("oldstamps", TakesOldStamps, without_page, right=Stamped),
    Meeting(
        *("finagain", ForgetsAtOnce, finding("TCP109")),
        right=Lingers,
        port=DISCARD,
        ends=done,
    ),
)
NAMES = [f"{one.name}-{one.mistaken.__name__}" for one in MEETINGS]
# An ICMP error is no more than a hint, a FIN may never come, the urgent byte is a matter of taste.
LET_ALL_PASS = {"unreachable", "neverclose", "urgent", "echo", "discard", "daytime", "chargen"}


def test_every_animal_shows_something() -> None:
    assert {one.name for one in MEETINGS} | LET_ALL_PASS == set(ZOO)


@pytest.mark.parametrize("one", MEETINGS, ids=NAMES)
def test_a_right_guest_gets_everything(one: Meeting) -> None:
    guest = one.right(one.name, one.port, one.outgoing)
    guest.live()
    assert one.ends(guest)
    assert not one.shows(guest)


@pytest.mark.parametrize("one", MEETINGS, ids=NAMES)
def test_a_mistake_shows(one: Meeting) -> None:
    guest = one.mistaken(one.name, one.port, one.outgoing)
    guest.live()
    assert one.shows(guest)


@pytest.mark.parametrize("one", MEETINGS, ids=NAMES)
def test_it_shows_at_no_ordinary_host(one: Meeting) -> None:
    guest = one.mistaken("ordinary", one.port, one.outgoing)
    guest.live()
    assert guest.done
    assert not one.shows(guest)
