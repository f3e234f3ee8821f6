"""The ways out, for everything that has to send (`pynat.nat.guest_output.GuestOutput`).

What is asked of the host waits for its turn. Packets for the guest become frames here: identified,
resolved by ARP, queued in order. What is longer than the MTU goes out in fragments, or not at all
with DF. ICMP errors pass the limiter that says when none may be sent.

Fragments have identifications of their own: a packet that is none goes up in the guest's stack
without being matched with others (RFC 6864 4), so the thousands of those in between do not bring
the wrap nearer at which two datagrams' fragments could be mixed (RFC 4963).
"""

from __future__ import annotations

from functools import lru_cache, partial
from random import Random

from pynat import rules
from pynat.config import Config, Network, TimePolicy
from pynat.log.notices import Notices
from pynat.nat.idle_timeout import WallTime
from pynat.nat.messages import Action
from pynat.nat.time_hold import NeverHeld, TimeHold
from pynat.router.checking import Checks
from pynat.router.icmp_errors import IcmpErrorLimiter
from pynat.router.neighbors import Neighbors
from pynat.router.probes import IDENT, Ends, Probe
from pynat.timers import Timers
from pynat.wire import ethernet, icmp, ip, plain, udp, versions
from pynat.wire.addresses import Address, address_text
from pynat.wire.frame_run import FrameRun, Sendable, frames_of
from pynat.wire.icmp import Icmp
from pynat.wire.ip import Version
from pynat.wire.versions import BY_LENGTH

_STARTS = 256  # beginnings of frames, remembered


class IpOutput:
    def __init__(self, config: Config, notices: Notices, dice: Random) -> None:
        network = config.network
        self.notices = notices
        self.timers = Timers()
        self.dice = dice
        is_free = config.hermetic or config.time is TimePolicy.NEVER
        self.time_hold = NeverHeld() if is_free else TimeHold(config.patience)
        self.wall = WallTime()
        self.mac = network.mac  # the router's
        self.former_mac = self.mac  # the one before
        self._mtu = network.mtu
        self._ident = dice.randrange(0x10000)
        self._fragment_ident = dice.randrange(0x10000)
        self._frames: list[Sendable] = []
        self._asked: list[Action] = []
        self.ask = self._asked.append
        self._claimed = [one.packed for one in config.claimed]
        own = self._begin(network)
        probes = self._probe if config.hermetic and config.lint.enabled is not False else None
        wanted = probes is not None or notices.comments.linted
        self._checks = Checks(self.timers, self._ask_for, self._spare, probes) if wanted else None
        self.neighbors = Neighbors(
            self.mac, own, network.net, self.timers, notices, self._queue, self._checks
        )

    def _ask_for(self, address: bytes, direct: bool) -> None:
        since = self.queued
        self.neighbors.ask_for(address, direct=direct)
        self.comment(since, f"linter: ARP for {address_text(address)}, to see who answers")

    def _spare(self) -> list[bytes]:
        return self.neighbors.spare()

    def _probe(
        self, guest: bytes, stranger: bytes | None, probe: Probe, number: int, now: float
    ) -> None:
        since = self.queued
        if stranger is not None:
            self.neighbors.lend(stranger, now)
        kind = versions.of(guest).ETHERTYPE
        ends = Ends(stranger or self._router, guest, self._mtu)
        for packet in probe.packets(ends, number):
            self.neighbors.send(guest, kind, packet, now)
        self.comment(since, f"hermetic: {probe.remark}, to see what the guest makes of it")

    def replied(self, guest: bytes, reply: Icmp, now: float) -> None:
        if self._checks is not None and reply.ident == IDENT:
            self._checks.replied(guest, reply.sequence, now)

    def _begin(self, network: Network) -> list[bytes]:
        """The addresses that are ours there."""
        self._router = network.router.packed
        self._errors = IcmpErrorLimiter(network.net.broadcast_address.packed)
        return [self._router, network.dns.packed, *self._claimed]

    def adopt(self, network: Network) -> None:
        self.neighbors.move_to(self._begin(network), network.net)

    def move(self, mac: bytes) -> None:
        """Have this MAC address from now on."""
        self.former_mac, self.mac = self.mac, mac
        self.neighbors.move(mac)

    def frames(self) -> list[Sendable]:
        """Everything queued since the last call."""
        frames, self._frames = self._frames, []
        return frames

    @property
    def asks(self) -> bool:
        return bool(self._asked)

    def asked(self) -> list[Action]:
        """Everything asked of the host since the last call."""
        asked = self._asked[:]
        self._asked.clear()  # `ask` goes on to fill this list
        return asked

    def send_packet(
        self,
        source: bytes,
        destination: bytes,
        protocol: int,
        payload: bytes,
        now: float,
    ) -> None:
        version = BY_LENGTH[len(destination)]
        if version.HEADER_SIZE + len(payload) > self._mtu:
            self._send_long(version, source, destination, protocol, payload, now)
            return
        packet = self._packet(version, source, destination, protocol, payload)
        self.neighbors.send(destination, version.ETHERTYPE, packet, now)

    def _send_long(
        self,
        version: Version,
        source: bytes,
        destination: bytes,
        protocol: int,
        payload: bytes,
        now: float,
    ) -> None:
        self._fragment_ident = (self._fragment_ident + 1) & 0xFFFF
        pieces = version.fragments(
            source, destination, protocol, payload, ident=self._fragment_ident, mtu=self._mtu
        )
        for piece in pieces:
            self.neighbors.send(destination, version.ETHERTYPE, piece, now)

    def send_whole(
        self, source: bytes, destination: bytes, protocol: int, payload: bytes, now: float
    ) -> None:
        mac = self.neighbors.fresh_mac(destination, now)
        size = BY_LENGTH[len(destination)].HEADER_SIZE + len(payload)
        if size > self._mtu:
            text = f"{size} bytes with DF from {address_text(source)} for the guest"
            self.notices.drop(rules.net.TOO_LONG, f"{text}, the MTU is {self._mtu}", now)
        elif mac is None:
            version = versions.of(destination)
            header = version.atomic_header(source, destination, protocol, len(payload))
            self.neighbors.send(destination, version.ETHERTYPE, header + payload, now)
        else:
            start = _start(mac, self.mac, source, destination, protocol, len(payload))
            self._frames.append(start + payload)

    def send_run(
        self, source: bytes, destination: bytes, protocol: int, run: FrameRun, now: float
    ) -> None:
        mac = self.neighbors.fresh_mac(destination, now)
        if mac is None or run.length <= run.size:
            for segment in run.frames():
                self.send_whole(source, destination, protocol, segment, now)
        else:
            start = partial(_start, mac, self.mac, source, destination, protocol)
            self._frames.append(run.behind(start))

    def send_datagrams(
        self, source: Address, destination: Address, payloads: list[bytes], now: float
    ) -> None:
        mac = self.neighbors.fresh_mac(destination[0], now)
        version = versions.of(destination[0])
        longest = version.HEADER_SIZE + udp.HEADER.size + max(map(len, payloads))
        if mac is None or version.ETHERTYPE != ethernet.IPV4 or longest > self._mtu:
            for payload in payloads:
                datagram = udp.encode(*source, *destination, payload)
                self.send_packet(source[0], destination[0], ip.UDP, datagram, now)
            return
        link_header = ethernet.HEADER.pack(mac, self.mac, ethernet.IPV4)
        ident = self._ident + 1
        self._ident = (self._ident + len(payloads)) & 0xFFFF
        self._frames += udp.encode_run(link_header, source, destination, ident, payloads)

    def send_icmp(self, source: bytes, destination: bytes, message: Icmp, now: float) -> None:
        encoded = versions.of(destination).encode_icmp(source, destination, message)
        self.send_packet(source, destination, *encoded, now)

    def send_back(self, request: bytes, guest: bytes, now: float) -> bool:
        """The reply to an echo request, as `send_icmp` has it. Whether the frame is a plain one."""
        if self.neighbors.fresh_mac(guest, now) != request[plain.SENDER_AT]:
            return False
        ident = (self._ident + 1) & 0xFFFF
        reply = icmp.reply_to(request, self.mac, ident)
        if reply is None or len(reply) > ethernet.HEADER.size + self._mtu:
            return False
        self._ident = ident
        self._frames.append(reply)
        return True

    def send_to_mac(self, mac: bytes, destination: bytes, protocol: int, payload: bytes) -> None:
        """From the router to a guest whose address ARP cannot know yet (RFC 2131 4.1)."""
        version = versions.of(destination)
        packet = self._packet(version, self._router, destination, protocol, payload)
        self._queue(ethernet.encode(mac, self.mac, version.ETHERTYPE, packet))

    def send_error(
        self,
        kind: int,
        code: int,
        quote: bytes,
        now: float,
        *,
        sender: bytes | None = None,
        mtu: int = 0,
        pointer: int = 0,
    ) -> None:
        why_not = self._errors.why_not(quote)
        about = versions.outline(quote)
        if why_not is not None or about is None:
            self.notices.drop(rules.icmp.FORBIDDEN, f"no error {why_not} (RFC 1122 3.2.2)", now)
        elif not self._errors.admit(now):
            self.notices.drop(
                rules.net.ERROR_RATE, "too many errors a second (RFC 1812 4.3.2.8)", now
            )
        else:
            told = Icmp(kind, code, pointer << 8, mtu, quote)
            if sender is None or len(sender) != len(about.source):
                sender = self._router  # for the guest cannot name one of the other version
            self.send_icmp(sender, about.source, told, now)

    @property
    def queued(self) -> int:
        return len(self._frames)

    def comment(self, since: int, *lines: str) -> None:
        if self.notices.comments.wanted:
            frames = frames_of(self._frames[since:])
            self._frames[since:] = frames
            for frame in frames:
                for line in lines:
                    self.notices.comments.add(frame, line)

    def _packet(
        self,
        version: Version,
        source: bytes,
        destination: bytes,
        protocol: int,
        payload: bytes,
    ) -> bytes:
        self._ident = (self._ident + 1) & 0xFFFF
        return version.encode(source, destination, protocol, payload, ident=self._ident)

    def _queue(self, frame: bytes) -> None:
        self._frames.append(frame)


@lru_cache(_STARTS)
def _start(
    mac: bytes, own: bytes, source: bytes, destination: bytes, protocol: int, length: int
) -> bytes:
    """What stands before `length` bytes that go whole: mostly the same as before the last ones."""
    version = versions.of(destination)
    header = version.atomic_header(source, destination, protocol, length)
    return ethernet.HEADER.pack(mac, own, version.ETHERTYPE) + header
