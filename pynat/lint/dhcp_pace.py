"""How fast a DHCP client repeats a message, and the time that its field secs tells (RFC 2131 4.1).

Whoever sends the same kind of message again, with nothing that came between, repeats it. A REQUEST
that takes an OFFER has the DISCOVER's secs also when it is repeated (RFC 2131 4.4.1).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.rules import Rule
from pynat.rules import dhcp_client as rules
from pynat.rules.occasions import Occasion
from pynat.wire import dhcp, mistakes
from pynat.wire.dhcp import Message

REPEATS = 5  # messages of which the pauses are compared; boot ROMs begin fast
MIN_PAUSE = 2.0  # seconds that one of them must have; RFC 2131 4.1 has 4, 8, 16, 32
GROWN = 1.5  # times the longest pause before; who doubles begins as fast as it likes
STEADY = 5  # pauses, of which ...
TWICE = 2.0  # ... the longest is below so many times the shortest: 4 s may be 3 to 5 (RFC 2131 4.1)
SELDOM = 30.0  # seconds of a pause which need not grow
LITTLE = 256  # secs; less has nothing in its higher byte
ROUNDED = 1.5  # seconds; each of two values of secs may be rounded
SLOW = 5.0  # seconds in which secs must have grown

Tell = Callable[[Rule, str], None]


@dataclass(slots=True)
class _Repeats:
    kind: int = 0
    sent: deque[tuple[Span, int]] = field(default_factory=lambda: deque(maxlen=REPEATS))
    told: set[str] = field(default_factory=set)
    pauses: int = 0
    shortest: float = math.inf  # seconds at least
    longest: float = 0.0  # seconds at most

    def hurry(self) -> str:
        """How it repeats without waiting longer, if it does."""
        (*before, last) = (now.most(then) for (then, _), (now, _) in pairwise(self.sent))
        self.pauses += 1
        self.shortest = min(self.shortest, self.sent[-1][0].least(self.sent[-2][0]))
        self.longest = max(self.longest, last)
        if len(self.sent) == REPEATS and max(*before, last) < MIN_PAUSE:
            if last < GROWN * max(before):
                return f"sent again after {last:.3f} s, the fifth time at least"
        elif self.pauses >= STEADY and self.longest < min(TWICE * self.shortest, SELDOM):
            return f"sent {self.pauses + 1} times, never more than {self.longest:.3f} s apart"
        return ""

    def backwards(self) -> str:
        """Whether secs has grown as time has only if its bytes are swapped."""
        (begun, first), (now, last) = self.sent[0], self.sent[-1]
        passed = now.most(begun)
        grown = mistakes.swapped(last) - mistakes.swapped(first)
        if last < LITTLE or last - first <= 2 * passed or abs(grown - passed) > ROUNDED:
            return ""
        text = f"secs is {last}, and was {first} {passed:.0f} s ago (RFC 2131 2)"
        return text + mistakes.byte_order(last, {mistakes.swapped(last)})


class Pace:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._repeats = _Repeats()
        self._rounds: deque[Span] = deque(maxlen=REPEATS)  # DISCOVERs in a row, each after a NAK

    def is_answered(self) -> None:
        self._repeats = _Repeats()

    def sends(self, message: Message, when: Span, tell: Tell) -> None:
        repeats = self._repeats
        if repeats.kind != message.kind:
            repeats = self._repeats = _Repeats(message.kind)
        sent = repeats.sent
        sent.append((when, message.seconds))
        if message.kind not in (dhcp.DISCOVER, dhcp.ASK):
            return
        if len(sent) > 1:
            self._tally[Occasion.DHCP_AGAIN] += 1
            if (hurry := repeats.hurry()) and "" not in repeats.told:
                repeats.told.add("")
                tell(rules.TOO_FAST, f"{hurry}; expected {_pauses(message)}")
        takes = message.kind == dhcp.ASK and dhcp.SERVER in message.options
        slow = not takes and len(sent) >= 3 and when.least(sent[0][0]) >= SLOW
        if slow and len({secs for _, secs in sent}) == 1 and "secs" not in repeats.told:
            repeats.told.add("secs")
            text = f"secs is {message.seconds}, as {when.least(sent[0][0]):.0f} s ago"
            tell(rules.SECONDS, f"{text} (RFC 2131 2)")
        if not takes and "order" not in repeats.told and (text := repeats.backwards()):
            repeats.told.add("order")
            tell(rules.SECONDS, text)

    def begins(self, when: Span, tell: Tell, *, refused: bool) -> None:
        """By DISCOVER. refused: by a NAK; one or two may be of an address that it had."""
        rounds = self._rounds
        if not refused:
            rounds.clear()
            return
        self._tally[Occasion.DHCP_AGAIN] += 1
        if rounds and when.most(rounds[-1]) >= MIN_PAUSE:
            rounds.clear()
        rounds.append(when)
        if len(rounds) == REPEATS:
            text = f"the {REPEATS}th in {when.most(rounds[0]):.3f} s, each after a NAK; expected"
            tell(rules.TOO_FAST, f"{text} a pause of 1 s to 10 s before it (RFC 2131 4.4.1)")
            rounds.clear()


def _pauses(message: Message) -> str:
    if message.ciaddr == dhcp.ZERO:
        return "pauses of 4, 8, 16, 32 s (RFC 2131 4.1)"
    return "half of the time left to T2, then to the lease's end, 60 s at least (RFC 2131 4.4.5)"
