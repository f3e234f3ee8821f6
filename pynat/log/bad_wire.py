"""What a bad wire has kept from either end: so the other one is not to blame for what follows.

of the guest   fragments that were lost or changed, or are under way still: the rest of their
               datagram waits in vain; and those that come twice; and up to where it has sent
               what was lost or under way, or what a faulty host ignores
for the guest  frames that end or change something, RST and ARP, and acknowledgements: before one
               has come to its card the guest cannot know of it, and a wire may lose them or carry
               them late

What the guest knew when it sent a frame goes by the numbers of frames at its card.
"""

from __future__ import annotations

from collections import Counter, deque
from math import inf

from pynat.errors import Malformed
from pynat.wire import arp, ethernet, ip, ipv4, tcp, versions
from pynat.wire.arp import Arp
from pynat.wire.ipv4 import Ipv4

_MOST = 1024  # of each kind; then all are forgotten
_LAST = 8  # of one sender's ARP
_ACKS = 64  # of one flow
_ARP = ethernet.ARP.to_bytes(2, "big")
_SEQ, _ACK = 4, 8  # places in TCP's header
_OFFSET, _FLAGS = 12, 13
_SPACE = 1 << 32
_HELD = "a bad wire, which holds a piece"
_LATELY = 60.0  # seconds; then another datagram may have the same identification

Key = tuple[bytes, bytes, int, int]  # source, destination, protocol, identification
Causes = dict[Key, tuple[float, str]]  # when, and by what; of a datagram's pieces
Told = deque[tuple[int, int]]  # number at the card, and of the acknowledgement; without repetitions


class BadWire:
    def __init__(self) -> None:
        self._pieces: Causes = {}  # lost or changed
        self._doubled: Causes = {}
        self._sent: dict[bytes, int] = {}  # the highest number behind it, by FourTuple.key
        self._held = Counter[Key]()  # pieces under way
        self._resets: dict[bytes, float] = {}  # number at the card, by flow
        self._acks: dict[bytes, Told] = {}  # by FourTuple.key
        self._opened: dict[bytes, int] = {}  # number of the last SYN that came, likewise
        self._macs: dict[bytes, deque[tuple[float, bytes]]] = {}  # likewise, by who told of it

    # ------------------------------------------------------------------ of the guest
    def lose(self, frame: bytes, by: str, now: float) -> None:
        """It does not come as it was."""
        _note_piece(self._pieces, frame, by, now)
        self._note_text(frame)

    def double(self, frame: bytes, by: str, now: float) -> None:
        """It comes twice."""
        _note_piece(self._doubled, frame, by, now)

    def wait(self, frame: bytes) -> None:
        """It is under way."""
        self._note_text(frame)
        if (packet := _packet(frame)) is not None and packet.is_fragment:
            self._held[key_of(packet)] += 1

    def end(self, frame: bytes) -> None:
        """It is not any more."""
        if self._held and (packet := _packet(frame)) is not None and packet.is_fragment:
            key = key_of(packet)
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    def keeps_a_piece(self, datagram: Key, now: float) -> str:
        """What has, or holds one; "" where nothing does."""
        return self.took_a_piece(datagram, now) or (_HELD if datagram in self._held else "")

    def took_a_piece(self, datagram: Key, now: float) -> str:
        """What has, lately; "" where nothing did."""
        return _lately(self._pieces, datagram, now)

    def doubled(self, datagram: Key, now: float) -> str:
        """What has doubled a piece of it, lately; "" where nothing did."""
        return _lately(self._doubled, datagram, now)

    def begin(self, flow: bytes) -> None:
        """It has sent nothing in this flow yet. flow: as FourTuple.key."""
        self._sent.pop(flow, None)

    def sent(self, flow: bytes, end: int) -> None:
        """Text or FIN up to this number, which may not come to the other end."""
        if flow not in self._sent and len(self._sent) >= _MOST:
            self._sent.clear()
        if (end - self._sent.get(flow, end)) % _SPACE < _SPACE >> 1:
            self._sent[flow] = end

    def sent_up_to(self, flow: bytes) -> int | None:
        return self._sent.get(flow)

    def _note_text(self, frame: bytes) -> None:
        frame = ethernet.untagged(frame)
        flow, flags, seq, _ = _flow(frame)
        if not flow or flags & (tcp.SYN | tcp.RST):
            return
        about = versions.in_frame(frame)
        text = about.end - about.body - (frame[about.body + _OFFSET] >> 4) * 4 if about else 0
        if (length := text + bool(flags & tcp.FIN)) > 0:
            self.sent(flow[1:], (seq + length) % _SPACE)

    # ------------------------------------------------------------------ for the guest
    def carry(self, frame: bytes) -> None:
        """From now on it is on its way, or lost."""
        if (told := _arp(frame)) is not None:
            self._of(told).append((inf, told.sender_mac))
        else:
            self._note(frame)

    def come(self, frame: bytes, number: int | None) -> None:
        """It is at the guest's card, as the frame of that number."""
        if (told := _arp(frame)) is not None:
            macs = self._of(told)
            if (inf, told.sender_mac) in macs:
                macs.remove((inf, told.sender_mac))
            macs.append((number or 0, told.sender_mac))
        else:
            self._note(frame, number or 0)

    def _note(self, frame: bytes, number: int | None = None) -> None:
        """number: None while it is on its way."""
        flow, flags, seq, ack = _flow(frame)
        if flags & (tcp.ACK | tcp.SYN):
            self._note_ack(versions.reverse(flow)[1:], flags, seq, ack, number)
        if flags & tcp.SYN:
            self._resets.pop(flow, None)  # another connection than before
        elif flags & tcp.RST:
            if len(self._resets) >= _MOST:
                self._resets.clear()
            at = inf if number is None else number
            self._resets[flow] = min(at, self._resets.get(flow, inf))

    def _note_ack(self, flow: bytes, flags: int, seq: int, ack: int, number: int | None) -> None:
        if flow not in self._acks:
            if len(self._acks) >= _MOST:
                self._acks.clear()
                self._opened.clear()
            self._acks[flow] = deque(maxlen=_ACKS)
        if number is None:
            return
        told = self._acks[flow]
        if flags & tcp.SYN and self._opened.get(flow) != seq:
            self._opened[flow] = seq
            told.clear()  # another connection than before
        if flags & tcp.ACK and (not told or told[-1][1] != ack):
            told.append((number, ack))

    def calm(self) -> None:
        """Everything comes, and at once, from now on."""
        self._resets.clear()
        self._acks.clear()
        self._opened.clear()
        self._macs.clear()

    def _of(self, told: Arp) -> deque[tuple[float, bytes]]:
        if len(self._macs) >= _MOST:
            self._macs.clear()
        return self._macs.setdefault(told.sender, deque(maxlen=_LAST))

    def hides_reset(self, frame: bytes, number: int | None) -> bool:
        """Whether the guest, when it sent this frame, could not know that its flow was reset."""
        flow = versions.reverse(versions.flow_key(frame)[0]) if self._resets else b""
        return self._resets.get(flow, 0) >= (inf if number is None else number)

    def known_acks(self, flow: bytes, number: int | None) -> list[int] | None:
        """The numbers that the guest, when it sent its frame of this number, knew to be
        acknowledged; None where all have come. flow: as FourTuple.key."""
        told = self._acks.get(flow)
        if told is None:
            return None
        return [ack for at, ack in told if number is None or at < number]

    def knew_ack(self, flow: bytes, ack: int, number: int | None) -> bool:
        """Whether the guest, when it sent its frame of this number, knew that to be acknowledged,
        or may have. flow: as FourTuple.key."""
        told = self._acks.get(flow)
        if told and len(told) == _ACKS and number is not None and told[0][0] >= number:
            return True  # what it knew is forgotten
        return ack in (self.known_acks(flow, number) or ())

    def hides_mac(self, address: bytes, mac: bytes, number: int | None) -> bool:
        """The same of who has moved to this MAC address."""
        told = self._macs.get(address, ())
        known = [one for at, one in told if at < (inf if number is None else number)]
        return bool(told) and (not known or known[-1] != mac)


def key_of(packet: Ipv4) -> Key:
    return packet.source, packet.destination, packet.protocol, packet.ident


def _arp(frame: bytes) -> Arp | None:
    frame = ethernet.untagged(frame)
    if frame[12:14] != _ARP:
        return None
    try:
        return arp.decode(memoryview(frame)[ethernet.HEADER.size :])
    except Malformed:
        return None


def _flow(frame: bytes) -> tuple[bytes, int, int, int]:
    """And the segment's flags, number and acknowledgement; 0 where there are none."""
    about = versions.in_frame(frame)
    if about is None or about.protocol != ip.TCP or about.is_later:
        return b"", 0, 0, 0
    header = frame[about.body : about.body + _FLAGS + 1]
    if len(header) <= _FLAGS:
        return b"", 0, 0, 0
    seq, ack = (int.from_bytes(header[at : at + 4], "big") for at in (_SEQ, _ACK))
    return versions.flow_key(frame)[0], header[_FLAGS], seq, ack


def _note_piece(causes: Causes, frame: bytes, by: str, now: float) -> None:
    packet = _packet(frame)
    if packet is not None and packet.is_fragment:
        if len(causes) >= _MOST:
            causes.clear()
        causes[key_of(packet)] = now, by


def _lately(causes: Causes, datagram: Key, now: float) -> str:
    when, by = causes.get(datagram, (now, ""))
    return by if now - when <= _LATELY else ""


def _packet(frame: bytes) -> Ipv4 | None:
    frame = ethernet.untagged(frame)
    if versions.BY_TYPE.get(frame[12:14]) is not ipv4:
        return None
    try:
        return ipv4.decode(memoryview(frame)[ethernet.HEADER.size :])
    except Malformed:
        return None
