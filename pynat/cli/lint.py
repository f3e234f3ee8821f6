"""`pynat lint FILE`: look at a capture for what a guest's stack does wrong, as a live network does.

What is found is in pynat.replay; here it is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections import Counter
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from pynat.cli.exercised import EXERCISED_HELP, SUMMARY_HELP, exercised_table
from pynat.cli.parsing import Subparsers, add_command
from pynat.config import MAX_PREFIX, MIN_PREFIX
from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.log.as_json import as_object, packet_of
from pynat.log.notices import JournalEntry
from pynat.replay.capture import Capture
from pynat.replay.wire import Asked, is_a_net
from pynat.rules import Severity
from pynat.serve.load import load
from pynat.wire import ethernet

FOUND, UNUSABLE = 1, 2
MAX_LINES = 10  # lines of one rule that are shown

_EPILOG = """\
exit code: 0 when nothing worse than a note was found, 1 when there is an error or a warning,
2 when the file cannot be used, or has no frame

examples:
  pynat lint net.pcapng
  pynat lint --guest 52:54:00:12:34:56 --router 10.0.2.2/24 dump.pcap
  pynat lint --config net.toml --from-start dump.pcap
  pynat lint --summary net.pcapng       only what the stack does, and what to mend first
  pynat lint --json net.pcapng | jq .text
  pynat explain TCP001                  what a code means
"""


def add(subparsers: Subparsers) -> None:
    text = "look at a capture for what a guest's stack does wrong"
    parser = add_command(subparsers, "lint", text, _EPILOG)
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="pcapng or pcap, of Ethernet or Linux cooked"
    )
    parser.add_argument("--guest", type=_end, metavar="MAC|IP", help="whose stack is looked at")
    parser.add_argument(
        "--router",
        type=_router,
        metavar="IP/LENGTH",
        help="the router's address in the guest's net",
    )
    parser.add_argument("--net", type=_net, metavar="NET/LENGTH", help="the guest's net")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="the configuration of the network that was captured (default: as the capture shows)",
    )
    parser.add_argument(
        "--from-start",
        action="store_true",
        help="nothing was on the wire before the capture (a pcapng of pynat's says so itself)",
    )
    parser.add_argument("--json", action="store_true", help="print an object a line")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--summary", action="store_true", help=f"only {SUMMARY_HELP}")
    instead.add_argument("--exercised", action="store_true", help=EXERCISED_HELP)
    parser.add_argument(
        "--all", action="store_true", help=f"print more than {MAX_LINES} lines of a rule"
    )
    parser.set_defaults(command=_lint)


def _end(text: str) -> bytes:
    with contextlib.suppress(ValueError):
        if "." in text:
            return IPv4Address(text).packed
        if len(mac := bytes.fromhex(text.replace(":", ""))) == len(ethernet.BROADCAST):
            return mac
    raise argparse.ArgumentTypeError(f"{text!r} is neither a MAC nor an IPv4 address")


def _router(text: str) -> IPv4Interface:
    return IPv4Interface((IPv4Address(text.partition("/")[0]), _net(text, strict=False).prefixlen))


def _net(text: str, *, strict: bool = True) -> IPv4Network:
    net = IPv4Network(text, strict=strict)
    if not is_a_net(net):
        right = f"a prefix length from {MIN_PREFIX} to {MAX_PREFIX}"
        raise argparse.ArgumentTypeError(f"{text!r}: expected {right}, as in 10.0.2.0/24")
    return net


def _lint(arguments: argparse.Namespace) -> int:
    try:
        return _looked_at(arguments, arguments.file)
    except ConfigError as error:
        print(f"pynat: {error}", file=sys.stderr)
        return UNUSABLE


def _looked_at(arguments: argparse.Namespace, file: Path) -> int:
    config = load(arguments.config, "", strict=True).config if arguments.config else None
    asked = Asked(arguments.guest, arguments.router, arguments.net, config)
    capture = Capture(file, asked, from_start=arguments.from_start)
    short = arguments.summary or arguments.exercised
    few = 0 if short else capture.survey.frames if arguments.all else MAX_LINES
    page = Page(few=few, json_of=file if arguments.json and not short else None)
    for _ in capture.frames(page.add):
        pass
    for line in _notes(capture):
        print(harmless(f"pynat: {file}: {line}"), file=sys.stderr)
    if not capture.survey.frames:
        raise ConfigError(f"{file}: no frame is in it, so nothing was looked at")
    found = capture.summary()
    if short and arguments.json:
        print(json.dumps(found.as_object()))
    elif arguments.exercised:
        print(exercised_table(found.as_object()))
    elif not arguments.json:
        frames, guests = capture.survey.frames, capture.from_guest
        print(harmless(f"{file}: {frames} frames, {guests} from the guest{capture.wire.said}"))
        print("\n".join(found.lines()))
    return FOUND if page.worst - {Severity.NOTE} else 0


def _notes(capture: Capture) -> list[str]:
    """What was not looked at."""
    about, cut = capture.about, capture.survey.cut
    notes = [f"{about.ends_early}; what follows was not looked at"] if about.ends_early else []
    if cut:
        notes.append(f"{cut} frames are not whole (snapshot length): their data are unknown")
    if capture.left_out:
        notes.append(f"{capture.left_out} frames are between others, or too short: left out")
    if dropped := capture.survey.dropped:
        notes.append(f"{dropped} addresses were one too many to find out whose the capture is")
    if about.without_time:
        notes.append(f"{about.without_time} frames have no time (simple packets): left out")
    return notes


class Page:
    """What is shown."""

    def __init__(self, *, few: int, json_of: Path | None) -> None:
        """json_of: print JSON lines, which name this capture."""
        self._few = few
        self._json_of = json_of
        self._shown: Counter[str] = Counter()
        self.worst: set[Severity] = set()

    def add(self, entry: JournalEntry) -> None:
        code = entry.rule.code
        self._shown[code] += 1
        self.worst.add(entry.rule.severity)
        if self._json_of is not None:
            print(json.dumps(as_object(entry) | {"capture": str(self._json_of)}))
        elif self._shown[code] <= self._few:
            print(_line(entry))
        elif self._few and self._shown[code] == self._few + 1:
            print(f"more of {code}: --all shows them")


def _line(entry: JournalEntry) -> str:
    packet, text = packet_of(entry.frame), entry.text
    named = "" if packet is None or packet in text else f"{packet}: "
    number = "" if entry.number is None else f"#{entry.number} "
    because = f"; {entry.cause}" if entry.cause else ""
    said = f"{entry.rule.code} {entry.rule.severity}: {named}{text}{because}"
    return f"{number}{entry.now:.6f} {said}"
