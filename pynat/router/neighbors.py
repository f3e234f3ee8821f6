"""Who on the guest's wire has which address: ARP for IPv4 (RFC 826).

The router answers for its own addresses and for no one else's. It learns from every ARP packet
addressed to it and from announcements (RFC 5227 3), and refreshes what it knows from the others;
but only addresses that a guest of its net can have, at MAC addresses of one card.
Before the first packet to an unknown address it asks, keeping a few packets meanwhile (RFC 1122
2.3.2.2), `MAX_TRIES` times a second apart. Answers are believed for as long as the guest's own ARP
keeps confirming them or `LIFETIME` lasts; `checking.py` asks where nobody needs to. Any number of
addresses may have one MAC, and any number of MACs may be behind the card (a guest that bridges).

Conflicts: a guest that claims an address of ours is told on in the log, and the router defends the
address by announcing it, every `DEFENCE` seconds at most (RFC 5227 2.4 c). A guest that probes for
it gets the answer that a probe is for. Two MACs that claim one address of the guest's are reported;
the later one is believed, because a changed card looks the same.

For a minute it answers for an address that it has lent itself: one of the net's last ones, at which
nobody was heard of. A packet from there shows what a guest does that has to ask first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from pynat import rules
from pynat.errors import Malformed
from pynat.log.notices import Level, Notices
from pynat.nat.rows import Row, seconds
from pynat.router.checking import Checks
from pynat.timers import Timers
from pynat.wire import arp, ethernet, mistakes
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import dotted

MAX_TRIES = 3
RETRY = 1.0  # seconds; RFC 1122 2.3.2.1: at most one a second
MAX_WAITING = 64  # packets kept for one address
MAX_NEIGHBORS = 4096  # addresses
MAX_QUESTIONS = 256  # addresses at once
LIFETIME = 600.0  # seconds
LENT = 60.0  # seconds
MAX_LENT = 8  # addresses at once
DEFENCE = 10.0  # seconds between two announcements of one address (RFC 5227 1.1)
NO_MAC = b"\0" * 6


@dataclass(slots=True, eq=False)
class _Question:
    """An address that we are asking for."""

    address: bytes
    kind: int  # of the frames that are to go there
    neighbors: Neighbors
    tries: int = 0
    packets: list[bytes] = field(default_factory=list)

    def on_timer(self, now: float) -> None:
        self.neighbors.ask(self, now)


class Neighbors:
    def __init__(
        self,
        mac: bytes,
        own: Sequence[bytes],
        net: IPv4Network,
        timers: Timers,
        notices: Notices,
        send: Callable[[bytes], None],
        checks: Checks | None = None,
    ) -> None:
        """own: our addresses, packed; the first one asks. net: the guest's; all may be its but ours
        and the first and the last. send: takes a frame for the guest. checks: hears of guests.
        """
        self.mac = mac
        self.asks = True  # by itself
        self.move_to(own, net)
        self._timers = timers
        self._notices = notices
        self._send = send
        self._known: dict[bytes, tuple[bytes, float]] = {}  # address: MAC, when last heard
        self._asking: dict[bytes, _Question] = {}
        self._defended: dict[bytes, float] = {}  # when each address of ours was last
        self._came: dict[bytes, None] = {}  # addresses that were ever heard of
        self._lent: dict[bytes, float] = {}  # until when; the first one ends first
        self._checks = checks
        self.misled: dict[bytes, bytes] = {}  # wrong MAC addresses that were told, by address

    def move_to(self, own: Sequence[bytes], net: IPv4Network) -> None:
        """Have these addresses from now on, in that net."""
        self.own = frozenset(own)
        self._asks_from = own[0]
        self._net = net

    def move(self, mac: bytes) -> None:
        """Be at this MAC address from now on."""
        self.mac = mac

    def __len__(self) -> int:
        return len(self._known)

    def fresh_mac(self, address: bytes, now: float) -> bytes | None:
        """None if it has to be asked for first."""
        known = self._known.get(address)
        return known[0] if known and now < known[1] + LIFETIME else None

    @property
    def others(self) -> list[bytes]:
        """The addresses of those that have been heard of."""
        return list(self._known)

    def spare(self) -> list[bytes]:
        """Addresses of the net's that nobody seems to have, the last one first."""
        last = int(self._net.broadcast_address) - 1
        numbers = range(last, max(int(self._net.network_address), last - MAX_LENT), -1)
        known = self.own, self._came, self._known, self._asking
        addresses = (IPv4Address(number).packed for number in numbers)
        return [one for one in addresses if not any(one in place for place in known)]

    def lend(self, address: bytes, now: float) -> None:
        self._lent.pop(address, None)
        if len(self._lent) >= MAX_LENT:
            del self._lent[next(iter(self._lent))]
        self._lent[address] = now + LENT

    def is_lent(self, address: bytes, now: float) -> bool:
        return address in self._lent and now < self._lent[address]

    def rows(self, now: float) -> list[Row]:
        return [
            {"address": dotted(address), "mac": mac.hex(":"), "heard": seconds(now - when)}
            for address, (mac, when) in self._known.items()
        ]

    def from_guest(self, packet: Arp, now: float) -> Arp | None:
        """The answer, if there is to be one."""
        if packet.operation not in (arp.REQUEST, arp.REPLY):
            text = f"operation {packet.operation}, expected 1 (request) or 2 (reply) (RFC 826)"
            hint = mistakes.byte_order(packet.operation, (arp.REQUEST, arp.REPLY))
            self._notices.drop(rules.arp.OPERATION, text + hint, now)
        elif not self.may_be_a_card(packet.sender_mac):
            mac = ethernet.text(packet.sender_mac)
            text = f"sender {mac}, expected the MAC address of the guest's card (RFC 1812 3.3.2)"
            raise Malformed(rules.arp.SENDER, text)
        elif packet.sender in self.own:
            self._defend(packet, now)
        else:
            if self._concerns_us(packet) and self._may_be_a_guest(packet, now):
                self.learn(packet.sender, packet.sender_mac, now)
                self._check(packet, now)
            if packet.operation == arp.REQUEST:
                return self._answer(packet, now)
        return None

    def _check(self, packet: Arp, now: float) -> None:
        if self._checks is None:
            return
        if packet.operation == arp.REPLY and packet.target in self.own:
            self._checks.answered(packet.sender, now)
        else:
            self._checks.heard(packet.sender, now)

    def may_be_a_card(self, mac: bytes) -> bool:
        """Of a guest's."""
        return not mac[0] & 1 and mac not in (self.mac, NO_MAC)

    def _concerns_us(self, packet: Arp) -> bool:
        return not packet.is_probe and (
            packet.target in self.own
            or packet.is_announcement
            or packet.sender in self._known
            or packet.sender in self._asking
        )

    def _may_be_a_guest(self, packet: Arp, now: float) -> bool:
        """Other addresses than of the net's hosts are nobody's to whom anything is sent."""
        address = IPv4Address(packet.sender)
        net = self._net
        if address not in net or address in (net.network_address, net.broadcast_address):
            text = f"{packet}: sender {address}, expected a host of {net}; not learned (RFC 826)"
            self._notices.limited("arp sender outside", text, now)
            return False
        return True

    def _answer(self, packet: Arp, now: float) -> Arp | None:
        is_lent = not packet.is_probe and self.is_lent(packet.target, now)
        if packet.target in self.own or is_lent:
            return Arp(arp.REPLY, self.mac, packet.target, packet.sender_mac, packet.sender)
        if not packet.is_for_itself:
            self._no_answer(packet, now)
        return None

    def _no_answer(self, packet: Arp, now: float) -> None:
        sender, target = IPv4Address(packet.sender), IPv4Address(packet.target)
        if sender in self._net and target not in self._net:
            hint = mistakes.address_order(packet.target, self.own.__contains__)
            text = f"{packet}: {target} is not in {self._net}, expected the router's address,"
            text += f" {dotted(self._asks_from)} (RFC 1122 3.3.1.1){hint}"
            self._notices.drop(rules.arp.FAR_AWAY, text, now)
        else:
            router = dotted(self._asks_from)
            text = f"{packet}: nobody here has that address, the router is {router} (RFC 826)"
            self._notices.drop(rules.arp.NOBODY, text, now)

    def _defend(self, packet: Arp, now: float) -> None:
        address = packet.sender
        self._notices.drop(
            rules.arp.CONFLICT,
            f"{ethernet.text(packet.sender_mac)} claims {dotted(address)}, which is the router's"
            " (RFC 5227 2.4): give that guest another address",
            now,
            Level.ERROR,
        )
        if now >= self._defended.get(address, -DEFENCE) + DEFENCE:
            self._defended[address] = now
            announcement = Arp(arp.REQUEST, self.mac, address, NO_MAC, address)
            self.send_arp(announcement, ethernet.BROADCAST)

    def learn(self, address: bytes, mac: bytes, now: float) -> None:
        before = self._known.pop(address, None)
        self._lent.pop(address, None)
        if before is not None and before[0] != mac and now < before[1] + LIFETIME:
            self._report(address, before, mac, now)
        if len(self._known) >= MAX_NEIGHBORS:
            del self._known[next(iter(self._known))]  # the one heard of longest ago
        self._known[address] = (mac, now)
        if len(self._came) < MAX_NEIGHBORS:
            self._came[address] = None
        question = self._asking.pop(address, None)
        if question is None:
            return
        self._timers.set(question, None)
        for packet in question.packets:
            self._send(ethernet.encode(mac, self.mac, question.kind, packet))

    def _report(self, address: bytes, before: tuple[bytes, float], mac: bytes, now: float) -> None:
        self._notices.limited(
            "arp moved",
            f"{dotted(address)} is at {ethernet.text(mac)} now, and was at"
            f" {ethernet.text(before[0])} {now - before[1]:.1f} s ago: a changed card, or two"
            " guests with one address (RFC 5227 2.4)",
            now,
            Level.ERROR,
        )

    def send(self, destination: bytes, kind: int, packet: bytes, now: float) -> None:
        """kind: the frame's type."""
        mac = self.fresh_mac(destination, now)
        if mac is not None:
            self._send(ethernet.encode(mac, self.mac, kind, packet))
            return
        self._known.pop(destination, None)
        question = self._asking.get(destination)
        if question is None:
            if len(self._asking) >= MAX_QUESTIONS:
                self._notices.drop(
                    rules.net.ARP_QUESTIONS, f"more than {MAX_QUESTIONS} at once", now
                )
                return
            question = self._asking[destination] = _Question(destination, kind, self)
            if self.asks:
                self.ask(question, now)
        if len(question.packets) < MAX_WAITING:
            question.packets.append(packet)
        else:
            self._notices.drop(
                rules.net.ARP_QUEUE,
                f"{MAX_WAITING} packets wait for {dotted(destination)} (RFC 1122 2.3.2.2)",
                now,
            )

    def asked(self, address: bytes, now: float) -> None:
        """Somebody else asks in our name, for a packet of ours or else of his (pynat.replay)."""
        question = self._asking.get(address)
        if question is None and self.fresh_mac(address, now) is None:
            question = _Question(address, ethernet.IPV4, self, packets=[b""])
            self._asking[address] = question
        if question is not None and not question.tries:
            self.ask(question, now)

    def ask(self, question: _Question, now: float) -> None:
        if question.tries == MAX_TRIES:
            del self._asking[question.address]
            self._give_up(question, now)
            return
        question.tries += 1
        self._timers.set(question, now + RETRY)
        self.ask_for(question.address)

    def _give_up(self, question: _Question, now: float) -> None:
        """A guest that was there does not answer; one that never was may not be up yet."""
        was_there = question.address in self._came
        rule = rules.arp.NO_ANSWER if was_there else rules.net.NOBODY_THERE
        text = f"nobody answered {MAX_TRIES} requests for {dotted(question.address)} (RFC 826);"
        text += f" {len(question.packets)} packets lost"
        self._notices.drop(rule, text, now, count=len(question.packets))

    def ask_for(self, address: bytes, *, direct: bool = False) -> None:
        """direct: of the card that it is known to have (RFC 1122 2.3.2.1 (2))."""
        request = Arp(arp.REQUEST, self.mac, self._asks_from, NO_MAC, address)
        known = self._known.get(address) if direct else None
        self.send_arp(request, known[0] if known else ethernet.BROADCAST)

    def told(self, packet: Arp) -> None:
        """It leaves our card; what it says need not be so (pynat/faults/arp.py)."""
        if packet.sender_mac == self.mac:
            self.misled.pop(packet.sender, None)
        elif packet.operation == arp.REPLY:
            if len(self.misled) >= MAX_QUESTIONS:
                self.misled.clear()
            self.misled[packet.sender] = packet.sender_mac

    def send_arp(self, packet: Arp, to: bytes, source: bytes | None = None) -> None:
        if source is None:
            self.told(packet)
        self._send(ethernet.encode(to, source or self.mac, ethernet.ARP, arp.encode(packet)))
