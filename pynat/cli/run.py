"""`pynat run`: Bochs with our plugin in reach, and an exit code that tells how it ended."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from pynat.bochs import Bochs, BochsError, BochsRun, Ending, Outcome, debugger, find_bochs
from pynat.bochs import cards as nics
from pynat.bochs.bochsrc import Line, lines_of, options_of, setting
from pynat.bochs.card_option import card_option
from pynat.bochs.cards import KEYS, MODELS, Card, all_cards, unknown_key
from pynat.bochs.find import WINDOW_REMEDY, WINDOWS, built_plugin
from pynat.bochs.folder import own_folder
from pynat.bochs.outcome import (
    NOTHING_BOOTS,
    last_lines,
    plugin_errors,
    signal_of,
    silent,
    summaries,
)
from pynat.bochs.refused import ISA, doubtful, ethmods_of, refused
from pynat.children import none_left
from pynat.cli.leaving import SIGNALLED, Asked, asked_to_leave
from pynat.cli.parsing import Subparsers, add_bochs, add_command, seconds
from pynat.cli.run_machine import add_machine, image_option, is_wanted, written
from pynat.cli.run_network import add_network, named
from pynat.cli.run_network import said as said_of_network
from pynat.cli.run_record import Record, print_refusal
from pynat.cli.run_said import Said, Words, serial_file
from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.serve.joined import WordsError, joined
from pynat.serve.load import load_for_card

PANIC = 3
CONFIG = 4
UNSAID = 5
TIMEOUT = 124
STDIO = "stdio"
_LOOK = 0.02  # seconds between two looks at what the guest says

_USUAL_NAMES = (".bochsrc", "bochsrc", "bochsrc.txt")  # those that Bochs itself looks for
_FIRST = f"the first of {', '.join(_USUAL_NAMES)} here"
_EPILOG = f"""\
exit code:
  0    the guest powered itself off, or Bochs was left by its window or its debugger
  1    nothing was started: no Bochs, plugin or bochsrc that can be used, or no room for a log
  2    wrong use of this command, words for the network among it
  n    the guest said `PYNAT-EXIT n` on its serial port (com1 to a file, or --serial) or port 0xE9
  {PANIC}    panic: Bochs gave up on the guest; the message and the end of the log are shown
  {CONFIG}    Bochs did not start: a mistake in the bochsrc, or in what it or script= names
  {UNSAID}    the run ended by itself, and no line was what --expect waits for
  {TIMEOUT}  --timeout was over
  128+n  ended by signal n (130: Ctrl-C, 137: killed, 139: Bochs crashed)

examples:
  pynat run -f bochsrc
  pynat run -f bochsrc --headless --timeout 300 --log out/bochs.log
  pynat run -f bochsrc -- 'com1: enabled=1, mode=file, dev=serial.txt'
  pynat run -f bochsrc -- -r saved-state
  pynat run -f bochsrc --nic e1000
  pynat run -f bochsrc --nic ne2k,mac=52:54:00:12:34:56,script=net.toml
  pynat run --kernel kernel.elf --headless --expect '^lease' --timeout 60
  pynat run --cdrom os.iso --forward tcp::8080-:80 --capture net.pcapng
  pynat run --kernel kernel.elf --headless --json | jq .findings
"""
_ETHMOD = re.compile(r'ethmod\s*=\s*"?\w+"?')
Nic = tuple[str, dict[str, str]]  # the model and its options
_OF_A_BUS = {f"ne2k-{bus}": ("ne2k", {"type": bus}) for bus in ("pci", "isa")}  # as of fixtures
_NIC_NAMES = ", ".join((*MODELS, *_OF_A_BUS))
_NIC_FORM = f"MODEL[,KEY=VALUE...], MODEL one of {_NIC_NAMES}"


def add(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "run", "run Bochs with ethmod=pynat in reach and say how it ended", _EPILOG
    )
    parser.on_error = print_refusal
    parser.usage = "%(prog)s [options] [-- BOCHS-OPTION ...]"
    parser.add_argument(
        "-f", dest="bochsrc", type=Path, metavar="BOCHSRC", help=f"default: {_FIRST}, as Bochs"
    )
    parser.add_argument(
        "--headless",
        action="store_true",
        help="no window and no open port, whatever display_library the bochsrc names",
    )
    parser.add_argument(
        "--nic",
        type=_nic,
        metavar="MODEL[,KEY=VALUE...]",
        help=f"give the guest a network card ({_NIC_NAMES}), or its card this network,"
        " without a change of the bochsrc",
    )
    parser.add_argument(
        "--serial",
        metavar="stdio|FILE",
        help="where com1 goes (a machine without a bochsrc: stdio)",
    )
    parser.add_argument(
        "--expect",
        type=_regex,
        metavar="REGEX",
        help="end the run, with success, at the first line of the guest's that fits",
    )
    parser.add_argument("--timeout", type=seconds, metavar="S", help="end Bochs after S seconds")
    parser.add_argument(
        "--log", type=_log, metavar="FILE", help="Bochs's log (default: the bochsrc's, bochs.log)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="put there what Bochs prints to its stdout"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="at the end one object on stdout: how it ended and what the network had come to",
    )
    add_machine(parser)
    add_network(parser)
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
    with own_folder() as folder:
        record = Record(folder)
        with record.printed() if arguments.json else contextlib.nullcontext():
            bochs = find_bochs(arguments.bochs)
            built_plugin()
            try:
                record.exit_code = _run_in(folder, arguments, bochs, record)
            except WordsError:
                raise
            except ConfigError as error:  # in a file
                record.exit_code = _refused([str(error)], record)
        return record.exit_code


def _look_at_words(extra: list[str]) -> None:
    """Of Bochs's command line: a file alone is no word of it."""
    for before, word in itertools.pairwise(["", *extra]):
        is_option = word.startswith("-") or before.startswith("-") or ":" in word
        if not is_option and Path(word).is_file():
            raise WordsError(
                f"{word}: name a bochsrc with -f, a kernel with --kernel, an image with --cdrom"
            )


def _run_in(folder: Path, arguments: argparse.Namespace, bochs: Bochs, record: Record) -> int:
    """folder: for files that are needed as long as the run."""
    _look_at_words(arguments.extra)
    serial = _serial(arguments, folder)
    if is_wanted(arguments):
        bochsrc = written(arguments, bochs, folder, serial or folder / "serial.txt")
        arguments.nic = arguments.nic or ("e1000", {})
    else:
        bochsrc = _bochsrc(arguments.bochsrc)
        if serial is not None:
            arguments.extra.append(f'com1: enabled=1, mode=file, dev="{serial}"')
    nic = _with_network(arguments, bochsrc, bochs, folder)
    own = _usable(list(lines_of(bochsrc)), nic, bochs)
    given = [*own, *options_of(arguments.extra)]
    extra = list(arguments.extra)
    if nic is not None:
        extra.append(card_option(*nic, all_cards(given, bochs.version), bochs.version))
    lines = [*own, *options_of(extra)]
    cards = all_cards(lines, bochs.version)
    notes, mistakes = _read(card for card in cards if card.is_ours)
    if mistakes := [*refused(lines, bochs, shown=not arguments.headless), *mistakes]:
        return _refused(mistakes, record)
    debug = debugger.is_wanted(bochsrc, extra) and not arguments.headless and sys.stdin.isatty()
    printed = arguments.output or (
        folder / "stdout" if arguments.headless or arguments.json else None
    )
    run = BochsRun(
        bochs,
        bochsrc,
        headless=arguments.headless,
        log=arguments.log,
        extra=extra,
        environment=record.environment() if arguments.json else None,
        stdout=printed,
        debug=debug,
        instead={
            line.place: f"{line.name}: {line.value}" for line in set(own) - set(lines_of(bochsrc))
        },
    )
    words = Words(
        serial_file(lines),
        printed,
        show=arguments.serial == STDIO or (arguments.serial is None and is_wanted(arguments)),
        to=sys.stderr if arguments.json else sys.stdout,
        expect=arguments.expect,
    )
    record.keep(serial=serial_file(lines), output=printed)
    if not arguments.headless:
        _warn_of_display(bochs, bochsrc, extra)
    wanted = run.log
    image = image_option(arguments) or f"the image, and at boot: in {bochsrc}"
    with none_left(), asked_to_leave(), run:
        if not arguments.quiet and "-r" not in extra:
            _warn_of_cards(cards, bochsrc)
            for doubt in [*doubtful(lines, bochs), *notes]:
                print(f"pynat: {doubt}", file=sys.stderr)
        if run.log != wanted:
            print(f"pynat: another run writes {wanted}; this one {run.log}", file=sys.stderr)
        try:
            outcome, said = _wait(run, arguments.timeout, words, debug=debug)
        except Asked as asked:
            outcome = run.terminate()
            if outcome.ending is Ending.KILLED:
                outcome = replace(outcome, message=asked.number.name)
            record.outcome = outcome
            with contextlib.suppress(OSError):  # the terminal may be gone
                _report(outcome, arguments.quiet, image)
            raise
    outcome = record.outcome = _in_words_of_ours(outcome, said, image, bochsrc)
    _report(outcome, arguments.quiet, image)
    return _code(outcome, said, arguments.expect, record)


def _in_words_of_ours(outcome: Outcome, said: Said | None, image: str, bochsrc: Path) -> Outcome:
    """A bochsrc that we have made is none that its author could look at."""
    if said is not None:
        return replace(outcome, ending=Ending.SAID, message=said.text)
    if not image.startswith("--"):
        return outcome
    made = rf"{re.escape(str(bochsrc))}:\d+"
    return replace(outcome, message=re.sub(made, lambda _: image, outcome.message))


def _refused(mistakes: list[str], record: Record) -> int:
    """In what Bochs would read."""
    for mistake in mistakes:
        print(f"pynat: {harmless(mistake)}", file=sys.stderr)
    record.message = "; ".join(mistakes)
    return CONFIG


def _code(
    outcome: Outcome, said: Said | None, expect: re.Pattern[str] | None, record: Record
) -> int:
    if said is not None:
        return said.exit_code
    if expect is not None and outcome.ending in {Ending.POWER_OFF, Ending.QUIT}:
        record.message = f"no line fits --expect {expect.pattern!r}"
        print(f"pynat: {record.message}", file=sys.stderr)
        return UNSAID
    return exit_code(outcome)


def _serial(arguments: argparse.Namespace, folder: Path) -> Path | None:
    """The file of com1, where the command line says so."""
    if arguments.serial in {None, STDIO}:
        return None if arguments.serial is None else folder / "serial.txt"
    return Path(arguments.serial).absolute()


def _with_network(
    arguments: argparse.Namespace, bochsrc: Path, bochs: Bochs, folder: Path
) -> Nic | None:
    """The card that has what the options say: that of --nic, or the first of ours."""
    tables = said_of_network(arguments)
    nic: Nic | None = arguments.nic
    if not tables and arguments.script is None:
        return nic
    cards = all_cards([*lines_of(bochsrc), *options_of(arguments.extra)], bochs.version)
    ours = [card for card in cards if card.is_ours]
    if nic is None and not ours:
        text = f"no card of {bochsrc} has this network, so its options lead nowhere"
        raise WordsError(f"{text}; {_remedy(cards)}")
    model, asked = nic or (ours[0].name, {"card": str(ours[0].number)} if ours[0].number else {})
    number = asked.get("card", "0")
    known = next((c.script for c in cards if (c.name, str(c.number)) == (model, number)), "")
    script = str(arguments.script or asked.get("script") or known)
    if tables:
        script = str(joined(script, tables, folder, who=named(arguments)))
    return model, asked | {"script": script}


def _read(cards: Iterable[Card]) -> tuple[list[str], list[str]]:
    """What is of no use and what is wrong in what script= and ethdev= of our cards name.

    Bochs would go on with a mistake, and the guest have no network.
    """
    notes: list[str] = []
    mistakes: list[str] = []
    for card in cards:
        try:
            with none_left():
                config = load_for_card(card.script, card.ethdev).config
                notes += [f"{card}: {note}" for note in config.warnings]
        except ConfigError as error:
            mistakes.append(f"{card}: {error}")
    return notes, mistakes


def _nic(text: str) -> Nic:
    name, *rest = text.split(",")
    model, of_a_bus = _OF_A_BUS.get(name, (name, {}))
    options = of_a_bus | dict(one.strip().partition("=")[::2] for one in rest)
    if model not in MODELS or not all(options.values()) or "" in options:
        raise argparse.ArgumentTypeError(f"{text!r} is not {_NIC_FORM}")
    if unknown := [key for key in options if key not in KEYS[model]]:
        raise argparse.ArgumentTypeError(f"{text!r}: {unknown_key(model, unknown[0])}")
    return model, options


def _usable(lines: list[Line], nic: Nic | None, bochs: Bochs) -> list[Line]:
    """Without back ends that Bochs does not have, on a card that gets this network."""

    def change(line: Line) -> Line:
        if (
            nic is None
            or line.name != nic[0]
            or str(nics.number_of(line)) != nic[1].get("card", "0")
        ):
            return line
        if nics.options_of(line.value).get("ethmod", "null") in ethmods_of(bochs):
            return line
        return line._replace(value=_ETHMOD.sub("ethmod=null", line.value))

    return [change(line) for line in lines]


def _warn_of_cards(cards: Sequence[Card], bochsrc: Path) -> None:
    ours = [card for card in cards if card.is_ours]
    if not ours:
        asked = [card for card in cards if card.asked == "pynat"]
        text = f"no network card of {bochsrc} has ethmod=pynat; {_remedy(cards)}"
        if asked:
            text = "; ".join(f"{card}: {_why_not(card)}" for card in asked)
        print(f"pynat: this network is not there: {text}", file=sys.stderr)
    for mac, same in itertools.groupby(sorted(ours, key=attrgetter("mac")), attrgetter("mac")):
        named = [str(card) for card in same]
        if mac and len(named) > 1:
            text = f"{' and '.join(named)} have the same mac={mac}"
            print(
                f"pynat: {text}: each works, in a network of its own; a guest that uses both"
                " should see two MAC addresses",
                file=sys.stderr,
            )


def _remedy(cards: Sequence[Card]) -> str:
    """Where none of them is ours."""
    others = "; ".join(_as_it_is(card) for card in cards if card.is_on or card.missing)
    return f"write ethmod=pynat there ({others})" if others else "try --nic e1000"


def _as_it_is(card: Card) -> str:
    wanted = ", ".join(f"{key}={ISA[key]}" for key in card.missing)
    left_out = f", and Bochs leaves it out; add {wanted}" if wanted else ""
    return f"{card} has ethmod={card.ethmod}{left_out}"


def _why_not(card: Card) -> str:
    """Why a card whose line names this network does not have it."""
    if card.is_on:
        return "Bochs does not take its ethmod=pynat"
    return "Bochs leaves it out" if card.missing or card.without_mac else "enabled=0"


def _wait(
    run: BochsRun, timeout: float | None, words: Words, *, debug: bool
) -> tuple[Outcome, Said | None]:
    """debug: Ctrl-C is the debugger's, which has it from the terminal."""
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            said = words.new()
            outcome = run.terminate() if said else run.poll()
            if outcome is None and time.monotonic() < end:
                run.pause(min(_LOOK, max(0.0, end - time.monotonic())))
                continue
            if outcome is None:
                outcome = run.wait(0)
            return outcome, said or words.new(last=True)
        except KeyboardInterrupt:
            if not debug:
                return run.interrupt(), None


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


def _report(outcome: Outcome, quiet: bool, image: str = "the image") -> None:
    """image: where to look if nothing boots."""
    if quiet and outcome.ending in {Ending.POWER_OFF, Ending.SAID}:
        _report_network(outcome)
        return
    _sum_up(outcome)
    where = f"; log: {outcome.log}" if outcome.log.exists() else ""
    print(f"pynat: {outcome}{where}", file=sys.stderr)
    if outcome.log.exists() and not shutil.disk_usage(outcome.log).free:
        text = "no space is left on its disk, so its end may be missing"
        print(f"pynat: {outcome.log}: {text}", file=sys.stderr)
    if NOTHING_BOOTS in outcome.message:
        print(f"pynat: nothing boots: look at {image}", file=sys.stderr)
    _report_network(outcome)
    if outcome.ending in {Ending.PANIC, Ending.CRASH}:
        for line in last_lines(outcome):
            print(f"  {line}", file=sys.stderr)


def _sum_up(outcome: Outcome) -> None:
    """What the guest's stack did, by the linter."""
    for card, lines in summaries(outcome.log).items():
        for line in lines:
            print(f"pynat: [{card}] {line}", file=sys.stderr)
    if outcome.ending in {Ending.TIMEOUT, Ending.QUIT}:
        for card in silent(outcome.log):
            text = "no frame came from the guest; does its driver find the card, and send?"
            print(f"pynat: [{card}] {text}", file=sys.stderr)


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
        case Ending.POWER_OFF | Ending.SAID:
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
        what = "name the bochsrc with -f, or a kernel with --kernel"
        raise BochsError(f"no {', '.join(_USUAL_NAMES)} here; {what}")
    if not named.is_file():
        what = "not a file" if named.exists() else "not there"
        raise BochsError(f"{named} is {what}; name the bochsrc with -f")
    return named


def _log(text: str) -> Path:
    if text == "-":
        raise argparse.ArgumentTypeError("name a file; `tail -F FILE` shows what goes there")
    return Path(text)


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None
