"""`pynat lint FILE`: look at a capture for what a guest's stack does wrong.

Which frames are the guest's: with --guest, those from that MAC or address; else as the capture
says, if pynat made it; else those of the first sender.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import NamedTuple

from pynat.capture.reading import Captured, read
from pynat.cli.parsing import Subparsers, add_command
from pynat.config import Config, Network
from pynat.errors import ConfigError
from pynat.harmless import harmless
from pynat.link.findings import as_object, packet_of
from pynat.lint.frame import Finding
from pynat.lint.linter import Linter
from pynat.notices import Entry
from pynat.rules import BY_CODE, Severity
from pynat.wire import arp, versions

FOUND, UNUSABLE = 1, 2
_MAC = 6  # bytes of an address
FEW = 10  # lines of one rule that are shown

_EPILOG = """\
exit code: 0 when nothing worse than a note was found, 1 when there is an error or a warning,
2 when the file cannot be used

examples:
  pynat lint net.pcapng
  pynat lint --guest 52:54:00:12:34:56 --router 10.0.2.2/24 dump.pcap
  pynat lint --json net.pcapng | jq .text
  pynat explain TCP001                  what a code means
"""


class Found(NamedTuple):
    number: int  # of the frame
    when: float  # seconds from the first one
    frame: bytes
    from_guest: bool
    finding: Finding


class Report(NamedTuple):
    frames: list[Captured]
    guests: list[Captured]
    found: list[Found]


Judge = Callable[[Captured], bool]  # whether a frame is the guest's


def add(subparsers: Subparsers) -> None:
    text = "look at a capture for what a guest's stack does wrong"
    parser = add_command(subparsers, "lint", text, _EPILOG)
    parser.add_argument("file", type=Path, metavar="FILE", help="pcapng or pcap, of Ethernet")
    parser.add_argument("--guest", type=_end, metavar="MAC|IP", help="whose stack is looked at")
    parser.add_argument(
        "--router",
        type=IPv4Interface,
        metavar="IP/LENGTH",
        help="the router's address in the guest's net (default: 192.168.16.1/24)",
    )
    parser.add_argument("--json", action="store_true", help="print an object a line")
    parser.add_argument("--all", action="store_true", help=f"print more than {FEW} lines of a rule")
    parser.set_defaults(command=_lint)


def _end(text: str) -> bytes:
    try:
        return IPv4Address(text).packed if "." in text else bytes.fromhex(text.replace(":", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a MAC nor an IPv4 address") from None


def _lint(arguments: argparse.Namespace) -> int:
    try:
        cut: list[int] = []
        frames = list(read(arguments.file, cut.append))
    except ConfigError as error:
        print(f"pynat: {error}", file=sys.stderr)
        return UNUSABLE
    for count in cut:
        what = f"cut off, or spoilt, after {count} packets; what follows was not looked at"
        print(f"pynat: {arguments.file}: {what}", file=sys.stderr)
    report = _look(frames, _judge(frames, arguments.guest), _config(arguments.router))
    if arguments.json:
        _show_json(report)
    else:
        _show(report, few=len(frames) if arguments.all else FEW)
        _sum_up(arguments.file, report)
    worst = {one.finding.rule.severity for one in report.found}
    return FOUND if worst - {Severity.NOTE} else 0


def _config(router: IPv4Interface | None) -> Config:
    if router is None:
        return Config()
    net = router.network
    return Config(network=Network(net, router=router.ip, guest=router.ip, dns=router.ip))


def _judge(frames: list[Captured], guest: bytes | None) -> Judge:
    if guest is not None and len(guest) != _MAC:
        return lambda one: _source(one.frame) == guest
    if guest is not None:
        return lambda one: one.frame[6:12] == guest
    if any(one.from_guest is not None for one in frames):
        return lambda one: bool(one.from_guest)
    first = frames[0].frame[6:12] if frames else b""
    return lambda one: one.frame[6:12] == first


def _source(frame: bytes) -> bytes:
    """The address of the sender, by IP or ARP."""
    found = versions.in_frame(frame)
    return found.source if found else arp.sender_in(frame)


def _look(frames: list[Captured], is_guests: Judge, config: Config) -> Report:
    linter = Linter(config, with_malformed=True)
    report = Report(frames, [one for one in frames if is_guests(one)], [])
    start = frames[0].when if frames else 0.0
    for one in frames:
        if one.whole:
            from_guest, when = is_guests(one), one.when - start
            look = linter.from_guest if from_guest else linter.to_guest
            for finding in look(one.frame, when):
                report.found.append(Found(one.number, when, one.frame, from_guest, finding))
    return report


# ---------------------------------------------------------------- showing it
def _show(report: Report, few: int) -> None:
    shown: Counter[str] = Counter()
    for one in report.found:
        rule, text = one.finding.rule, one.finding.text
        shown[rule.code] += 1
        if shown[rule.code] <= few:
            packet = packet_of(one.frame)
            named = "" if packet is None or packet in text else f"{packet}: "
            line = f"#{one.number} {one.when:.6f} {rule.code} {rule.severity}: {named}{text}"
            print(harmless(line))
        elif shown[rule.code] == few + 1:
            print(f"more of {rule.code}: --all shows them")


def _sum_up(file: Path, report: Report) -> None:
    frames, guests = report.frames, report.guests
    print(f"{file}: {len(frames)} frames, {len(guests)} from the guest{_of(guests)}")
    if cut := sum(not one.whole for one in frames):
        print(f"{cut} frames are not whole in the capture (snapshot length): they were left out")
    for code, count in Counter(one.finding.rule.code for one in report.found).most_common():
        rule = BY_CODE[code]
        print(f"  {code} {rule.severity}: {rule.name}: {count}")


def _of(guests: list[Captured]) -> str:
    macs = Counter(one.frame[6:12] for one in guests)
    return f" ({', '.join(mac.hex(':') for mac, _ in macs.most_common(3))})" if macs else ""


def _show_json(report: Report) -> None:
    for one in report.found:
        rule, text = one.finding.rule, one.finding.text
        said = harmless(text)
        entry = Entry(one.when, rule, said, one.frame, one.from_guest, 1, dropped=False)
        print(json.dumps({"frame": one.number} | as_object(entry)))
