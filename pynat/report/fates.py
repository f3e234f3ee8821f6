"""What became of a frame on its way, by what the capture says of it (`pynat.log.comments`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pynat.log.comments import IMPAIRED, NOT_DELIVERED

LOST, DROPPED, CHANGED = "lost", "dropped", "changed"
_SCRIPT = "a script"
_DROPPED = re.compile(r"dropped: (\w+ [^:]+)")  # code and name of the rule


class Fate(NamedTuple):
    """kind: lost on the wire, dropped by the router, or changed: another one, or at another time.

    by: what did it, the same words for all that have met the same.
    """

    kind: str
    by: str


def fate(remarks: Sequence[str], *, lost: bool) -> Fate | None:
    """The worst of what is said of a frame. lost: it did not come to the other end."""
    found = [one for one in map(_of, remarks) if one is not None]
    if lost:
        return Fate(LOST, found[0].by if found else "the capture says no more")
    return min(found, key=lambda one: one.kind != DROPPED, default=None)


def _of(remark: str) -> Fate | None:
    if dropped := _DROPPED.match(remark):
        return Fate(DROPPED, dropped[1])
    if remark.startswith(NOT_DELIVERED):
        return Fate(LOST, "the card took no frames")
    if remark.startswith(IMPAIRED):
        return Fate(CHANGED, remark.rpartition("): ")[0] + ")")
    if remark == "dropped by a script":
        return Fate(LOST, _SCRIPT)
    return Fate(CHANGED, _SCRIPT) if remark == "changed by a script" else None
