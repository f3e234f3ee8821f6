"""What is left when the network ends, or the capture.

It is judged by the guest's last frame: of a guest that was switched off before, nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence

from pynat.lint.span import Span
from pynat.lint.tcp.side import Side, Tell
from pynat.rules import tcp_ending as rules

_LONG = 10.0  # seconds
_GAVE_UP = 30.0  # seconds
_MOST = 4  # connections named


def look_for_fin(since: Span, alive: Span, tell: Tell) -> None:
    """since: when the other end had closed."""
    waited = alive.least(since)
    if waited > _LONG:
        tell(rules.NEVER_CLOSES, f"no FIN at the end, the other end's came {waited:.1f} s before")


def look_at_reset(since: Span, alive: Span, tell: Tell) -> None:
    """The other end waits no longer for the guest's FIN."""
    waited = alive.least(since)
    if waited > _GAVE_UP:
        text = f"no FIN for {waited:.1f} s, then the other end, whose FIN had come, has sent RST"
        tell(rules.NEVER_CLOSES, text)


def look_at_unread(guest: Side, since: Span, alive: Span, tell: Tell) -> None:
    """A window that was closed and never opened, of a guest that has sent FIN."""
    waited = alive.least(since)
    if waited <= _LONG:
        return
    full = f"its window is 0 for {waited:.1f} s"
    if not guest.fin_window:
        tell(rules.DATA_PENDING, f"FIN with a window of 0, {full}; expected RST")
    elif taken := guest.acked - guest.fin_acked:
        tell(rules.HALF_CLOSE, f"{taken} bytes taken after the FIN, {full}; expected RST")


def look_at_open(names: Sequence[str], tell: Tell) -> None:
    if names:
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        tell(rules.OPEN_AT_END, f"{len(names)} open at the end: {', '.join(names[:_MOST])}{more}")
