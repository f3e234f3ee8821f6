"""Answers for people: aligned columns, numbers to the right, nothing that steers a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pynat.harmless import harmless


def table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> str:
    """`columns` maps fields to headings; a column that is empty throughout is left out."""
    if not rows:
        return "none"
    kept = [field for field in columns if any(row.get(field) is not None for row in rows)]
    cells = [[columns[field] for field in kept]]
    cells += [[_cell(row.get(field)) for field in kept] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(kept))]
    right = [all(_is_number(row.get(field)) for row in rows) for field in kept]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )


def plain(answer: Mapping[str, object]) -> str:
    """One line for each field."""
    shown = {harmless(name): _cell(value) for name, value in answer.items()}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown.items())


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, (int, float))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else harmless(str(value))
