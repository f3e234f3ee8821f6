"""Frames that a driver gives to the card twice, now and then: a descriptor is told of twice.

The copy follows at once, with nothing to the guest in between, and is the same to the last byte.
A stack that sends or acknowledges again does so later, after something came, or with another
identification of IPv4; one whose identifications stay the same is not looked at, and no reply to a
ping: it may have that of its request, which a wire may have doubled. All frames twice is what
whoever looks on may see, and `ethernet.py` looks for in ARP.

Where all frames share one buffer, of those that are sent at once each has the bytes of the last
one, and its own length, which the total length of IPv4 in it does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Finding
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import ethernet as rules
from pynat.wire import ethernet, icmp, ipv4

AT_ONCE = 0.005  # seconds
ENOUGH = 3  # each with another identification
_IPV4 = b"\x08\x00"
_PACKET = slice(ethernet.HEADER.size, None)
_IDENT = slice(18, 20)
_REMEMBERED = 16
_IHL, _PROTOCOL = 14, 23
_SHORTEST = 60  # bytes; it may have been filled up once and not the other time
_ALWAYS = 2  # frames from one copy to the next


class Doubles:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._idents = Bounded[bytes, None](_REMEMBERED)  # of copies
        self._before = 0  # frames up to the last copy

    def shares(self, frame: bytes, before: bytes, first: Span, when: Span) -> Iterator[Finding]:
        """Both begin alike, have other lengths, and the one before was sent then."""
        size = min(len(frame), len(before))
        if size <= _SHORTEST or frame[:size] != before[:size] or when.most(first) > AT_ONCE:
            return
        frame = ethernet.untagged(frame)
        if frame[12:14] == _IPV4:
            text = f"{ipv4.named(frame[_PACKET])} ident 0x{frame[_IDENT].hex()}: the frame before,"
            text += f" {when.most(first) * 1000:.3f} ms ago, has the same {size} bytes, and"
            text += f" {len(before)} in all, this one {len(frame)}: was it filled into the same"
            text += " buffer before the card had read that?"
            yield Finding(rules.SHARED_BUFFER, text)

    def again(self, frame: bytes, first: Span, when: Span) -> Iterator[Finding]:
        """It is the same as the one before, which was sent then."""
        sent, before = self._tally.frames_sent, self._before
        self._before = sent
        frame = ethernet.untagged(frame)
        ident = frame[_IDENT]
        is_numbered = frame[12:14] == _IPV4 and any(ident)
        if (
            not is_numbered
            or _is_reply(frame)
            or sent - before <= _ALWAYS
            or when.most(first) > AT_ONCE
        ):
            return
        is_new = ident not in self._idents
        self._idents[ident] = None
        if is_new and len(self._idents) >= ENOUGH:
            text = f"{ipv4.named(frame[_PACKET])} ident 0x{ident.hex()}: the same frame came"
            text += f" {when.most(first) * 1000:.3f} ms before, expected once (IEEE 802.3 4.2)"
            yield Finding(rules.SOME_TWICE, text)


def _is_reply(frame: bytes) -> bool:
    """To a ping."""
    at = _IHL + 4 * (frame[_IHL] & 0xF)
    is_icmp = frame[_PROTOCOL : _PROTOCOL + 1] == bytes((ipv4.ICMP,))
    return is_icmp and frame[at : at + 1] == bytes((icmp.ECHO_REPLY,))
