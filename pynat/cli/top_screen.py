"""What `pynat top` draws, out of two moments of a network: what there is, and what came since.

rich is asked for only here (`pip install 'bochs-pynat[top]'`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.console import Console, Group, JustifyMethod
from rich.filesize import decimal
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pynat.harmless import harmless

Row = dict[str, Any]
COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}  # by severity
_OTHER_LINES = 12  # head, headings, counters and the empty lines between tables
_MOST_RULES = 8
_SHORTEST = 3  # rows of flows, on the smallest screen
_TALL = 1 << 16  # lines, where no screen ends
_WIDE = 120  # characters, for all columns
_COUNTED = ("frames", "bytes", "frames/s", "bytes/s")
_NUMBERS = ("no", "from guest", "to guest", "speed", "resent", "age")
_FLOWS = ("no", "protocol", "state", "guest", "remote", *_NUMBERS[1:])
_NARROW = ("no", "state", "guest", "remote", "to guest", "speed")


@dataclass(frozen=True, slots=True)
class Moment:
    """What the control socket answered. wall: seconds."""

    wall: float
    info: Row
    stats: Row
    flows: list[Row]
    rules: list[Row]
    leases: list[Row]

    @property
    def guest(self) -> float:
        return float(self.stats["time"])


class Size(NamedTuple):
    """Of a terminal, in characters."""

    width: int
    height: int


def show(now: Moment) -> None:
    """All of it, once."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(screen(now, None, Size(console.width, _TALL)))


@contextlib.contextmanager
def following(first: Moment) -> Iterator[Callable[[Moment, Moment], None]]:
    """What draws a moment and the one before it."""
    console = Console()

    def drawn(now: Moment, before: Moment | None) -> Group:
        return screen(now, before, Size(*console.size))

    with Live(drawn(first, None), console=console, auto_refresh=False) as live:
        yield lambda now, before: live.update(drawn(now, before), refresh=True)


def screen(now: Moment, before: Moment | None, size: Size) -> Group:
    rules = now.rules[:_MOST_RULES]
    room = max(_SHORTEST, size.height - _OTHER_LINES - len(rules) - len(now.leases))
    shown = _busiest(now, before)[:room]
    more = len(now.flows) - len(shown)
    return Group(
        _head(now, before),
        *map(_lease, now.leases),
        Text(),
        _counters(now, before),
        Text(),
        _flows(shown, now, before, narrow=size.width < _WIDE),
        Text(f"and {more} more flows" if more else "", style="dim"),
        _rules(rules, before),
    )


def _since(now: Moment, before: Moment | None) -> float:
    """Seconds of the wall; 0 where there is nothing to compare with."""
    return now.wall - before.wall if before is not None else 0.0


def _head(now: Moment, before: Moment | None) -> Text:
    info = now.info
    pace = ""
    took = _since(now, before)
    if before is not None and took:
        times = (now.guest - before.guest) / took
        pace = f", {times:.1f} times as fast as the wall"
    capture = f"; capture {info['capture']}" if info["capture"] else ""
    text = f"{info['card']} (pid {info['pid']})  {info['net']}  guest {now.guest:.3f} s{pace}"
    return Text(harmless(text + capture), style="bold")


def _lease(row: Row) -> Text:
    left = "for ever" if row["left"] is None else f"{row['left']:.0f} s left"
    return Text(harmless(f"lease {row['address']} {row['mac']} {row['state']}, {left}"))


def _grid(*headings: str, right: Collection[str] = ()) -> Table:
    """right: headings of columns of numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        side: JustifyMethod = "right" if heading in right else "left"
        table.add_column(heading, justify=side, no_wrap=True)
    return table


def _counters(now: Moment, before: Moment | None) -> Table:
    table = _grid("wire", *_COUNTED, right=_COUNTED)
    took = _since(now, before)
    for way in ("from_guest", "to_guest"):
        count = now.stats[way]
        rates = ["", ""]
        if before is not None and took:
            frames, octets = ((count[unit] - before.stats[way][unit]) / took for unit in count)
            rates = [f"{frames:.0f} frames/s", _speed_text(octets)]
        table.add_row(way.replace("_", " "), str(count["frames"]), decimal(count["bytes"]), *rates)
    return table


def _speed_text(speed: float) -> str:
    return f"{decimal(int(speed))}/s" if speed else ""


# ---------------------------------------------------------------- flows
def _carried(row: Row) -> int:
    return int(row.get("bytes_from_guest", 0) + row.get("bytes_from_host", 0))


def _speeds(now: Moment, before: Moment | None) -> dict[object, float]:
    """Bytes per second of the wall, by the flows' numbers."""
    took = _since(now, before)
    if before is None or not took:
        return {}
    old = {row.get("number"): _carried(row) for row in before.flows}
    rows = [row for row in now.flows if "number" in row]
    return {row["number"]: (_carried(row) - old.get(row["number"], 0)) / took for row in rows}


def _busiest(now: Moment, before: Moment | None) -> list[Row]:
    speeds = _speeds(now, before)

    def busy(row: Row) -> tuple[float, int]:
        return speeds.get(row.get("number"), 0.0), _carried(row)

    return sorted(now.flows, key=busy, reverse=True)


def _flows(rows: list[Row], now: Moment, before: Moment | None, *, narrow: bool) -> Table:
    speeds = _speeds(now, before)
    names = _NARROW if narrow else _FLOWS
    table = _grid(*names, right=_NUMBERS)
    for row in rows:
        cells = {
            "no": row.get("number", ""),
            **{name: row[name] for name in ("protocol", "state", "guest", "remote")},
            "from guest": decimal(row.get("bytes_from_guest", 0)),
            "to guest": decimal(row.get("bytes_from_host", 0)),
            "speed": _speed_text(speeds.get(row.get("number"), 0.0)),
            "resent": row.get("retransmitted") or "",
            "age": f"{row['age']:.1f} s" if "age" in row else "",
        }
        style = "yellow" if row.get("retransmitted") else None
        table.add_row(*(Text(harmless(str(cells[name]))) for name in names), style=style)
    return table


def _rules(rows: list[Row], before: Moment | None) -> Table:
    table = _grid("count", "new", "code", "severity", "what", right=("count", "new"))
    old = {row["code"]: row["count"] for row in before.rules} if before else {}
    for row in rows:
        fresh = row["count"] - old.get(row["code"], 0) if before else 0
        new = f"+{fresh}" if fresh else ""
        cells = (str(row["count"]), new, row["code"], row["severity"], harmless(row["name"]))
        table.add_row(*map(Text, cells), style=COLORS.get(row["severity"]))
    return table
