"""Who on the guest's wire has which address: ARP for IPv4 (RFC 826).

The router answers for its own addresses and for no one else's. It learns from every ARP packet
addressed to it and refreshes what it knows from the others. Before the first packet to an unknown
address it asks, keeping a few packets meanwhile (RFC 1122 2.3.2.2), `TRIES` times a second apart.
Answers are believed for as long as the guest's own ARP keeps confirming them or `LIFETIME` lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pynat.notices import Level, Notices
from pynat.timers import Timers
from pynat.wire import arp, ethernet
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import dotted

TRIES = 3
RETRY = 1.0  # seconds; RFC 1122 2.3.2.1: at most one a second
WAITING = 64  # packets kept for one address
KNOWN = 4096  # addresses
ASKING = 256  # addresses at once
LIFETIME = 600.0  # seconds
UNKNOWN = b"\0" * 4


@dataclass(slots=True, eq=False)
class _Question:
    """An address that we are asking for."""

    address: bytes
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
        timers: Timers,
        notices: Notices,
        send: Callable[[bytes], None],
    ) -> None:
        """own: our addresses, packed; the first one asks. send: takes a frame for the guest."""
        self._mac = mac
        self._own = frozenset(own)
        self._asks_from = own[0]
        self._timers = timers
        self._notices = notices
        self._send = send
        self._known: dict[bytes, tuple[bytes, float]] = {}  # address: MAC, when last heard
        self._asking: dict[bytes, _Question] = {}

    def mac_of(self, address: bytes) -> bytes | None:
        known = self._known.get(address)
        return known[0] if known else None

    def fresh_mac(self, address: bytes, now: float) -> bytes | None:
        """None if it has to be asked for first."""
        known = self._known.get(address)
        return known[0] if known and now < known[1] + LIFETIME else None

    def from_guest(self, packet: Arp, now: float) -> None:
        if packet.operation not in (arp.REQUEST, arp.REPLY):
            self._notices.drop("arp operation", f"operation {packet.operation}", now)
            return
        if packet.sender_mac[0] & 1 or packet.sender_mac == self._mac:
            mac = packet.sender_mac.hex(":")
            self._notices.drop("arp sender", f"{mac} is no guest's MAC (RFC 1812 3.3.2)", now)
            return
        if packet.sender in self._own:
            self._notices.drop(
                "arp conflict",
                f"{packet.sender_mac.hex(':')} claims {dotted(packet.sender)}, which is the"
                " router's (RFC 5227 2.4)",
                now,
                Level.ERROR,
            )
            return
        if packet.sender != UNKNOWN and (
            packet.target in self._own
            or packet.sender in self._known
            or packet.sender in self._asking
        ):
            self.learn(packet.sender, packet.sender_mac, now)
        if packet.operation != arp.REQUEST:
            return
        if packet.target in self._own:
            answer = Arp(arp.REPLY, self._mac, packet.target, packet.sender_mac, packet.sender)
            self._send_arp(answer, packet.sender_mac)
        elif packet.sender not in (packet.target, UNKNOWN):
            self._notices.drop("arp not ours", f"{packet}: nobody has that address", now)

    def learn(self, address: bytes, mac: bytes, now: float) -> None:
        self._known.pop(address, None)
        if len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]  # the one heard of longest ago
        self._known[address] = (mac, now)
        question = self._asking.pop(address, None)
        if question is None:
            return
        self._timers.set(question, None)
        for packet in question.packets:
            self._send(ethernet.encode(mac, self._mac, ethernet.IPV4, packet))

    def send_ipv4(self, destination: bytes, packet: bytes, now: float) -> None:
        mac = self.fresh_mac(destination, now)
        if mac is not None:
            self._send(ethernet.encode(mac, self._mac, ethernet.IPV4, packet))
            return
        self._known.pop(destination, None)
        question = self._asking.get(destination)
        if question is None:
            if len(self._asking) >= ASKING:
                self._notices.drop("arp questions", f"more than {ASKING} at once", now)
                return
            question = self._asking[destination] = _Question(destination, self)
            self.ask(question, now)
        if len(question.packets) < WAITING:
            question.packets.append(packet)
        else:
            self._notices.drop("arp queue full", f"for {dotted(destination)}", now)

    def ask(self, question: _Question, now: float) -> None:
        if question.tries == TRIES:
            del self._asking[question.address]
            self._notices.drop(
                "arp no answer",
                f"nobody answered {TRIES} requests for {dotted(question.address)};"
                f" {len(question.packets)} packets lost",
                now,
                count=len(question.packets),
            )
            return
        question.tries += 1
        self._timers.set(question, now + RETRY)
        request = Arp(arp.REQUEST, self._mac, self._asks_from, b"\0" * 6, question.address)
        self._send_arp(request, ethernet.BROADCAST)

    def _send_arp(self, packet: Arp, to: bytes) -> None:
        self._send(ethernet.encode(to, self._mac, ethernet.ARP, arp.encode(packet)))
