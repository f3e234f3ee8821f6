"""What is known of a guest beside its connection."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pynat.lint.span import NEVER, Span
from pynat.lint.tcp.side import Side

_STAMPED = 64  # connections with timestamps, remembered
_TOGETHER = 0.0015  # seconds; the longest frame takes 1.24 ms at 10 Mbit/s
_RESOLVES = 1.0  # seconds for which a segment may wait for an answer by ARP


@dataclass(slots=True)
class Common:
    """What the connections of one guest share."""

    served: set[int] = field(default_factory=set)  # ports at which others answer
    source: int = 0  # port of the guest's last SYN that opened a connection
    swapped_steps: int = 0  # SYNs in a row whose port follows the one before if bytes are swapped
    swaps_source: bool = False  # the bytes of that are swapped
    alive: Span = NEVER  # when the guest's last frame came, but for questions by ARP
    asked: Span = NEVER  # when its last question by ARP came
    asking: Span = NEVER  # when the first of those came between which it sent nothing else
    _resolves: bool = False  # that was for another address, and nothing has been sent since
    _released: Span = NEVER  # when the first packet behind it came
    called: Span = NEVER  # when the first came since its last frame that it has to answer
    silent: Span = NEVER  # its last frame, if that it was the last one is told
    booted: Span = NEVER  # when it last asked for an address, having none
    icmp_error: Span = NEVER  # it makes a guest send again at once (RFC 1191, RFC 6069)
    ticked: tuple[int, Span] = (-1, NEVER)  # the last timestamp, and when it was first seen
    fins_behind: int = 0  # FINs in a row, each acknowledged right behind its copy
    late_acks: int = 0  # in a row, behind copies of what they acknowledge
    behind_copies: int = 0  # acknowledgements of a segment in a row, each right behind its copy
    late_duplicates: int = 0  # acknowledgements in a row; two where much was out of order
    late_time_out: float = 0.0  # seconds of the last one that was much longer than the round trips
    late_time_outs: int = 0  # as long as the one before, in a row
    resets_came: int = 0
    resets_answered: int = 0  # of these, by RST, with no other reason
    resets: int = 0  # of connections in a row that could have been closed
    late_fins: int = 0  # in a row, with none that was in time
    overtaken: int = 0  # times that a segment came at once behind the one that it goes before
    unpushed: int = 0  # times that the other end had to answer without PSH
    stamped: deque[tuple[str, Side]] = field(default_factory=lambda: deque(maxlen=_STAMPED))

    def asks(self, when: Span, *, for_another: bool) -> None:
        """By ARP; meanwhile it cannot answer. for_another: who may have to wait for that."""
        if not (for_another and self._resolves):
            self.asking = when
        self.asked, self._resolves = when, for_another

    @property
    def heard(self) -> Span:
        """When anything came from it."""
        return max(self.alive, self.asked)

    def calls(self, when: Span) -> None:
        """Something comes that it has to answer."""
        if self.called.first <= self.heard.last:
            self.called = when

    def speaks(self, when: Span) -> None:
        """By IP, to somebody whose MAC address it has."""
        if self._resolves:
            self._resolves, self._released = False, when

    def handed_over(self, sent: Span) -> Span:
        """When what was sent began to wait for an answer by ARP, maybe: a time-out counts from
        there. What waited leaves together."""
        waited = sent.least(self._released) < _TOGETHER
        return self.asking if waited and 0 <= sent.least(self.asked) < _RESOLVES else sent

    def whose(self, stamp: int, peer: Side) -> str:
        """The other end that has sent this timestamp last, and is not the one in question."""
        others = (name for name, side in self.stamped if side.stamp == stamp and side is not peer)
        return next(others, "")
