"""Many runs as one page: what the shards of a test suite have left, wherever they ran.

Below the folders are the artefacts of `--pynat-artifacts`, a folder a test, each with a
`result.json` and what else belongs to it; and JUnit files, by whatever name ends in .xml.

    result.json     {"test": node id, "outcome": "passed" | "failed" | "error", "reason": text,
                     "seed": number, "guest_seconds": number, "findings": {"TCP044": 2}}
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.report.page import rendered
from pynat.rules import BY_CODE, Rule

RESULT = "result.json"
_FILES = ("report.html", "net.pcapng", "serial.txt", "bochs.log", "repro.sh")
_SPOILT = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_SUITE_COUNTS = ("tests", "failures", "errors", "skipped")


@dataclass(frozen=True, slots=True)
class Result:
    """One test, as `result.json` has it. files: of its folder, where the page links to them."""

    test: str
    outcome: str
    reason: str = ""
    seed: int | None = None
    guest_seconds: float | None = None
    findings: dict[str, int] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()

    @property
    def is_bad(self) -> bool:
        return self.outcome != "passed"


def write_merged(folders: Iterable[Path], target: Path) -> list[Result]:
    """The page at `target`, and all JUnit files as one beside it (`junit.xml`).

    Raises ConfigError where a folder is not there, holds no result, or holds one that is spoilt.
    """
    folders = list(folders)
    results = sorted(_results(folders, target.parent), key=lambda one: (not one.is_bad, one.test))
    if not results:
        names = ", ".join(map(str, folders))
        raise ConfigError(f"{names}: no {RESULT} below; give the folders of --pynat-artifacts")
    text = rendered("merged.html", results=results, findings=counted(results))
    target.write_text(text, "utf-8")
    suites = list(_suites(folders, target.parent / "junit.xml"))
    if suites:
        _joined(suites).write(target.parent / "junit.xml", "utf-8", xml_declaration=True)
    return results


def counted(results: Iterable[Result]) -> dict[Rule, int]:
    """What the linter has found in all of them, the most frequent first."""
    found: Counter[str] = Counter()
    for one in results:
        found.update(one.findings)
    return {BY_CODE[code]: count for code, count in found.most_common() if code in BY_CODE}


def _results(folders: list[Path], beside: Path) -> Iterator[Result]:
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: expected a folder of artefacts")
        for path in sorted(folder.rglob(RESULT)):
            yield _result(path, beside)


def _result(path: Path, beside: Path) -> Result:
    try:
        told: dict[str, Any] = json.loads(path.read_text())
        there = [path.with_name(name) for name in _FILES]
        files = [(one.name, _relative(one, beside)) for one in there if one.exists()]
        return Result(
            test=harmless(str(told["test"])),
            outcome=harmless(str(told["outcome"])),
            reason=harmless(str(told.get("reason", ""))),
            seed=int(told["seed"]) if told.get("seed") is not None else None,
            guest_seconds=_seconds(told.get("guest_seconds")),
            findings={str(code): int(count) for code, count in told["findings"].items()},
            files=tuple(files),
        )
    except _SPOILT as error:
        raise ConfigError(f"{path}: no result of a test: {error!r}") from None


def _seconds(told: Any) -> float | None:
    return None if told is None else float(told)


def _relative(path: Path, beside: Path) -> str:
    try:
        return path.resolve().relative_to(beside.resolve()).as_posix()
    except ValueError:
        return path.resolve().as_uri()


def _suites(folders: list[Path], ours: Path) -> Iterator[ET.Element]:
    for folder in folders:
        for path in sorted(folder.rglob("*.xml")):
            if path != ours:
                yield from _suites_of(path)


def _suites_of(path: Path) -> Iterator[ET.Element]:
    """What is within a suite stays there. Raises ConfigError."""
    try:
        root = ET.parse(path).getroot()
        suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
        for suite in suites:
            for name in _SUITE_COUNTS:
                int(suite.get(name, "0"))
            ET.tostring(suite)  # as it will be written
    except (ET.ParseError, ValueError, LookupError, RecursionError) as error:
        raise ConfigError(f"{path}: no JUnit file: {error!r}") from None
    yield from suites


def _joined(suites: list[ET.Element]) -> ET.ElementTree[ET.Element]:
    root = ET.Element("testsuites")
    for name in _SUITE_COUNTS:
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.extend(suites)
    return ET.ElementTree(root)
