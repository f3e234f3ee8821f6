"""`pynat run`: Bochs with our plugin in reach, and an exit code that tells how it ended."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from pynat.bochs import BochsError, BochsRun, Ending, Outcome, find_bochs
from pynat.bochs.outcome import last_lines, plugin_errors, signal_of
from pynat.cli.parsing import Subparsers, add_bochs, add_command

PANIC = 3
CONFIG = 4
TIMEOUT = 124
_SIGNALLED = 128

_USUAL_NAMES = (".bochsrc", "bochsrc", "bochsrc.txt")  # those that Bochs itself looks for
_EPILOG = f"""\
exit code:
  0    the guest powered itself off, or Bochs was left by its window or its debugger
  1    Bochs was not found or cannot be used
  2    wrong use of this command
  {PANIC}    panic: Bochs gave up on the guest; the message and the end of the log are shown
  {CONFIG}    Bochs did not start: a mistake in the bochsrc or in what it names
  {TIMEOUT}  --timeout was over
  128+n  ended by signal n (130: Ctrl-C, 137: killed, 139: Bochs crashed)

examples:
  pynat run -f bochsrc
  pynat run -f bochsrc --headless --timeout 300 --log out/bochs.log
  pynat run -f bochsrc -- 'com1: enabled=1, mode=file, dev=serial.txt'
  pynat run -f bochsrc -- -r saved-state
"""


def add(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "run", "run Bochs with ethmod=pynat in reach and say how it ended", _EPILOG
    )
    parser.add_argument(
        "-f", dest="bochsrc", type=Path, metavar="BOCHSRC", help="default: ./bochsrc, as Bochs"
    )
    parser.add_argument(
        "--headless",
        action="store_true",
        help="no window and no open port, whatever display_library the bochsrc names",
    )
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="end Bochs after S seconds")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="Bochs's log (default: the bochsrc's, bochs.log)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="put there what Bochs prints to its stdout"
    )
    add_bochs(parser)
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="say nothing when the guest powered itself off"
    )
    parser.add_argument(
        "extra", nargs="*", metavar="-- ...", help="flags and bochsrc options for Bochs"
    )
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    run = BochsRun(
        find_bochs(arguments.bochs),
        arguments.bochsrc or _usual_bochsrc(),
        headless=arguments.headless,
        log=arguments.log,
        extra=arguments.extra,
        stdout=arguments.output,
    )
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        with run:
            outcome = _wait(run, arguments.timeout)
    finally:
        signal.signal(signal.SIGTERM, before)
    _report(outcome, arguments.quiet)
    return exit_code(outcome)


def _wait(run: BochsRun, timeout: float | None) -> Outcome:
    try:
        return run.wait(timeout)
    except KeyboardInterrupt:
        return run.interrupt()


def _report(outcome: Outcome, quiet: bool) -> None:
    if quiet and outcome.ending is Ending.POWER_OFF:
        _report_network(outcome)
        return
    where = f"; log: {outcome.log}" if outcome.log.exists() else ""
    print(f"pynat: {outcome}{where}", file=sys.stderr)
    _report_network(outcome)
    if outcome.ending in {Ending.PANIC, Ending.CRASH}:
        for line in last_lines(outcome):
            print(f"  {line}", file=sys.stderr)


def _report_network(outcome: Outcome) -> None:
    match plugin_errors(outcome.log):
        case []:
            return
        case [first]:
            more = ""
        case [first, *others]:
            more = f" (and {len(others)} more in the log)"
    print(f"pynat: the network's error: {first}{more}", file=sys.stderr)


def exit_code(outcome: Outcome) -> int:
    match outcome.ending:
        case Ending.POWER_OFF:
            return 0
        case Ending.PANIC:
            return PANIC
        case Ending.CONFIG:
            return CONFIG
        case Ending.TIMEOUT:
            return TIMEOUT
        case Ending.QUIT:
            return _SIGNALLED + signal.SIGINT if outcome.exit_code else 0
        case Ending.KILLED | Ending.CRASH:
            return _SIGNALLED + signal_of(outcome.exit_code)


def _usual_bochsrc() -> Path:
    for name in _USUAL_NAMES:
        if Path(name).is_file():
            return Path(name)
    raise BochsError(f"no {', '.join(_USUAL_NAMES)} here; name the bochsrc with -f")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return seconds


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(_SIGNALLED + number)
