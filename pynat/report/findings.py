"""What `pynat lint --json`, `lint.json` and `pynat run --json` say, and of which capture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.lint.summary import Root, roots
from pynat.rules import BY_CODE, Rule
from pynat.verdict import About, Record

_SUFFIXES = {".json", ".jsonl"}  # of findings, whatever is in there


class Told(NamedTuple):
    """One line. cause: the code that it follows from, or "". packets: that it stands for."""

    rule: Rule
    when: float
    number: int | None  # of the frame
    text: str
    cause: str
    packets: int


def is_json(path: Path) -> bool:
    """Raises ConfigError where it cannot be read."""
    try:
        with path.open("rb") as file:
            first = file.read(64).lstrip()[:1]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return first == b"{" or path.suffix in _SUFFIXES


def capture_of(path: Path) -> Path | None:
    """The capture that is named in there, where it is or beside the file; None without one.

    Raises ConfigError.
    """
    run = _run(path)
    if run is not None:
        return _there(path, run.get("capture"))
    first = next(_objects(path), (0, {}))[1]
    return _there(path, first.get("capture"))


def told_in(path: Path) -> list[Told]:
    """Raises ConfigError."""
    run = _run(path)
    if run is not None:
        findings = _there(path, run.get("findings"))
        if findings is None:
            what = "neither its capture nor its findings are there: run it with --capture FILE"
            raise ConfigError(f"{path}: {what}")
        path = findings
    found = []
    for number, one in _objects(path):
        if "end" in one:
            continue  # the file is full
        try:
            found.append(_told(one))
        except (LookupError, TypeError, ValueError, AttributeError):
            expected = "expected a finding as `pynat lint --json` writes it"
            raise ConfigError(f"{path}: line {number}: {expected}") from None
    return found


def to_mend(told: list[Told]) -> tuple[Root, ...]:
    """In this order, as the linter's summary has it."""
    records: dict[str, Record] = {}
    for rule, when, number, text, cause, packets in told:
        about = About(None, True, number)
        record = records.setdefault(rule.code, Record(rule, text, when, about))
        if cause:
            record.because[cause] += packets
        elif record.count:
            record.count += packets
        else:
            record.text, record.when, record.about, record.count = text, when, about, packets
    return tuple(root for root in roots(records) if root.is_to_mend)


def _told(one: dict[str, Any]) -> Told:
    rule, when = BY_CODE[one["code"]], float(one["time"])
    number, packets = one["frame"], one.get("count", 1)
    if not math.isfinite(when) or not isinstance(packets, int):
        raise ValueError
    if number is not None and not isinstance(number, int):
        raise ValueError
    packet, text = str(one["packet"] or ""), str(one["text"])
    if packet not in text:
        text = f"{packet}: {text}"
    cause = str((one.get("because_of") or {}).get("code", ""))
    return Told(rule, when, number, harmless(text), harmless(cause), packets)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """With the numbers of their lines."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = _parsed(line)
        if found is None:
            raise ConfigError(f"{path}: line {number}: expected findings, a JSON object a line")
        yield number, found


def _run(path: Path) -> dict[str, str] | None:
    """The artifacts of `pynat run --json`, by what they are."""
    artifacts = (_parsed(path.read_text(errors="replace")) or {}).get("artifacts")
    if not isinstance(artifacts, list):
        return None
    try:
        return {str(one["what"]): str(one["path"]) for one in artifacts}
    except (LookupError, TypeError):
        raise ConfigError(f"{path}: artifacts: expected those of `pynat run --json`") from None


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _there(path: Path, name: object) -> Path | None:
    if not isinstance(name, str) or "\0" in name:
        return None
    places = (Path(name), path.parent / name, path.parent / Path(name).name)
    return next((place for place in places if place.is_file()), None)
