"""`pynat run`: Bochs with our plugin in reach, and an exit code that tells how it ended."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from dataclasses import replace
from pathlib import Path

from pynat.bochs import Bochs, BochsError, BochsRun, Ending, Outcome, find_bochs
from pynat.bochs.cards import cards_of
from pynat.bochs.find import WINDOW_REMEDY, WINDOWS, built_plugin
from pynat.bochs.outcome import last_lines, plugin_errors, signal_of
from pynat.bochs.run import setting
from pynat.children import none_left
from pynat.cli.leaving import SIGNALLED, Asked, asked_to_leave
from pynat.cli.parsing import Subparsers, add_bochs, add_command
from pynat.config_load import load
from pynat.errors import ConfigError

PANIC = 3
CONFIG = 4
TIMEOUT = 124

_USUAL_NAMES = (".bochsrc", "bochsrc", "bochsrc.txt")  # those that Bochs itself looks for
_FIRST = f"the first of {', '.join(_USUAL_NAMES)} here"
_EPILOG = f"""\
exit code:
  0    the guest powered itself off, or Bochs was left by its window or its debugger
  1    nothing was started: no Bochs, plugin or bochsrc that can be used, or no room for a log
  2    wrong use of this command
  {PANIC}    panic: Bochs gave up on the guest; the message and the end of the log are shown
  {CONFIG}    Bochs did not start: a mistake in the bochsrc, or in what it or script= names
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
    parser.usage = "%(prog)s [options] [-- BOCHS-OPTION ...]"
    parser.add_argument(
        "-f", dest="bochsrc", type=Path, metavar="BOCHSRC", help=f"default: {_FIRST}, as Bochs"
    )
    parser.add_argument(
        "--headless",
        action="store_true",
        help="no window and no open port, whatever display_library the bochsrc names",
    )
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="end Bochs after S seconds")
    parser.add_argument(
        "--log", type=_log, metavar="FILE", help="Bochs's log (default: the bochsrc's, bochs.log)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="put there what Bochs prints to its stdout"
    )
    add_bochs(parser)
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="when the guest powered itself off say nothing but an error of the network",
    )
    parser.add_argument(
        "extra", nargs="*", metavar="BOCHS-OPTION", help="flags and bochsrc options for Bochs"
    )
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    bochs = find_bochs(arguments.bochs)
    built_plugin()
    bochsrc = _bochsrc(arguments.bochsrc)
    if mistake := _mistake(bochsrc, arguments.extra):
        print(f"pynat: {mistake}", file=sys.stderr)
        return CONFIG
    run = BochsRun(
        bochs,
        bochsrc,
        headless=arguments.headless,
        log=arguments.log,
        extra=arguments.extra,
        stdout=arguments.output,
    )
    if not arguments.headless:
        _warn_of_display(bochs, bochsrc, arguments.extra)
    with none_left(), asked_to_leave(), run:
        try:
            outcome = _wait(run, arguments.timeout)
        except Asked as asked:
            outcome = run.terminate()
            if outcome.ending is Ending.KILLED:
                outcome = replace(outcome, message=asked.number.name)
            with contextlib.suppress(OSError):  # the terminal may be gone
                _report(outcome, arguments.quiet)
            raise
    _report(outcome, arguments.quiet)
    return exit_code(outcome)


def _mistake(bochsrc: Path, extra: list[str]) -> str:
    """In what a card's script= names: Bochs would go on, and the guest have no network."""
    written = bochsrc.read_text(errors="replace").splitlines()
    for where, lines in ((f"{bochsrc}:", written), ("option ", extra)):
        for card in cards_of(lines):
            try:
                with none_left():
                    load(card.script, card.ethdev)
            except ConfigError as error:
                return f"{where}{card.line}: {card.name}: {error}"
    return ""


def _wait(run: BochsRun, timeout: float | None) -> Outcome:
    try:
        return run.wait(timeout)
    except KeyboardInterrupt:
        return run.interrupt()


def _warn_of_display(bochs: Bochs, bochsrc: Path, extra: list[str]) -> None:
    """Where Bochs has no window, it takes another display without a word."""
    named = setting(bochsrc, "display_library")
    if named or any(word.startswith("display_library") for word in extra):
        return
    if bochs.displays & WINDOWS:
        return
    if "rfb" in bochs.displays:
        what = "waits 30 s for a VNC viewer on port 5900, open on all addresses of this machine"
    else:
        what = "draws in this terminal"
    print(f"pynat: no window: Bochs {what}; {WINDOW_REMEDY}, or use --headless", file=sys.stderr)


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
            return SIGNALLED + signal.SIGINT if outcome.exit_code else 0
        case Ending.KILLED | Ending.CRASH:
            return SIGNALLED + signal_of(outcome.exit_code)


def _bochsrc(named: Path | None) -> Path:
    usual = [Path(name) for name in _USUAL_NAMES if Path(name).is_file()]
    if named is None and usual:
        return usual[0]
    if named is None:
        raise BochsError(f"no {', '.join(_USUAL_NAMES)} here; name the bochsrc with -f")
    if not named.is_file():
        what = "not a file" if named.exists() else "not there"
        raise BochsError(f"{named} is {what}; name the bochsrc with -f")
    return named


def _log(text: str) -> Path:
    if text == "-":
        raise argparse.ArgumentTypeError("name a file; `tail -F FILE` shows what goes there")
    return Path(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds
