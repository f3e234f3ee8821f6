"""What a guest does with ARP that is legal but wrong (RFC 826, RFC 1122 2.3.2, RFC 5227).

Of each address that the guest uses, and of each one it asks for, a little is kept; the ones heard
of first make room. The other side may be more than one host, and the guest may have several
addresses and cards behind it. Requests count against a guest only once it has used the address.

How it takes an address (RFC 5227) is followed in `arp_claim.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from pynat.lint.arp_claim import Claim, Conflicts
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.owned import Owned
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.rules import Rule
from pynat.rules import arp as rules
from pynat.rules.occasions import Occasion
from pynat.wire import arp, ethernet, ipv4, mistakes
from pynat.wire.addresses import is_host
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import Ipv4, dotted

MAX_ADDRESSES = 1024  # addresses, of each kind
UNANSWERED = 2  # requests in a row that a guest which is awake may leave so
LATE = 1.5  # seconds; after two to all the third may go to its card alone, a second later
PATIENCE = 1.0  # seconds that an answer may take
AWAKE = 10.0  # seconds after the last of these requests in which it must be heard of; or its reply
TURNED = 2  # requests in a row where replies are due
ASKERS = 256  # hosts of a net that ask at once
OFTEN = 4  # requests in a second; RFC 1122 has one, boot ROMs begin with three
DEAF = 2  # requests to the card alone that are answered, behind others that are not
IN_VAIN = 4  # replies in a row after which the guest asked again, and sent nothing
NOTICED = 0.1  # seconds until a guest has taken a reply for certain
LOCKED = 1.5  # seconds in which a guest may keep what it has just learned
TAKEN = 2.0  # seconds until it has taken an announcement for certain
OFTEN_TOLD = 60.0  # seconds; what follows of it is told as that
_NEVER = 1 << 30
ZERO = bytes(4)
NOBODY = bytes(6)
_LINK_LOCAL = bytes((169, 254))  # RFC 3927 2.5 wants replies to all there


@dataclass(slots=True)
class _Address:
    """One that the guest uses or wants to use."""

    asked: deque[Span] = field(default_factory=lambda: deque(maxlen=16))  # and has not answered
    unheard: int = 0  # requests to all, since the last answer
    direct: bool = False  # the last request went to its card alone
    deaf: int = 0  # times that such a one was answered, and those to all before it were not
    turned: int = 0  # requests to who had asked, instead of replies
    last_asked: Span = NEVER
    awake: Span | None = None  # its last reply; what it left unanswered before that is lost
    askers: deque[Arp] = field(default_factory=lambda: deque(maxlen=ASKERS))  # without a reply
    replied: bool = False  # since it was asked last
    introduced: bool = False  # probed for or announced
    used: bool = False
    claim: Claim = field(default_factory=Claim)


@dataclass(slots=True)
class _Wanted:
    """One that the guest asks for."""

    lately: deque[Span] = field(default_factory=lambda: deque(maxlen=OFTEN))
    answered: Span | None = None  # its last request
    mac: bytes = b""  # the answer
    in_vain: int = 0  # answers that had no effect


@dataclass(slots=True)
class _Moved:
    """An address of another host's that has been announced from another card."""

    address: bytes
    mac: bytes
    when: Span
    told: Span = NEVER


class ArpChecker:
    def __init__(self, net: IPv4Network, tally: Tally, owned: Owned) -> None:
        self._tally = tally
        self._owned = owned
        self.adopt(net)
        self._heard: set[bytes] = set()  # MAC addresses from which something came
        self._addresses = Bounded[bytes, _Address](MAX_ADDRESSES)
        self._wanted = Bounded[bytes, _Wanted](MAX_ADDRESSES)
        self._waits = Bounded[bytes, _Wanted](
            MAX_ADDRESSES
        )  # by MAC: whose reply had no effect yet
        self._macs = Bounded[bytes, tuple[bytes, Span]](MAX_ADDRESSES)  # by address; last heard
        self._moved = Bounded[bytes, _Moved](MAX_ADDRESSES)  # by MAC address before
        # What is to be forgotten when a guest begins anew: those that were asked for, answers.
        self._asked = Bounded[bytes, _Address](MAX_ADDRESSES)
        self._answered = Bounded[bytes, _Wanted](MAX_ADDRESSES)
        self._conflicts = Bounded[bytes, Conflicts](MAX_ADDRESSES)  # by MAC address
        self._last_question: Arp | None = None  # to the guest
        self._found: list[tuple[Rule, str]] = []

    def adopt(self, net: IPv4Network) -> None:
        self._net = net

    def expect_nothing(self) -> None:
        """What it was asked and answered has not come to it."""
        self._wanted.clear()
        self._waits.clear()
        self._moved.clear()
        for mine in self._addresses.values():
            mine.asked.clear()
            mine.unheard = 0

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        if frame.source not in self._heard and len(self._heard) < MAX_ADDRESSES:
            self._heard.add(frame.source)
        packet = frame.arp
        if packet is not None:
            if packet.operation == arp.REQUEST:  # maybe before anything came from there
                self._is_asked(packet, frame)
            elif packet.sender in self._wanted:
                self._is_answered(self._wanted[packet.sender], packet, frame.when)
            self._is_claimed(packet, frame.when)
            self._moves(packet, frame.when)
        return iter(())

    def _moves(self, packet: Arp, when: Span) -> None:
        """To another card, as it announces. Linux does not take that where it has just heard of
        the one before (`net.ipv4.neigh.*.locktime`)."""
        address, mac = packet.sender, packet.sender_mac
        self._moved.pop(mac, None)
        before, heard = self._macs.get(address, (mac, NEVER))
        self._macs[address] = mac, when
        if before != mac and address == packet.target and when.least(heard) > LOCKED:
            self._tally[Occasion.ARP_MOVED] += 1
            self._moved[before] = _Moved(address, mac, when)

    def _goes_astray(self, moved: _Moved, packet: Ipv4, when: Span) -> None:
        is_near = IPv4Address(packet.destination) in self._net
        ago = when.least(moved.when)
        if (is_near and packet.destination != moved.address) or ago < TAKEN:
            return
        if when.least(moved.told) > OFTEN_TOLD:
            moved.told = when
            text = (
                f"{ipv4.named(packet.packet)} goes to a card that {dotted(moved.address)} has left:"
            )
            text += (
                f" {ethernet.text(moved.mac)} has announced the address {ago:.3f} s ago (RFC 826)"
            )
            self._found.append((rules.MOVE_NOT_TAKEN, text))

    def _is_claimed(self, packet: Arp, when: Span) -> None:
        """By another host, which has the address or probes for it at the same time."""
        probes = packet.is_probe
        mine = self._addresses.get(packet.target if probes else packet.sender)
        if mine is None or not mine.introduced or (probes and mine.used):
            return
        if not mine.used and (mine.claim.taken is None or mine.claim.again):
            conflicts = self._conflicts.setdefault(mine.claim.card, Conflicts())
            conflicts.count += 1
            conflicts.last = when
        mine.claim.is_claimed(when, used=mine.used)
        self._tally[Occasion.CLAIMED if mine.used else Occasion.PROBE_ANSWERED] += 1

    def _is_asked(self, packet: Arp, frame: Frame) -> None:
        mine = self._addresses.get(packet.target) or self._new(packet.target)
        is_claim = packet.is_announcement  # which nobody has to answer
        is_its = mine.used and not is_claim and not self._owned.is_over(packet.target, frame.when)
        if is_its:
            mine.asked.append(frame.when)
            self._asked[packet.target] = mine
        self._tally[Occasion.ARP_ASKED] += 1
        self._tally[Occasion.ARP_ASKED_ITS] += is_its
        mine.direct, mine.replied = not frame.destination[0] & 1, False
        if mine.awake is not None and frame.when.least(mine.awake) > AWAKE:
            mine.askers.clear()
            mine.awake = None
        mine.unheard += is_its and not mine.direct
        mine.last_asked = frame.when
        mine.askers.append(packet)
        self._last_question = packet

    def _is_answered(self, wanted: _Wanted, packet: Arp, when: Span) -> None:
        wanted.answered, wanted.mac = when, packet.sender_mac
        self._answered[packet.sender] = wanted
        self._waits[packet.sender_mac] = wanted

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        if frame.ip is not None:
            self._uses(frame.ip.source, frame)
            if not any(frame.ip.source):
                self._begins_anew()
                if frame.source in self._conflicts:
                    self._conflicts[frame.source].by_dhcp = True
            if self._waits and frame.destination in self._waits:
                self._is_learned(frame.destination)
            if self._moved and (moved := self._moved.get(frame.destination)):
                self._goes_astray(moved, frame.ip, frame.when)
            if not frame.destination[0] & 1 and frame.destination not in self._heard:
                self._unasked(frame, frame.ip)
        elif frame.arp is not None:
            self._arp(frame.arp, frame)
        if not self._found:
            return iter(())
        found, self._found = self._found, []
        return iter([Finding(rule, text) for rule, text in found])

    def _begins_anew(self) -> None:
        """A guest has no address: what it had learned is forgotten, and it answers nothing."""
        for mine in self._asked.values():
            mine.asked.clear()
        for wanted in self._answered.values():
            wanted.answered, wanted.in_vain = None, 0
        self._asked.clear()
        self._answered.clear()

    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        mine, destination = self._addresses.get(packet.source), frame.destination
        if mine is None or not mine.used or len(mine.asked) >= UNANSWERED:
            return False
        if mine.introduced and not mine.claim.is_settled(until):
            return False
        if destination in self._moved:
            return False
        return destination in self._heard and destination not in self._waits

    def has_heard_of(self, frame: bytes) -> bool:
        """Of its source."""
        return frame[6:12] in self._heard

    def _unasked(self, frame: Frame, packet: Ipv4) -> None:
        if len(self._heard) < MAX_ADDRESSES:
            self._heard.add(frame.destination)  # once is enough
        text = f"{ipv4.named(packet.packet)} goes to {ethernet.text(frame.destination)}, from which"
        text += " nothing has come; expected an ARP request first (RFC 826)"
        self._found.append((rules.UNASKED, text))

    def _uses(self, address: bytes, frame: Frame) -> None:
        if address == ZERO:
            return
        mine = self._addresses.get(address)
        if mine is None:
            mine = self._new(address)
        if not mine.used:
            mine.used = True
            self._conflicts.pop(frame.source, None)
            self._tally[Occasion.ADDRESS] += 1
            self._tally[Occasion.PROBED] += mine.claim.probed is not None
            if not mine.introduced:
                text = f"{dotted(address)} is used before it was probed for or announced"
                self._found.append((rules.NOT_ANNOUNCED, f"{text} (RFC 5227 2.1, 2.3)"))
        if mine.introduced:
            self._found += mine.claim.uses(address, frame.when)
        if len(mine.asked) >= UNANSWERED:
            self._leaves_unanswered(address, mine, frame.when)

    def _leaves_unanswered(self, address: bytes, mine: _Address, when: Span) -> None:
        late = [asked for asked in mine.asked if when.least(asked) > LATE]
        if len(late) < UNANSWERED:
            return
        if when.most(mine.asked[-1]) <= AWAKE:  # else a boot ROM may have made way
            text = f"{len(late)} requests for {dotted(address)} are not answered, and the guest"
            self._found.append((rules.UNANSWERED, f"{text} is awake: expected a reply (RFC 826)"))
        mine.asked.clear()

    def _new(self, address: bytes) -> _Address:
        mine = self._addresses[address] = _Address()
        return mine

    # ------------------------------------------------------------------ its ARP
    def _arp(self, packet: Arp, frame: Frame) -> None:
        if packet.sender_mac != frame.source:
            text = f"{packet}: sender {ethernet.text(packet.sender_mac)}, expected the frame's own"
            source = ethernet.text(frame.source)
            hint = (
                ": sender and target are exchanged"
                if packet.target_mac == frame.source != NOBODY
                else ""
            )
            self._found.append((rules.OTHER_SENDER, f"{text} {source} (RFC 826){hint}"))
        if packet.operation == arp.REQUEST:
            self._request(packet, frame)
        elif packet.operation == arp.REPLY:
            self._reply(packet, frame)

    def _is_learned(self, mac: bytes) -> None:
        wanted = self._waits.pop(mac)
        wanted.answered, wanted.in_vain = None, 0

    def _request(self, packet: Arp, frame: Frame) -> None:
        self._tally[Occasion.ARP_REQUEST] += 1
        if packet.is_for_itself:
            self._introduce(packet, frame)
            return
        self._tally[Occasion.ARP_QUESTION] += 1
        hint = self._backwards(packet, frame)
        if _no_host(packet.sender) or hint:
            self._bad_sender(packet, hint)
        else:
            self._uses(packet.sender, frame)
        self._for_a_reply(packet, frame)
        wanted = self._wanted.get(packet.target)
        if wanted is None:
            wanted = self._wanted[packet.target] = _Wanted()
        self._often(wanted, packet.target, frame.when)
        if frame.destination[0] & 1:
            self._again(wanted, packet.target, frame.when)
        elif wanted.mac in self._waits:  # it knows whom to ask
            self._is_learned(wanted.mac)

    def _for_a_reply(self, packet: Arp, frame: Frame) -> None:
        """It has all that is in a reply, and goes to who has just asked."""
        mine = self._addresses.get(packet.sender)
        to = (packet.target_mac, packet.target)
        if mine is None or mine.replied or frame.when.least(mine.last_asked) > PATIENCE:
            return
        if any(to == (one.sender_mac, one.sender) for one in mine.askers):
            mine.turned += 1
            if mine.turned == TURNED:
                text = f"{packet}: operation 1 in the answer to a request, expected 2 (RFC 826)"
                self._found.append((rules.REQUEST_FOR_REPLY, text))

    def _often(self, wanted: _Wanted, target: bytes, when: Span) -> None:
        times = wanted.lately
        times.append(when)
        if len(times) == OFTEN and when.most(times[0]) < 1:
            text = f"{OFTEN} requests for {dotted(target)} in {when.most(times[0]):.3f} s"
            text += ", expected one a second at most (RFC 1122 2.3.2.1)"
            self._found.append((rules.TOO_OFTEN, text))
            times.clear()

    def _again(self, wanted: _Wanted, target: bytes, when: Span) -> None:
        """It asks all although it was answered, and has sent nothing there."""
        if wanted.answered is None or when.least(wanted.answered) < NOTICED:
            return
        wanted.in_vain += 1
        if wanted.in_vain % IN_VAIN == 0:
            text = f"asks for {dotted(target)} again, and sends nothing there: {wanted.in_vain}"
            text += f" replies came, the last one {when.least(wanted.answered):.3f} s ago from"
            text += f" {ethernet.text(wanted.mac)} (RFC 826)"
            self._found.append((rules.NOT_LEARNED, text))
        wanted.answered = None

    def _introduce(self, packet: Arp, frame: Frame) -> None:
        """A probe or an announcement."""
        mine = self._addresses.get(packet.target) or self._new(packet.target)
        mine.introduced = True
        if packet.is_probe:
            mine.used = False  # the guest begins anew
            self._tally[Occasion.PROBE] += 1
            if frame.source in self._conflicts:
                self._found += self._conflicts[frame.source].probe(packet, frame.when)
            self._found += mine.claim.probe(packet, frame.when)
        else:
            self._uses(packet.target, frame)
            self._found += mine.claim.announce(packet.target, frame.when)

    def _reply(self, packet: Arp, frame: Frame) -> None:
        self._tally[Occasion.ARP_REPLY] += 1
        hint = self._backwards(packet, frame)
        if packet.sender == ZERO or _no_host(packet.sender) or hint:
            self._bad_sender(packet, hint)
            return
        if self._is_not_exchanged(packet):
            return
        mine = self._addresses.get(packet.sender) or self._new(packet.sender)
        mine.turned = 0
        mine.asked.clear()
        if packet.is_announcement:  # in the form of a reply
            mine.introduced = True
            if frame.destination[0] & 1:
                self._found += mine.claim.announce(packet.sender, frame.when)
            return
        self._hears_all(packet.sender, mine)
        is_first, mine.replied, mine.awake = not mine.replied, True, frame.when
        self._for_others(packet, frame, mine)
        self._uses(packet.sender, frame)
        asker = _asker(packet, mine.askers)
        if asker is not None:
            mine.askers.remove(asker)
        if frame.destination[0] & 1:
            self._to_all(packet, asker if is_first else None)
        elif asker is None:
            self._not_wanted(packet, ethernet.text(frame.destination))
        else:
            self._targets(packet, asker)

    def _is_not_exchanged(self, packet: Arp) -> bool:
        """The MAC addresses of the request are, and the others stand as they did."""
        asked = self._addresses.get(packet.target)
        asker = (packet.target_mac, packet.sender)
        for one in asked.askers if asked else ():
            if (one.sender_mac, one.sender) == asker and one.sender != one.target:
                text = f"{packet}: sender {dotted(packet.sender)}, target {dotted(packet.target)},"
                text += " as in the request, expected the other way round (RFC 826): the IPv4"
                self._found.append((rules.WRONG_TARGET, f"{text} addresses are not exchanged"))
                return True
        return False

    def _not_wanted(self, packet: Arp, mac: str) -> None:
        asked = self._last_question
        text = f"{packet}: {mac} did not ask"
        if asked is not None and ethernet.text(asked.sender_mac) == mac:
            text += f" for that address, but for {dotted(asked.target)}"
            if asked.target == packet.sender:
                text = f"{packet}: {mac} has had its reply"
        self._found.append((rules.NOT_WANTED, f"{text}; expected a request first (RFC 826)"))

    def _hears_all(self, address: bytes, mine: _Address) -> None:
        """An answer to a request that went to all, be it late, ends all doubt."""
        if not mine.direct or mine.replied or not mine.askers:
            mine.deaf = -_NEVER
        elif mine.unheard:
            mine.deaf += 1
            if mine.deaf == DEAF:
                text = f"{DEAF} requests for {dotted(address)} to its card alone are answered"
                text += ", and none of those to all before each of them"
                self._found.append((rules.DEAF_TO_ALL, f"{text} (RFC 826)"))
        mine.unheard = 0

    def _for_others(self, packet: Arp, frame: Frame, mine: _Address) -> None:
        """The address is of no host on this wire, and was never the guest's."""
        owned = self._owned.by(frame.source)
        is_near = IPv4Address(packet.sender) in self._net
        if mine.used or mine.introduced or is_near or not owned or packet.sender in owned:
            return
        known = ", ".join(map(dotted, owned))
        text = f"{packet}: expected replies for {known} alone"
        self._found.append((rules.FOR_OTHERS, f"{text} (RFC 826)"))

    def _to_all(self, packet: Arp, asker: Arp | None) -> None:
        if asker is not None and packet.sender[:2] != _LINK_LOCAL:
            to = ethernet.text(asker.sender_mac)
            text = f"{packet}, sent to all, expected to {to} alone (RFC 826)"
            self._found.append((rules.REPLY_TO_ALL, text))

    def _targets(self, packet: Arp, asker: Arp) -> None:
        if _is_for(packet, asker):
            return
        seen = f"{ethernet.text(packet.target_mac)} {dotted(packet.target)}"
        right = f"{ethernet.text(asker.sender_mac)} {dotted(asker.sender)}"
        text = f"{packet}: target {seen}, expected {right}, who asked (RFC 826)"
        self._found.append((rules.WRONG_TARGET, text))

    def _backwards(self, packet: Arp, frame: Frame) -> str:
        """Words for a sender that is the card's address the wrong way round."""
        owned = self._owned.by(frame.source)
        if IPv4Address(packet.sender) in self._net or packet.sender in owned:
            return ""
        known = [packet.target, *owned]  # an announcement's target is right, perhaps
        near = [address for address in known if IPv4Address(address) in self._net]
        return mistakes.address_order(packet.sender, near.__contains__)

    def _bad_sender(self, packet: Arp, hint: str) -> None:
        text = f"{packet}: sender {dotted(packet.sender)}, expected the guest's address (RFC 826)"
        self._found.append((rules.BAD_SENDER, text + hint))


def _is_for(reply: Arp, asker: Arp) -> bool:
    return (reply.target_mac, reply.target) == (asker.sender_mac, asker.sender)


def _asker(reply: Arp, askers: deque[Arp]) -> Arp | None:
    """Whom it answers: the first one that it names, or else who asked last."""
    named = (one for one in askers if _is_for(reply, one))
    return next(named, askers[-1] if askers else None)


def _no_host(address: bytes) -> bool:
    return not is_host(address)
