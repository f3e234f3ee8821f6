"""`pynat run --json`: how a run ended, and what its networks had come to, as one object.

The networks are in Bochs's process and gone with it. Each leaves a file at its end
(`pynat.control.final`); here they are read and joined, for several cards are rare.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pynat.bochs import BochsError, Outcome
from pynat.cli.leaving import Asked
from pynat.control.final import FINAL_VARIABLE
from pynat.errors import ConfigError
from pynat.serve.joined import WordsError

FAILED, USAGE = 1, 2
NOT_STARTED = "not started"


def code_of(error: Exception) -> int:
    return USAGE if isinstance(error, WordsError) else FAILED


def print_refusal(message: str) -> None:
    """Of a command line that is wrong."""
    record = Record(Path(os.devnull))
    record.message, record.exit_code = message, USAGE
    record.print()


class Record:
    """folder: of the run's own; what lies there is gone afterwards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._final = folder / "final"
        self._kept: dict[str, Path | None] = {}
        self.outcome: Outcome | None = None
        self.message = ""
        self.exit_code = FAILED

    def environment(self) -> dict[str, str]:
        """Of a Bochs whose networks are to leave their files."""
        self._final.mkdir()
        return {**os.environ, FINAL_VARIABLE: str(self._final)}

    def keep(self, **files: Path | None) -> None:
        self._kept |= files

    @contextlib.contextmanager
    def printed(self) -> Iterator[None]:
        """Also where nothing could be started, or a signal ends us."""
        try:
            yield
        except Asked as asked:
            self.exit_code = int(str(asked.code))
            raise
        except (BochsError, ConfigError, OSError) as error:
            self.message = str(error)
            self.exit_code = code_of(error)
            raise
        finally:
            self.print()

    def print(self) -> None:
        print(json.dumps(self._object(), indent=2), flush=True)

    def _object(self) -> dict[str, Any]:
        networks = self._networks()
        outcome = self.outcome
        return {
            "outcome": str(outcome.ending) if outcome else NOT_STARTED,
            "message": self.message or (outcome.message if outcome else ""),
            "exit_code": self.exit_code,
            "wall_seconds": round(outcome.wall, 3) if outcome else 0.0,
            "guest_seconds": max((one["time"] for one in networks), default=None),
            "findings": _sum(networks, "findings"),
            "drops": _sum(networks, "drops"),
            "leases": _rows(networks, "leases"),
            "flows": _rows(networks, "flows"),
            "artifacts": self._artifacts(networks),
        }

    def _networks(self) -> list[dict[str, Any]]:
        """In the order in which they ended."""
        files = sorted(self._final.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        return [json.loads(file.read_bytes()) for file in files]

    def _artifacts(self, networks: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Files that are there, and what they are."""
        files = {"log": self.outcome and self.outcome.log, **self._kept}
        found = [(what, Path(path)) for what, path in files.items() if path]
        found += [(what, Path(path)) for one in networks for what, path in one["files"].items()]
        return [
            {"what": what, "path": str(path.absolute())}
            for what, path in found
            if path.is_file() and self._folder not in path.absolute().parents
        ]


def _sum(networks: list[dict[str, Any]], key: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for one in networks:
        counts.update(one[key])
    return dict(counts.most_common())


def _rows(networks: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return [{"card": one["card"], **row} for one in networks for row in one[key]]
