"""The parts of the linter's summary that `pynat lint` and `pynat ctl lint` show alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynat.cli.tables import table

SUMMARY_HELP = "what the guest's stack does, and what to mend first"
EXERCISED_HELP = "how often each rule had its chance: without one, silence is no pass"
_COLUMNS = {
    "exercised": "chances",
    "found": "found",
    "code": "code",
    "name": "what",
    "by": "its chances are",
}


def exercised_table(summary: Mapping[str, Any]) -> str:
    """Of the JSON of a summary."""
    return table(summary["exercised"], _COLUMNS)
