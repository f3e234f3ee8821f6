"""One rule at work, in both directions of the wire: which frames it takes, and what it does.

The order within a rule is netem's: double, lose, spoil, then wait: for the wire to be free at
`rate`, and for `delay`, or not at all for those that are reordered. Fragments are cut before they
wait. What a rule has done to a frame is told in a sentence. `corrupt` leaves alone what is not
IPv4: a real wire's check sequence would show it there, and nothing else does.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from pynat.impair.dice import Bursts, Lateness, Occurrence
from pynat.impair.fragments import Cutter
from pynat.impair.frame_view import FrameView
from pynat.impair.rule import Chance, Delay, GilbertElliott, ImpairRule

MAX_FLOWS = 65_536  # that a rule tells apart; then it counts anew
CUT = "one of"  # begins what is said of a fragment that is as it should be
_HEADER = 14


class Fate(NamedTuple):
    """frame: as it goes on, None if it is lost. due: when. said: what was done to it."""

    frame: bytes | None
    due: float
    said: str


class RuleDirection:
    """One direction of a rule."""

    def __init__(self, rule: ImpairRule, dice: Random) -> None:
        self._rule = rule
        self._dice = dice
        never = Chance(0.0)
        loss = rule.loss or never
        self._loses = (
            Bursts(loss, dice) if isinstance(loss, GilbertElliott) else Occurrence(loss, dice)
        )
        self._doubles = Occurrence(rule.duplicate or never, dice)
        self._spoils = Occurrence(rule.corrupt or never, dice)
        self._cutter = Cutter(dice) if rule.fragment else None
        self._late = Lateness(rule.delay or Delay(0.0), dice)
        reorder = rule.reorder
        self._overtakes = Occurrence(reorder.chance if reorder else never, dice)
        self._gap = reorder.gap if reorder else 0
        self._since = 0  # frames that were not reordered
        self._free = 0.0  # when the wire has sent all that is before
        self.waiting = 0  # frames

    def treat(self, view: FrameView, now: float) -> list[Fate]:
        frame, rule = view.frame, self._rule
        if rule.drop:
            return [Fate(None, now, "dropped")]
        if rule.flap is not None and (now - (rule.after or 0.0)) % sum(rule.flap) < rule.flap[0]:
            return [Fate(None, now, "lost, the wire is down")]
        doubled = self._doubles()
        lost = self._loses()
        if lost and not doubled:
            return [Fate(None, now, "lost")]
        said = "duplicate lost" if lost else ""
        frame, what = self._spoilt(view)
        said = " and ".join(filter(None, (said, what)))
        fates = self._cut(frame, now, said)
        if doubled and not lost:
            fates += self._cut(bytes(bytearray(frame)), now, "duplicate")
        return fates

    def _cut(self, frame: bytes, now: float, said: str) -> list[Fate]:
        pieces = [frame]
        if self._cutter is not None and self._rule.fragment is not None:
            pieces = self._cutter.cut(frame, self._rule.fragment)
        if len(pieces) > 1:
            said = " and ".join(filter(None, (said, f"{CUT} {len(pieces)} fragments")))
        return [self._wait(piece, now, said) for piece in pieces]

    def _spoilt(self, view: FrameView) -> tuple[bytes, str]:
        frame, rule = view.frame, self._rule
        said = []
        if rule.truncate is not None and len(frame) > rule.truncate:
            frame = frame[: rule.truncate]
            said.append(f"cut to {rule.truncate} bytes")
        if rule.flip is not None:
            place = view.place_of(rule.flip)
            if place is not None and place < len(frame):
                frame = _flipped(frame, place, 0)
                said.append(f"a bit of {rule.flip} turned")
        if self._spoils() and "ip" in view.kinds and len(frame) > _HEADER:
            place, bit = self._dice.randrange(_HEADER, len(frame)), self._dice.randrange(8)
            frame = _flipped(frame, place, bit)
            said.append(f"bit {bit} of byte {place} turned")
        return frame, " and ".join(said)

    def _wait(self, frame: bytes, now: float, said: str) -> Fate:
        rule = self._rule
        if rule.delay is None and rule.rate is None:
            return Fate(frame, now, said)
        if self._is_reordered():
            return Fate(frame, now, f"{said} and overtakes" if said else "overtakes")
        if self.waiting >= rule.limit:
            return Fate(None, now, f"lost, {rule.limit} wait already")
        sent = now
        if rule.rate is not None:
            self._free = sent = max(now, self._free) + len(frame) * 8 / rule.rate
        due = sent + self._late()
        late = f"{(due - now) * 1000:.3g} ms late"
        return Fate(frame, due, f"{said} and {late}" if said else late)

    def _is_reordered(self) -> bool:
        if not self._gap:
            return False
        self._since += 1
        if self._since >= self._gap and self._overtakes():
            self._since = 0
            return True
        return False


def _flipped(frame: bytes, place: int, bit: int) -> bytes:
    spoilt = bytearray(frame)
    spoilt[place] ^= 1 << bit
    return bytes(spoilt)


class ActiveRule:
    """A rule with its number, how many frames it has chosen from, and what it has done."""

    def __init__(self, number: int, rule: ImpairRule, seed: int) -> None:
        self.number = number
        self.rule = rule
        self.directions = {
            to_guest: RuleDirection(rule, Random(f"{seed}/{number}/{to_guest:d}"))
            for to_guest in (False, True)
        }
        self.matched = 0  # frames that fit, before nth, first and every choose
        self.treated = 0  # frames that something was done to
        self.lost = 0
        self._flows: dict[bytes, int] = {}
        self._flow_count = 0

    def wants(self, view: FrameView, count: int, now: float) -> bool:
        """A frame that the rule fits. count: of frames on the wire, this one included."""
        rule = self.rule
        if rule.port is not None and rule.port not in view.ports:
            return False
        if rule.host is not None and not view.has_host(rule.host.packed):
            return False
        return self._is_chosen(view, count, now)

    def _is_chosen(self, view: FrameView, count: int, now: float) -> bool:
        rule = self.rule
        if rule.longer is not None and len(view.frame) <= rule.longer:
            return False
        if rule.frame is not None and count != rule.frame:
            return False
        if rule.after is not None and now < rule.after:
            return False
        if rule.until is not None and now >= rule.until:
            return False
        if rule.flow is not None and self._flow_of(view) != rule.flow:
            return False
        self.matched += 1
        return (
            (rule.nth is None or self.matched == rule.nth)
            and (rule.first is None or self.matched <= rule.first)
            and (rule.every is None or self.matched % rule.every == 0)
        )

    def _flow_of(self, view: FrameView) -> int:
        """Flows are counted by the first of their frames that fits; 0 for a frame of none."""
        if not view.ends:
            return 0
        if view.ends not in self._flows:
            if len(self._flows) >= MAX_FLOWS:
                self._flows.clear()
            self._flow_count += 1
            self._flows[view.ends] = self._flow_count
        return self._flows[view.ends]
