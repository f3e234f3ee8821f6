"""What `pynat run` makes of the guest's own words: they are shown, waited for, or are the verdict.

A guest gives its verdict by one line on its serial port or on port 0xE9, `PYNAT-EXIT n`: the run
ends, and n (0 to 255) is its exit code. `--expect REGEX` ends it, with 0, at the first line that
fits. Of the two only the serial port is shown: on its standard output, which is where port 0xE9
leads, Bochs has words of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pynat.bochs.bochsrc import Line
from pynat.bochs.cards import options_of
from pynat.bochs.serial import GrowingText, is_of_bochs, verdict
from pynat.harmless import harmless

EXPECTED = 0


@dataclass(frozen=True, slots=True)
class Said:
    """Why the run ends, and its exit code."""

    text: str
    exit_code: int


class Words:
    """serial, printed: the files of com1 and of Bochs's standard output, where there are any.

    show: print each line of the serial port, as it comes, `to` there. expect: what is waited for.
    """

    def __init__(
        self,
        serial: Path | None,
        printed: Path | None,
        *,
        show: bool = False,
        to: TextIO | None = None,
        expect: re.Pattern[str] | None = None,
    ) -> None:
        self._serial = [GrowingText(serial)] if serial else []
        self._printed = [GrowingText(printed)] if printed else []
        self._show = show
        self._to = to
        self._expect = expect

    def new(self, *, last: bool = False) -> Said | None:
        """Look at what has come. last: nothing comes any more, so a line needs no end."""
        serial = _lines(self._serial, last=last)
        if self._show:
            for line in serial:
                print(harmless(line.expandtabs()), file=self._to, flush=True)
        printed = _lines(self._printed, last=last)
        lines = serial + [line for line in printed if not is_of_bochs(line)]
        return next(filter(None, map(self._judge, lines)), None)

    def _judge(self, line: str) -> Said | None:
        code = verdict(line)
        if code is not None:
            return Said(f"the guest said {harmless(line)}", code)
        if self._expect is not None and self._expect.search(line):
            return Said(f"as expected, the guest said {harmless(line)}", EXPECTED)
        return None


def _lines(files: Sequence[GrowingText], *, last: bool) -> list[str]:
    found = [line for file in files for line in file.new()]
    return found + [line for file in files for line in file.rest()] if last else found


def serial_file(lines: Sequence[Line]) -> Path | None:
    """Where com1 of a bochsrc goes, if that is a file that can be read while it runs."""
    said = [options_of(line.value) for line in lines if line.name == "com1"]
    options = said[-1] if said else {}
    path = options.get("dev", "").strip('"')
    on = options.get("enabled", "1").lower() not in ("0", "false")
    if not on or options.get("mode") != "file" or not path or path.startswith("/dev/"):
        return None
    if Path(path).exists() and not Path(path).is_file():
        return None  # a FIFO has one reader, and that is somebody else
    return Path(path)
