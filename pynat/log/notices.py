"""What the engine has to say, counted and rate-limited, before anybody formats or shows it.

Protocol code says `notices.drop(rule, detail, now)` and goes on; nothing in the receive path
knows where the line goes. Every drop is counted under its rule even when its line is held
back. What says the same of several packets of a guest's is said of the first one and counted.
Beyond that the rate limit is a token bucket per kind of line in guest time: so many lines at once,
then so many a second, and the next line that comes through says how many were held back.

Whatever is said is made harmless here (`pynat.harmless`), for the log, the capture and the journal:
names and words of the guest's are in it. A text that is costly to make may be given as a function,
which is called only if the line is shown.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection
from enum import IntEnum
from typing import NamedTuple

from pynat.harmless import harmless, harmless_lines
from pynat.log.bad_wire import BadWire, Key
from pynat.log.comments import FrameComments, WireFault
from pynat.rules import Rule
from pynat.rules.ipv4 import FRAGMENT_REPEATED
from pynat.verdict import About, Cause, Verdict
from pynat.wire import ethernet, versions


class Rate(NamedTuple):
    burst: int  # lines at once
    per_second: float  # of guest time, afterwards


DROP_RATE = Rate(10, 1)  # per reason
FLOW_RATE = Rate(200, 20)  # openings and ends of flows
FINDING_RATE = Rate(3, 0.1)  # of one rule in one flow
SAME_RATE = Rate(1, 0.1)  # of one rule and card, that say the same of any packet
LAST = 200  # lines that are remembered, for `pynat ctl log`
_MAX_REMEMBERED = 4096  # rules in flows, and texts, remembered; then all are forgotten

Buckets = dict[str, tuple[float, float, int]]  # tokens, when, lines held back


class Level(IntEnum):
    """Bochs's own log levels that a network may use; it never panics."""

    DEBUG = 0
    INFO = 1
    ERROR = 2


class Line(NamedTuple):
    """One that was shown. now: guest time, where whoever said it knew."""

    now: float | None
    level: Level
    text: str


class JournalEntry(NamedTuple):
    """One drop or finding as it is: for those who want all of them."""

    now: float
    rule: Rule
    text: str
    frame: bytes | None  # None where it is about no single frame
    from_guest: bool
    packets: int
    dropped: bool
    number: int | None = None  # of the frame, where somebody counts
    cause: Cause | None = None


Journal = Callable[[JournalEntry], None]
Doubts = Callable[[Rule, float], bool]


class Notices:
    def __init__(
        self,
        write: Callable[[Level, str], None],
        silenced: Collection[str] = frozenset(),
        *,
        verbose: bool = False,
    ) -> None:
        """silenced: codes of rules that are counted and not shown.

        verbose: somebody reads DEBUG, so what is costly to say of every packet is worth it.
        """
        self.verbose = verbose
        self._write = write
        self.silenced = silenced
        self.last: deque[Line] = deque(maxlen=LAST)
        self.comments = FrameComments()
        self.bad_wire = BadWire()
        self.drops: Counter[Rule] = Counter()
        self.eaten: Counter[str] = Counter()  # what faults have left unanswered, by services
        self.findings: Counter[str] = Counter()  # of the linter, by code, without what follows
        self.verdict = Verdict()
        self._doubts: Doubts = _none
        self._journal: Journal | None = None
        self._buckets: Buckets = {}  # by kind of line
        self._in_flows: Buckets = {}  # by rule and flow
        self._texts: Buckets = {}  # by rule, card, and text without the packet's name

    @property
    def dropped(self) -> dict[str, int]:
        """Packets by the names of the rules, the most frequent first."""
        return {rule.name: count for rule, count in self.drops.most_common()}

    @property
    def is_kept(self) -> bool:
        """Whether a journal is told."""
        return self._journal is not None

    def doubt(self, doubts: Doubts) -> None:
        """Leave out what of a rule is, at a time, not sure."""
        self._doubts = doubts

    def keep_in(self, journal: Journal) -> None:
        """From now on it is told of all drops and findings that are not silenced."""
        self._journal = journal

    def say(self, level: Level, text: str) -> None:
        """One line, never held back: for what happens once (start, a bad config).

        It may have several lines, so nothing of a guest's belongs in it.
        """
        self._show(None, level, "\n".join(map(harmless, text.split("\n"))))

    def _show(self, now: float | None, level: Level, text: str) -> None:
        self.last.append(Line(now, level, text))
        self._write(level, text)

    def drop(
        self,
        rule: Rule,
        detail: str,
        now: float,
        level: Level = Level.INFO,
        count: int = 1,
        because: str = "",
    ) -> None:
        """Count packets that are neither forwarded nor answered, and say why.

        because: what else than the guest is to blame, if that is known.
        """
        if self._doubts(rule, now):
            return
        self.drops[rule] += count
        frame = self.comments.frame
        about = About(frame, frame is not None, self.comments.number_of(frame))
        detail = harmless(detail)
        is_first = self.verdict.of(rule.code) is None
        blamed = because or self._blamed(rule, frame)
        if blamed and frame is not None and rule is not FRAGMENT_REPEATED:
            self.bad_wire.lose(frame, blamed, now)
        other = Cause(blamed, None) if blamed else None
        cause = self.verdict.put(rule, detail, now, about, count, other)
        if rule.code in self.silenced:
            return
        if self._journal:
            self._journal(
                JournalEntry(now, rule, detail, *about[:2], count, True, about.number, cause)
            )
        text, follows = f"dropped: {rule.code} {rule.name}: {detail}", _because(cause)
        self.comments.add_here(text + follows)
        remedy = _remedy(rule) if is_first and cause is None else ""
        if (same := self._same(rule, about, detail, cause, now)) is not None:
            self.limited(rule.name, text + _frame(about) + follows + remedy + same, now, level)

    def _blamed(self, rule: Rule, frame: bytes | None) -> str:
        """The rule of a bad wire that, and not the guest, is to blame for a drop."""
        fault = self.comments.fault_of(frame)
        if fault is None or (fault.explains is not None and rule not in fault.explains):
            return ""
        return fault.cause

    def joined(self, datagram: Key, now: float) -> None:
        """The frame that the router is dealing with stands for the whole of it from now on."""
        by, frame = self.bad_wire.took_a_piece(datagram, now), self.comments.frame
        if by and frame is not None:
            self.comments.blame(frame, WireFault(by, None))

    def hides_reset(self) -> bool:
        """Whether the guest could not know, when it sent the frame that the router is dealing
        with, that its flow was reset."""
        frame, number_of = self.comments.frame, self.comments.number_of
        return frame is not None and self.bad_wire.hides_reset(frame, number_of(frame))

    def known_acks(self, flow: bytes) -> list[int] | None:
        """What was acknowledged, as far as the guest could know when it sent the frame that the
        router is dealing with; None where that is all."""
        return self.bad_wire.known_acks(flow, self.comments.number_of(self.comments.frame))

    def knew_ack(self, flow: bytes, ack: int) -> bool:
        """Whether the guest could know that to be acknowledged, on a bad wire."""
        number = self.comments.number_of(self.comments.frame)
        return self.bad_wire.knew_ack(flow, ack, number)

    def hides_mac(self, address: bytes, mac: bytes) -> bool:
        """The same of who has moved to this MAC address."""
        number = self.comments.number_of(self.comments.frame)
        return self.bad_wire.hides_mac(address, mac, number)

    def finding(
        self, rule: Rule, detail: str, now: float, frame: bytes | None, *, from_guest: bool = True
    ) -> None:
        """What the linter has against a frame: the first few of a flow are shown at once.

        frame: None where it is about no single one.
        """
        if self._doubts(rule, now):
            return
        about = About(frame, from_guest, self.comments.number_of(frame))
        detail = harmless(detail)
        is_first = self.verdict.of(rule.code) is None
        cause = self.verdict.put(rule, detail, now, about)
        if cause is None:
            self.findings[rule.code] += 1
        if rule.code in self.silenced:
            return
        text, because = f"{rule.code} {rule.severity}: {detail}", _because(cause)
        if self._journal:
            self._journal(
                JournalEntry(now, rule, detail, *about[:2], 1, False, about.number, cause)
            )
        of_flow = rule.code
        if frame is not None:
            self.comments.add(frame, text + because)
            of_flow += f" {versions.flow_key(frame)[0].hex()}"
        same = self._same(rule, about, detail, cause, now)
        if same is None:
            return
        if len(self._in_flows) >= _MAX_REMEMBERED:
            self._in_flows.clear()
        held_back = _admit(self._in_flows, of_flow, now, FINDING_RATE)
        if held_back is not None:
            remedy = _remedy(rule) if is_first and cause is None else ""
            more = f" ({held_back} more like it in this flow)" if held_back else ""
            line = f"lint: {text}{_frame(about)}{because}{remedy}{same}{more}"
            self.limited(rule.code, line, now)

    def _same(
        self, rule: Rule, about: About, detail: str, cause: Cause | None, now: float
    ) -> str | None:
        """How many said the same of other packets before; None if this one is only counted."""
        said, frame = detail, about.frame
        if frame is not None:
            name = versions.named_in(ethernet.untagged(frame))
            said = detail.partition(": ")[2] if name and detail.startswith(name) else detail
        if len(self._texts) >= _MAX_REMEMBERED:
            self._texts.clear()
        key = f"{rule.code} {_card(about).hex()} {cause and cause.code} {said}"
        held_back = _admit(self._texts, key, now, SAME_RATE)
        if held_back is None:
            return None
        return f" ({held_back} more that say the same)" if held_back else ""

    def limited(
        self,
        key: str,
        text: str | Callable[[], str],
        now: float,
        level: Level = Level.INFO,
        rate: Rate = DROP_RATE,
        *,
        lines: bool = False,
    ) -> None:
        """One line out of a kind that may come in floods; `key` names the kind.

        lines: a traceback, or what else has lines of its own.
        """
        held_back = _admit(self._buckets, key, now, rate)
        if held_back is None:
            return
        written = text if isinstance(text, str) else text()
        shown = harmless_lines(written) if lines else harmless(written)
        self._show(now, level, f"{shown} ({held_back} more like it)" if held_back else shown)


def _none(_rule: Rule, _now: float) -> bool:
    return False


def _frame(about: About) -> str:
    """For the log; a comment of a capture is beside its frame."""
    return "" if about.number is None else f"; frame {about.number}"


def _remedy(rule: Rule) -> str:
    """Where to look in the guest's code; what the network does stands in the text."""
    return "" if rule.protocol == "NET" else f"; look at: {rule.remedy}"


def _card(about: About) -> bytes:
    """The guest's, or nobody's."""
    if about.frame is None:
        return b""
    return about.frame[6:12] if about.from_guest else about.frame[:6]


def _because(cause: Cause | None) -> str:
    return f"; {cause}" if cause else ""


def _admit(buckets: Buckets, key: str, now: float, rate: Rate) -> int | None:
    """How many were held back before this line; None if it is held back too."""
    tokens, since, held_back = buckets.get(key, (float(rate.burst), now, 0))
    tokens = min(rate.burst, tokens + (now - since) * rate.per_second)
    if tokens < 1:
        buckets[key] = (tokens, now, held_back + 1)
        return None
    buckets[key] = (tokens - 1, now, 0)
    return held_back
