"""How a guest reads a file by TFTP: each block is acknowledged, by its number (RFC 1350, RFC 2347).

A transfer is known by its request to port 69, and its server's port by the first answer. So far its
datagrams do not go the short way (short_ways.py): up to `WATCHED` blocks, which show what there is
to see. What is repeated and not acknowledged is told when it has come `COPIES` times, which takes a
server a quarter of a minute; a guest that leaves its address meanwhile has begun anew, and one that
only sends its request again has not. The last block is told as soon as its copy finds the guest's
port closed.

Several servers, or a server that takes a port for each copy of a request, may answer from several
ports: what the guest does not take of one is not told where it goes on with another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding, Frame
from pynat.lint.span import NEVER, Span
from pynat.lint.tally import Tally
from pynat.lint.udp import UdpChecker
from pynat.rules import Rule
from pynat.rules import tftp as rules
from pynat.rules.occasions import Occasion
from pynat.wire import dhcp, icmp, mistakes, tftp, versions
from pynat.wire.addresses import Address, end_text
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tftp import Packet

MAX_TRANSFERS = 64
WATCHED = 16  # blocks
COPIES = 5
PAUSE = 0.5  # seconds between two copies that count; a wire may double them, or hold them up
AGAIN = 30.0  # seconds in which the same request goes on with what the last one began
REPEATS = 5  # times that a packet is sent ...
FAST = 0.15  # ... within seconds; PXELINUX takes half a second for it, BusyBox 0.4
REFUSED = 2.0  # ... or within these, when an ERROR had come each time
TWICE = 3  # blocks, of which each is acknowledged again ...
AT_ONCE = 0.005  # ... within seconds
APART = 0.001  # seconds; a driver may send a frame twice
_KEPT = 2  # copies of the last block; a single one may have come to a closed port
BLOCK = 512  # bytes; a shorter one is the last
_PORTS = 8  # of a server's, beside the one that is followed
_MOST = 256  # blocks that are looked at; a window of them may be longer than WATCHED (RFC 7440)
_REQUESTS, _DHCP_SERVER = 69, 67
_ASKS = {tftp.RRQ, tftp.WRQ}
_NUMBERS = ("blksize", "timeout", "tsize", "windowsize")  # options (RFC 2348, 2349, 7440)
_DIGITS = 5  # of a size of blocks
_MODES = {"netascii", "octet", "mail"}


@dataclass(slots=True)
class _Transfer:
    guest: Address
    request: Packet
    server: int | None = None  # its port, once that is known
    block_size: int = BLOCK
    came: dict[int, Span] = field(default_factory=dict)  # blocks; an OACK is block 0
    # How often each has come since the last acknowledgement, and when it last did.
    since: dict[int, tuple[int, Span]] = field(default_factory=dict)
    heard: bool = False  # the guest has acknowledged something
    again: bool = False  # the guest has asked once more, instead
    others: Bounded[int, None] = field(default_factory=lambda: Bounded(_PORTS))  # answered, too
    last: int | None = None  # the block that is the last, once it has come
    told: set[str] = field(default_factory=set)  # codes

    def waits(self, request: Packet, when: Span) -> bool:
        """For an acknowledgement, when it is asked for once more."""
        if self.heard or request != self.request:
            return False
        return when.most(max((came for _, came in self.since.values()), default=NEVER)) < AGAIN


@dataclass(slots=True)
class _Pace:
    """What an end of the guest's has sent last."""

    packet: Packet
    # When, for each time after APART for which nothing had come, and for each after an ERROR.
    sent: deque[Span] = field(default_factory=lambda: deque(maxlen=REPEATS))
    refused: deque[Span] = field(default_factory=lambda: deque(maxlen=REPEATS))
    came: int = 0  # what has come, and sends that it explains have not been seen yet
    errors: int = 0  # of the same kind
    told: bool = False
    last: Frame | None = None  # the last that was sent
    twice: int = 0  # blocks that were acknowledged again at once, with nothing that explains it

    def comes(self, *, is_error: bool) -> None:
        self.sent.clear()
        if is_error:
            self.errors += 1
        else:
            self.came += 1

    def repeats(self, packet: Packet, frame: Frame) -> bool:
        """Once more at once, and by a packet of its own: a driver may send one frame twice."""
        last, self.last = self.last, frame
        if packet.opcode in _ASKS:
            self.twice = 0
        if last is None or packet != self.packet or self.came or self.errors or self.sent:
            return False
        self.twice += last.data != frame.data and frame.when.most(last.when) < AT_ONCE
        return packet.opcode == tftp.ACK and self.twice == TWICE

    def again(self, packet: Packet, when: Span) -> str:
        """What is wrong with the pace."""
        if packet != self.packet:
            self.packet = packet
            self.sent.clear()
            self.refused.clear()
            if packet.opcode in _ASKS:
                self.came = self.errors = 0
        if self.errors:
            self.errors -= 1
            self.refused.append(when)
            if len(self.refused) == REPEATS and when.most(self.refused[0]) < REFUSED:
                took = f"{when.most(self.refused[0]):.3f} s"
                return f"sent again {REPEATS} times in {took}, and refused each time before"
        elif self.came:
            self.came -= 1
        elif not self.sent or when.least(self.sent[-1]) >= APART:
            self.sent.append(when)
            if len(self.sent) == REPEATS and when.most(self.sent[0]) < FAST:
                return f"sent {REPEATS} times in {when.most(self.sent[0]):.3f} s"
        return ""


class TftpChecker:
    def __init__(self, tally: Tally, udp: UdpChecker) -> None:
        self._tally = tally
        self._udp = udp
        self._transfers = Bounded[tuple[Address, bytes], _Transfer](MAX_TRANSFERS)
        self._paces = Bounded[tuple[Address, bytes], _Pace](MAX_TRANSFERS)
        self._found: list[Finding] = []

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, datagram = frame.ip, frame.udp
        if packet is None or datagram is None:
            if frame.icmp is not None and frame.icmp.type == icmp.UNREACHABLE:
                self._closed(frame.icmp.payload)
            return self._take_found()
        key = (packet.source, datagram.source), packet.destination
        if datagram.destination == _DHCP_SERVER:
            if _begins_anew(datagram.payload):
                self._transfers.clear()
                self._paces.clear()
        elif datagram.destination == _REQUESTS and _opcode(datagram.payload) in _ASKS:
            self._asks(key, _decoded(datagram.payload), frame)
        elif self._transfers:
            transfer = self._transfers.get(key)
            if transfer is not None and datagram.destination == transfer.server:
                answer = _decoded(datagram.payload)
                self._hurries(key, answer, frame)
                self._answers(key, transfer, packet, answer)
            elif transfer is not None and datagram.destination in transfer.others:
                self._prefers(key, transfer, packet, _decoded(datagram.payload))
        return self._take_found()

    def _take_found(self) -> Iterator[Finding]:
        found, self._found = self._found, []
        return iter(found)

    def _closed(self, quote: bytes) -> None:
        """The guest says that nobody listens any more where the quoted datagram went."""
        about = versions.outline(quote)
        if about is not None and len(quote) >= about.body + 4:
            port = int.from_bytes(quote[about.body + 2 : about.body + 4], "big")
            transfer = self._transfers.pop(((about.destination, port), about.source), None)
            if transfer is None or transfer.last not in transfer.since or transfer.again:
                return
            last = transfer.last
            if transfer.since[last][0] >= _KEPT:
                text = f"its port is closed, expected ACK {last} first"
                self._tell(transfer, rules.LAST_UNHEARD, f"{text} ({rules.LAST_UNHEARD.rfc})")

    def _asks(self, key: tuple[Address, bytes], request: Packet | None, frame: Frame) -> None:
        if request is None:
            return
        self._hurries(key, request, frame)
        self._udp.begin(key[0], key[1])
        wrong = [name for name in _NUMBERS if not _is_number(request.options.get(name, "0"))]
        if request.mode not in _MODES:
            text = f"{end_text(key[0])}: {request}: expected the mode octet (RFC 1350 5)"
            self._found.append(Finding(rules.MODE, text))
        elif wrong:
            text = (
                f"{end_text(key[0])}: {request}: the value of {' and '.join(wrong)} is no decimal"
            )
            text += ' number in ASCII, expected digits as in "1024" (RFC 2347)'
            self._found.append(Finding(rules.OPTION_VALUE, text))
        if request.opcode == tftp.RRQ:
            before = self._transfers.get(key)
            if before is not None and before.waits(request, frame.when):
                before.again = True
            else:
                self._transfers[key] = _Transfer(key[0], request)

    def _hurries(self, key: tuple[Address, bytes], packet: Packet | None, frame: Frame) -> None:
        if packet is None:
            return
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = _Pace(packet)
        if pace.repeats(packet, frame):
            text = f"{end_text(key[0])}: {packet}, the {TWICE}rd that comes twice within"
            text += f" {AT_ONCE * 1000:.0f} ms, with no DATA in between, expected one"
            self._found.append(Finding(rules.ACK_TWICE, f"{text} (RFC 1123 4.2.3.1)"))
        text = pace.again(packet, frame.when)
        if text and not pace.told:
            pace.told = True
            text = f"{end_text(key[0])}: {packet}: {text}, expected a pause of a second, and longer"
            self._found.append(Finding(rules.TOO_FAST, f"{text} each time (RFC 1123 4.2.3.2)"))

    def _answers(
        self, key: tuple[Address, bytes], transfer: _Transfer, ip: Ipv4, packet: Packet | None
    ) -> None:
        if packet is None or packet.opcode != tftp.ACK:
            if packet is not None and packet.opcode in _ASKS:
                text = f"{packet} to port {transfer.server}, from which an answer had come,"
                text += f" expected ACK {max(transfer.came)} ({rules.REQUEST_THERE.rfc})"
                self._tell(transfer, rules.REQUEST_THERE, text)
            self._forget(key, transfer, ip.ends)
            return
        self._tally[Occasion.TFTP_ACK] += 1
        transfer.heard = True
        transfer.since.clear()
        if packet.block not in transfer.came:
            expected = max(transfer.came)
            hint = mistakes.byte_order(packet.block, (expected,))
            text = f"{packet}, which has not come; expected {expected} (RFC 1350 2){hint}"
            self._tell(transfer, rules.WRONG_ACK, text)
        elif packet.block >= WATCHED:
            self._forget(key, transfer, ip.ends)

    def _prefers(
        self, key: tuple[Address, bytes], transfer: _Transfer, ip: Ipv4, packet: Packet | None
    ) -> None:
        """It says something to a port that is not followed; an ERROR turns it away."""
        if packet is None or packet.opcode != tftp.ERROR:
            self._forget(key, transfer, ip.ends)

    def _forget(self, key: tuple[Address, bytes], transfer: _Transfer, ends: bytes) -> None:
        for port in (transfer.server, *transfer.others):
            if port is not None:
                self._udp.unwatch(_flow(ends, transfer, port))
        self._transfers.pop(key, None)

    def _tell(self, transfer: _Transfer, rule: Rule, text: str) -> None:
        if rule.code not in transfer.told:
            transfer.told.add(rule.code)
            self._found.append(Finding(rule, f"{end_text(transfer.guest)}: {text}"))

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: Frame) -> Iterator[Finding]:
        packet, datagram = frame.ip, frame.udp
        if packet is None or datagram is None or not self._paces:
            return iter(())
        key = (packet.destination, datagram.destination), packet.source
        pace = self._paces.get(key)
        if pace is not None:
            pace.comes(is_error=_opcode(datagram.payload) == tftp.ERROR)
        transfer = self._transfers.get(key)
        ends = packet.destination + packet.source
        if transfer is None:
            return self._take_found()
        self._udp.watch(_flow(ends, transfer, datagram.source))
        if transfer.server not in (None, datagram.source):
            transfer.others[datagram.source] = None
        else:
            transfer.server = datagram.source
            answer = _decoded(datagram.payload)
            is_long = len(transfer.came) >= _MOST
            if is_long or answer is None or answer.opcode not in (tftp.DATA, tftp.OACK):
                self._forget(key, transfer, ends)
            else:
                self._comes(transfer, answer, frame.when)
        return self._take_found()

    def _comes(self, transfer: _Transfer, packet: Packet, when: Span) -> None:
        if packet.opcode == tftp.OACK:
            size = packet.options.get("blksize", "")
            transfer.block_size = int(size) if _is_number(size) and len(size) <= _DIGITS else BLOCK
        block = packet.block
        transfer.came.setdefault(block, when)
        copies, before = transfer.since.get(block, (0, NEVER))
        if when.least(before) < PAUSE:
            return
        copies += 1
        transfer.since[block] = copies, when
        is_last = packet.opcode == tftp.DATA and len(packet.data) < transfer.block_size
        if is_last:
            transfer.last = block
        if copies == COPIES:
            rule = rules.LAST_UNHEARD if is_last and not transfer.again else rules.NO_ACK
            came = f"came {COPIES} times in {when.least(transfer.came[block]):.0f} s"
            self._tell(transfer, rule, f"{packet} {came}, expected ACK {block} ({rule.rfc})")


def _decoded(payload: bytes | memoryview) -> Packet | None:
    try:
        return tftp.decode(bytes(payload))
    except Malformed:
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _opcode(payload: bytes | memoryview) -> int:
    return int.from_bytes(payload[:2], "big")


def _begins_anew(message: bytes | memoryview) -> bool:
    try:
        return dhcp.decode(message).leaves_address
    except Malformed:
        return True


def _flow(ends: bytes, transfer: _Transfer, server: int) -> bytes:
    ports = transfer.guest[1], server
    return ends + b"".join(port.to_bytes(2, "big") for port in ports)
