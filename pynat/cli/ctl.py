"""`pynat ctl`: look into a running network and change it (docs/control.md)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pynat.cli.exercised import EXERCISED_HELP, SUMMARY_HELP, exercised_table
from pynat.cli.parsing import Parser, Subparsers, add_command
from pynat.cli.tables import plain, table
from pynat.config import ShownSource
from pynat.control import places
from pynat.control.client import ask, wait_for, watch
from pynat.control.protocol import Answer, Refused
from pynat.errors import ConfigError
from pynat.harmless import harmless

_EPILOG = """\
Without --socket or --pid it talks to the only network of yours that runs; where there are
several, it lists them.

exit code: 0 when it was done, 1 when it could not be, 2 for a wrong command line

examples:
  pynat ctl flows
  pynat ctl forward add tcp::8080-:80
  pynat ctl forward remove tcp::8080-:80
  pynat ctl --pid 4711 capture start trouble.pcapng
  pynat ctl --json stats
"""
_FLOWS = {
    "number": "no",
    "protocol": "",
    "state": "state",
    "guest": "guest",
    "remote": "remote",
    "bytes_from_guest": "from guest",
    "bytes_from_host": "from host",
    "age": "age",
    "idle": "idle",
    "timer": "timer",
    "retransmitted": "resent",
    "rto": "rto",
    "cwnd": "cwnd",
    "window_of_guest": "guest's window",
    "window_for_guest": "our window",
}
_MAX_DIGITS = 18  # digits
_FORWARDS = {"number": "no", "rule": "rule", "source": "guest sees"}
_RULES = {
    "count": "count",
    "because": "because of others",
    "code": "code",
    "severity": "severity",
    "name": "what",
}
_LEASES = {"address": "address", "mac": "MAC", "state": "state", "left": "left"}
_NEIGHBORS = {"address": "address", "mac": "MAC", "heard": "last heard"}
_IMPAIR = {"number": "no", "rule": "rule", "treated": "treated", "lost": "lost"}
_PEERS = {"host": "host", "address": "address", "does": "does"}
_FAULTS = {"number": "no", "fault": "fault", "met": "happened", "left": "left"}
_NETWORKS = {
    "pid": "pid",
    "card": "card",
    "net": "net",
    "guest": "guest",
    "folder": "folder",
    "bochsrc": "bochsrc",
    "socket": "socket",
}

Printer = Callable[[Answer], str]


def add(subparsers: Subparsers) -> None:
    parser = add_command(subparsers, "ctl", "look into a running network and change it", _EPILOG)
    add_which(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as it is")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, text, printer in (
        ("flows", "every TCP connection, UDP mapping and ping", _rows("flows", _FLOWS)),
        ("stats", "frames, bytes, flows, and drops by their reasons", _stats),
        ("log", "the last lines that the network has said", _log),
        ("leases", "the addresses that DHCP gave", _rows("leases", _LEASES)),
        ("neighbors", "the guests' MAC addresses", _rows("neighbors", _NEIGHBORS)),
        ("info", "which network this is", plain),
    ):
        _verb(verbs, name, text, printer)
    _add_reach(verbs)
    networks = verbs.add_parser("networks", help="all networks of yours that run")
    networks.set_defaults(command=_networks)
    _add_lint(verbs)
    _add_forward(verbs)
    _add_capture(verbs)
    _add_impair(verbs)
    _add_peer(verbs)
    _add_fault(verbs)


def add_which(parser: argparse.ArgumentParser) -> None:
    """Which of the networks that run; for `found_network`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--socket", type=Path, metavar="PATH", help="its control socket")
    which.add_argument("--pid", type=int, help="the process (Bochs, or pynat tap) that has it")


def _add_reach(verbs: Subparsers) -> None:
    ping = _verb(verbs, "ping", "ping the guest from the router", _pings)
    ping.add_argument("--count", type=int, metavar="N", help="requests (default: 4)")
    ping.add_argument("--size", type=int, metavar="BYTES", help="of data in each (default: 56)")
    wait = _verb(verbs, "wait", "until something has happened", plain)
    wait.add_argument("what", metavar="WHAT", help="card, lease, listen:PORT or finding:CODE")
    for parser in (ping, wait):
        parser.add_argument("--guest", metavar="ADDRESS", help="default: the one with a lease")
        parser.add_argument(
            "--timeout", type=float, metavar="S", help="guest seconds (default: 10)"
        )
        parser.set_defaults(takes_time=True)
    watch = verbs.add_parser("watch", help="what happens, a JSON object a line")
    watch.set_defaults(command=_watch)


def _add_lint(verbs: Subparsers) -> None:
    text = "what the guest did wrong, by rules (docs/rules/)"
    parser = _verb(verbs, "lint", text, _rows("rules", _RULES))
    more = parser.add_mutually_exclusive_group()
    for option, help_text, printer in (
        ("--summary", SUMMARY_HELP, _page),
        ("--exercised", EXERCISED_HELP, exercised_table),
    ):
        more.add_argument(
            option,
            action="store_const",
            const=("lint summary", printer),
            dest="instead",
            help=help_text,
        )


def _add_forward(verbs: Subparsers) -> None:
    parser = verbs.add_parser("forward", help="ports of the host that lead to the guest")
    inner = parser.add_subparsers(metavar="VERB", required=True)
    rows = _rows("forwards", _FORWARDS)
    new = _verb(inner, "add", "open one", rows, request="forward add")
    new.add_argument("rule", metavar="RULE", help="[tcp|udp]:[hostaddr]:hostport-[guestaddr]:port")
    new.add_argument(
        "--source", choices=[one.value for one in ShownSource], help="whom the guest sees"
    )
    _verb(inner, "list", "those that are open", rows, request="forward list")
    old = _verb(inner, "remove", "close one; connections stay", rows, request="forward remove")
    old.add_argument("rule", metavar="RULE|NUMBER")


def _add_capture(verbs: Subparsers) -> None:
    parser = verbs.add_parser("capture", help="record every frame in a file")
    inner = parser.add_subparsers(metavar="VERB", required=True)
    start = _verb(inner, "start", "begin a file", plain, request="capture start")
    start.add_argument("file", type=Path, metavar="FILE", help="pcapng, or pcap if it ends so")
    _verb(inner, "stop", "complete it", plain, request="capture stop")


def _add_impair(verbs: Subparsers) -> None:
    parser = verbs.add_parser("impair", help="a wire that loses and delays (docs/impairment.md)")
    inner = parser.add_subparsers(metavar="VERB", required=True)
    rows = _rows("rules", _IMPAIR)
    new = _verb(inner, "add", "one more rule, behind the others", rows, request="impair add")
    new.add_argument("rule", metavar="RULE", help='for example "to-guest tcp data drop nth 3"')
    new.quoted = "rule"
    _verb(inner, "list", "the rules and what they have done", rows, request="impair list")
    old = _verb(inner, "remove", "take one away", rows, request="impair remove")
    old.add_argument("number", type=int, metavar="NUMBER")
    _verb(inner, "clear", "take all away", rows, request="impair clear")


def _add_peer(verbs: Subparsers) -> None:
    parser = verbs.add_parser("peer", help="hosts that misbehave on purpose (docs/peers.md)")
    inner = parser.add_subparsers(metavar="VERB", required=True)
    rows = _rows("peers", _PEERS)
    new = _verb(inner, "set", "let a host do this from now on", rows, request="peer set")
    new.add_argument("host", metavar="HOST[:PORT]", help="a name or an address")
    new.add_argument("does", metavar="BEHAVIOUR", help='for example "accept after 3s, reorder"')
    new.quoted = "does"
    _verb(inner, "list", "those that there are", rows, request="peer list")
    old = _verb(inner, "remove", "let a host be as it is", rows, request="peer remove")
    old.add_argument("host", metavar="HOST[:PORT]")


def _add_fault(verbs: Subparsers) -> None:
    parser = verbs.add_parser("fault", help="what services do wrong on purpose (docs/faults.md)")
    inner = parser.add_subparsers(metavar="VERB", required=True)
    rows = _rows("faults", _FAULTS)
    new = _verb(inner, "set", "from now on", rows, request="fault set")
    new.add_argument("fault", metavar="FAULT", help='for example "dhcp silent 3"')
    new.quoted = "fault"
    _verb(inner, "list", "those that are set", rows, request="fault list")
    old = _verb(inner, "clear", "one, or all", rows, request="fault clear")
    old.add_argument("number", type=int, nargs="?", metavar="NUMBER")


def _verb(
    verbs: Subparsers, name: str, text: str, printer: Printer, *, request: str = ""
) -> Parser:
    parser = verbs.add_parser(name, help=text)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    parser.set_defaults(command=_ctl, request=request or name, printer=printer)
    return parser


# ---------------------------------------------------------------- doing it
def _ctl(arguments: argparse.Namespace) -> int:
    request, printer = getattr(arguments, "instead", None) or (
        arguments.request,
        arguments.printer,
    )
    try:
        path = found_network(arguments)
        send = wait_for if getattr(arguments, "takes_time", False) else ask
        answer = send(path, request, **_parameters(arguments))
    except Refused as error:
        raise ConfigError(harmless(str(error))) from None
    try:
        shown = json.dumps(answer, indent=2) if arguments.json else printer(answer)
    except (LookupError, AttributeError, TypeError):
        raise ConfigError(f"{path}: another answer than pynat gives to this") from None
    print(shown)
    return int(answer.get("replies") == [])  # as ping(8), where nobody answers


def _parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Paths are this process's, not the network's."""
    given: dict[str, Any] = {}
    if rule := getattr(arguments, "rule", None):
        if arguments.request == "forward remove" and rule.isdecimal() and len(rule) <= _MAX_DIGITS:
            return {"number": int(rule)}
        given["rule"] = _absolute(rule)
    for name in ("host", "does", "fault", "number", "count", "size", "guest", "timeout"):
        if (value := getattr(arguments, name, None)) is not None:
            given[name] = value
    if what := getattr(arguments, "what", None):
        given["for"] = what
    if source := getattr(arguments, "source", None):
        given["source"] = source
    if file := getattr(arguments, "file", None):
        given["file"] = str(file.absolute())
    return given


def _absolute(rule: str) -> str:
    if not rule.startswith("unix:"):
        return rule
    path, dash, guest = rule.removeprefix("unix:").rpartition("-")
    return f"unix:{Path(path).absolute()}{dash}{guest}"


def found_network(arguments: argparse.Namespace) -> Path:
    """Its control socket. Raises ConfigError."""
    if arguments.socket is not None:
        return Path(arguments.socket)
    paths = places.found(arguments.pid)
    if len(paths) == 1:
        return paths[0]
    if not paths:
        whose = f" of process {arguments.pid}" if arguments.pid is not None else ""
        raise ConfigError(
            f"no network{whose} with a control socket in {places.folder()}; name the socket with"
            " --socket (a hermetic network has one only where `control` says its path)"
        )
    print(table(_described(paths), _NETWORKS), file=sys.stderr)
    raise ConfigError(f"{len(paths)} networks run; choose one with --pid or --socket")


def _watch(arguments: argparse.Namespace) -> int:
    try:
        for event in watch(found_network(arguments)):
            print(json.dumps(event), flush=True)
    except Refused as error:
        raise ConfigError(harmless(str(error))) from None
    return 0


def _networks(arguments: argparse.Namespace) -> int:
    rows = _described(places.found(arguments.pid))
    print(json.dumps({"networks": rows}, indent=2) if arguments.json else table(rows, _NETWORKS))
    return 0


def _described(paths: list[Path]) -> list[Answer]:
    rows = []
    for path in paths:
        try:
            rows.append(ask(path, "info") | {"socket": str(path)})
        except (Refused, OSError) as error:
            rows.append({"pid": places.pid_of(path), "socket": f"{path} ({error})"})
    return rows


# ---------------------------------------------------------------- showing it
def _rows(name: str, columns: dict[str, str]) -> Printer:
    return lambda answer: table(answer[name], columns)


def _log(answer: Answer) -> str:
    """A line may be a traceback, which has lines of its own."""
    shown = [
        f"{'' if line['time'] is None else format(line['time'], '.6f'):>14}  {text}"
        for line in answer["lines"]
        for text in line["text"].split("\n")
    ]
    return "\n".join(map(harmless, shown)) or "none"


def _pings(answer: Answer) -> str:
    replies = answer["replies"]
    lines = [f"reply {one['sequence']} after {one['seconds']:g} s" for one in replies]
    return "\n".join([*lines, f"{len(replies)} of {answer['sent']} answered"])


def _page(answer: Answer) -> str:
    return "\n".join(harmless(line) for line in answer["page"])


def _stats(answer: Answer) -> str:
    flat: dict[str, object] = {}
    for direction in ("from_guest", "to_guest"):
        for unit, count in answer[direction].items():
            flat[f"{direction.replace('_', ' ')}: {unit}"] = count
    for kind in ("flows", "card"):
        flat |= {f"{kind}: {name}": count for name, count in answer[kind].items()}
    if answer["ports_not_kept"]:
        flat["ports not kept"] = answer["ports_not_kept"]
    flat |= {f"dropped: {reason}": count for reason, count in answer["drops"].items()}
    return plain(flat)
