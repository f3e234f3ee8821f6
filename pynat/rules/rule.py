"""What a guest's stack can do wrong: one Rule for each, which everything that tells of it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pynat.rules.occasions import Occasion


class Severity(StrEnum):
    ERROR = "error"  # the guest does not work, or other hosts refuse what it sends
    WARNING = "warning"  # it works here and now, and fails or is slow elsewhere
    NOTE = "note"  # worth knowing; not the guest's mistake, or a habit that harms nobody


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """code: `TCP001`, never given to another rule. name: what counters and logs call it.

    summary: what the guest did, one sentence. why: what comes of it. remedy: what to change.
    rfc: where it is written ("RFC 9293 3.1"), or "" where no standard says anything.
    exercised: what gives it its chance. leads_to: codes of rules that a guest breaks because of it,
    later or by the same frame, and which would be silent without it. stays: for as long as the
    guest runs; it is told once.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    rfc: str
    why: str
    remedy: str
    exercised: Occasion = field(kw_only=True)
    leads_to: tuple[str, ...] = field(default=(), kw_only=True)
    stays: bool = field(default=False, kw_only=True)

    @property
    def protocol(self) -> str:
        """The letters of the code, `TCP`."""
        return self.code.rstrip("0123456789")
