"""What the engine has to say, counted and rate-limited, before anybody formats or shows it.

Protocol code says `notices.drop(reason, detail, now)` and goes on; nothing in the receive path
knows where the line goes. Every drop is counted under its reason even when its line is held
back. The rate limit is a token bucket per kind of line in guest time: so many lines at once, then
so many a second, and the next line that comes through says how many were held back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from enum import IntEnum
from typing import NamedTuple

from pynat.remarks import Remarks
from pynat.rules import BY_NAME, Rule


class Rate(NamedTuple):
    burst: int  # lines at once
    per_second: float  # of guest time, afterwards


FAULTS = Rate(10, 1)  # per reason
FLOWS = Rate(200, 20)  # openings and ends of flows


class Level(IntEnum):
    """Bochs's own log levels that a network may use; it never panics."""

    DEBUG = 0
    INFO = 1
    ERROR = 2


class Notices:
    def __init__(
        self, write: Callable[[Level, str], None], silenced: Collection[str] = frozenset()
    ) -> None:
        """silenced: codes of rules that are counted and not shown."""
        self._write = write
        self._silenced = silenced
        self.remarks = Remarks()
        self.drops: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()  # of the linter, by code
        self._buckets: dict[str, tuple[float, float, int]] = {}  # reason: tokens, when, held back

    def say(self, level: Level, text: str) -> None:
        """One line, never held back: for what happens once (start, a bad config)."""
        self._write(level, text)

    def drop(
        self, reason: str, detail: str, now: float, level: Level = Level.INFO, count: int = 1
    ) -> None:
        """Count packets that are neither forwarded nor answered, and say why."""
        self.drops[reason] += count
        rule = BY_NAME.get(reason)
        name = f"{rule.code} {reason}" if rule else reason
        if rule and rule.code in self._silenced:
            return
        self.remarks.add_here(f"dropped: {name}: {detail}")
        self.limited(reason, f"dropped: {name}: {detail}", now, level)

    def finding(self, rule: Rule, detail: str, now: float, frame: bytes) -> None:
        """What the linter has against a frame."""
        self.findings[rule.code] += 1
        if rule.code in self._silenced:
            return
        text = f"{rule.code} {rule.severity}: {detail}"
        self.remarks.add(frame, text)
        self.limited(rule.code, f"lint: {text}", now)

    def limited(
        self,
        key: str,
        text: str,
        now: float,
        level: Level = Level.INFO,
        rate: Rate = FAULTS,
    ) -> None:
        """One line out of a kind that may come in floods; `key` names the kind."""
        tokens, since, held_back = self._buckets.get(key, (float(rate.burst), now, 0))
        tokens = min(rate.burst, tokens + (now - since) * rate.per_second)
        if tokens < 1:
            self._buckets[key] = (tokens, now, held_back + 1)
            return
        self._buckets[key] = (tokens - 1, now, 0)
        self._write(level, f"{text} ({held_back} more like it)" if held_back else text)
