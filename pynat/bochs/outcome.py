"""How a run of Bochs ended.

Bochs's exit status is 1 for nearly everything: a guest that powers itself off, a panic, a
mistake in the bochsrc. What happened is in its log: a power off is a "panic" with a text of
its own, a mistake in the set-up is a panic before the guest's first instruction (at tick 0,
and before the log is open it goes to stderr).

A guest has a hand in the texts of that log: names of files that it asks for, all that its BIOS
prints. Bochs's own word is what stands right behind the prefix of a line, which has the letter of
the level in it: `00012936084p[BIOS  ] >>PANIC<< No bootable device.` A user may choose another
prefix (`logprefix`); only in one without a letter for the level can a BIOS print a panic.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pynat.harmless import MARK, harmless

_POWER_OFF = (
    "soft power off",  # ACPI: poweroff of an operating system
    "shutdown requested",  # the string "Shutdown" written to port 0x8900
    "POWER button turned off",  # the button in Bochs's window
)
_ASKED_TO_END = ("SIGNAL 2 caught", "Received SIGHUP: quit simulation")
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
_FIRMWARE = {"[BIOS]", "[VBIOS]"}  # their panics have a text of the guest's
# The level is the last letter before the device; else no letter but the level's is before the mark.
_PANIC = re.compile(
    r"(?=(?P<tick>\d*))"
    r"(?:[^\[]*p[^\[a-zA-Z]*(?=\[))?(?P<device>\[(?!\d)[^\]]*\])?[\W\dp]*>>PANIC<< (?P<text>.*)"
)
_ERROR = re.compile(r"^\d+e(?P<text>\[.*)$")
_OURS = b"] pynat: "  # begins each of our plugin's messages, behind the name of the card
_MORE = f"] {MARK}".encode()
_TRACEBACK = "Traceback (most recent call last):"
_PLUGIN_ERROR = re.compile(
    r"^\d*\W*e[^\[]*\[(?P<card>[^\]]*)\] pynat: (?:\d+\.\d{6} +)?(?P<text>.*)$"
)
_SUMMARY = re.compile(r"^[^\[]*\[(?P<card>[^\]]*)\] \d+\.\d+ summary: (?P<text>.*)$")
_SILENT = re.compile(r"^[^\[]*\[(?P<card>[^\]]*)\] pynat: from guest 0 frames,")
NOTHING_BOOTS = "No bootable device"  # the BIOS's panic
# Of a triple fault that resets nothing Bochs 3.1 only warns, and the CPU stands still.
_STOPPED = re.compile(
    r"^[^\[]*w[^\[a-zA-Z]*\[CPU\d+ *\] (?P<text>exception\(\): 3rd .*)$", re.MULTILINE
)
_MAGIC = re.compile(r"[^\[]*\[CPU\d+ *\].* Stopped on MAGIC BREAKPOINT$")
_AFTER_BREAK = 200  # lines; the registers of each CPU follow it
_TAIL = 256 * 1024  # bytes; after a panic each CPU writes about 2 KB of registers


class Ending(StrEnum):
    POWER_OFF = "power off"
    PANIC = "panic"
    CONFIG = "did not start"
    TIMEOUT = "timeout"
    QUIT = "quit"  # asked to end by Ctrl-C or by the debugger's q
    KILLED = "killed"
    CRASH = "crash"
    SAID = "end by the guest's word"  # which was waited for, or is its verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """exit_code: Bochs's own, negative for the signal that ended it; wall: seconds."""

    ending: Ending
    message: str
    exit_code: int
    wall: float
    log: Path

    def __str__(self) -> str:
        said = f": {self.message}" if self.message else ""
        return f"{self.ending} after {self.wall:.1f} s{said}"


def judge(exit_code: int, log: str | None, errors: str, asked: Ending | None) -> tuple[Ending, str]:
    """Ending and message, from Bochs's log (None: it never opened one) and its stderr.

    asked: why the caller ended Bochs, if it did.
    """
    ending, message = _judge(exit_code, log, errors, asked)
    if ending is Ending.TIMEOUT and (stopped := _STOPPED.search(log or "")):
        message = message or f"the CPU stopped: {stopped['text']}"
    return ending, message


def _judge(
    exit_code: int, log: str | None, errors: str, asked: Ending | None
) -> tuple[Ending, str]:
    panic = _last_panic(errors if log is None else log)
    if panic is not None:
        return _judge_panic(panic, asked)
    if asked is not None:
        return asked, ""
    if number := signal_of(exit_code):
        by = signal.Signals(number)
        return (Ending.CRASH if by in _CRASHES else Ending.KILLED), by.name
    if log is None:
        return Ending.CONFIG, "Bochs stopped before it opened its log"
    if exit_code == 0:
        return Ending.QUIT, ""
    return Ending.PANIC, "Bochs's debugger stopped the guest" + (_break(log) or _last_error(log))


def signal_of(exit_code: int) -> int:
    """The signal that ended Bochs, or that ended it under a shell script; 0 for none."""
    number = -exit_code if exit_code < 0 else exit_code - 128
    return number if number in set(signal.Signals) else 0


def _judge_panic(panic: re.Match[str], asked: Ending | None) -> tuple[Ending, str]:
    message = panic["text"].strip()
    is_bochs = _device(panic) not in _FIRMWARE
    if is_bochs and any(text in message for text in _ASKED_TO_END):
        return asked or Ending.QUIT, ""
    if is_bochs and any(text in message for text in _POWER_OFF):
        return Ending.POWER_OFF, message
    if asked in {Ending.TIMEOUT, Ending.KILLED}:
        return asked, f"last panic: {message}"
    if panic["tick"] and not panic["tick"].strip("0"):
        return Ending.CONFIG, message
    return Ending.PANIC, " ".join(filter(None, [_device(panic), message]))


def _device(panic: re.Match[str]) -> str:
    name = (panic["device"] or "").strip("[] ")
    return f"[{name}]" if name else ""


def _last_panic(text: str) -> re.Match[str] | None:
    for line in reversed(text.split("\n")):
        if found := _PANIC.match(line):
            return found
    return None


def is_panic(line: str) -> bool:
    """Of Bochs's log."""
    return _PANIC.match(line) is not None


def _break(log: str) -> str:
    stopped = any(map(_MAGIC.match, log.split("\n")[-_AFTER_BREAK:]))
    return ": a magic break, and no terminal to debug in" if stopped else ""


def _last_error(log: str) -> str:
    for line in reversed(log.split("\n")):
        if found := _ERROR.match(line):
            return f": {found['text']}"
    return ""


def last_lines(outcome: Outcome, count: int = 8) -> list[str]:
    """What the log says up to what ended the guest, without the registers that follow it."""
    lines = (tail(outcome.log) or "").splitlines()
    ends = [number for number, line in enumerate(lines) if is_panic(line)]
    if not ends and outcome.ending is Ending.PANIC:  # a debugger stopped it: see `judge`
        ends = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    return lines[: ends[-1] + 1 if ends else None][-count:]


def plugin_errors(log: Path) -> list[str]:
    """What our plugin complained of; after it Bochs goes on, maybe without a network."""
    found: list[list[str]] = []  # each with the lines that go on with it
    goes_on = False
    try:
        with log.open("rb") as file:
            for raw in file:
                if _OURS in raw:
                    match = _PLUGIN_ERROR.match(_shown(raw.decode(errors="replace")))
                    goes_on = match is not None
                    if match:
                        found.append([f"[{match['card'].strip()}] {match['text']}"])
                elif goes_on and _MORE in raw:
                    found[-1].append(_shown(raw.partition(_MORE)[2].decode(errors="replace")))
    except OSError:
        return []
    return [summed_up(*lines) for lines in found]


def summed_up(first: str, *more: str) -> str:
    """Of a traceback its last lines: what was raised, and where."""
    if not more or not first.endswith(_TRACEBACK):
        return first
    return first.removesuffix(_TRACEBACK) + "; ".join(more[-2:])


def summaries(log: Path) -> dict[str, list[str]]:
    """What the linter says at the end, by network cards."""
    found: dict[str, list[str]] = {}
    for match in _matching(log, b" summary: ", _SUMMARY):
        found.setdefault(match["card"].strip(), []).append(match["text"])
    return found


def silent(log: Path) -> list[str]:
    """The network cards by which the guest has sent nothing."""
    return [match["card"].strip() for match in _matching(log, b"from guest 0 frames", _SILENT)]


def _matching(log: Path, mark: bytes, wanted: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Lines with this mark."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        lines = [_shown(raw.decode(errors="replace")) for raw in file if mark in raw]
        yield from filter(None, map(wanted.match, lines))


def tail(path: Path) -> str | None:
    """The end of a text file; None if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    return "\n".join(map(_shown, text.split("\n")))


def _shown(line: str) -> str:
    """The guest has a hand in the log, and a terminal will show this."""
    return harmless(line.rstrip().expandtabs())
