"""`pynat explain CODE`: the page of a rule."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from pynat.cli.documents import documents
from pynat.cli.parsing import Subparsers, add_command
from pynat.cli.tables import table
from pynat.errors import ConfigError
from pynat.rules import BY_CODE, RULES, nearest
from pynat.rules.page import page
from pynat.rules.rule import Rule


def add(subparsers: Subparsers) -> None:
    text = "say what a code in the log means, and what to change"
    parser = add_command(subparsers, "explain", text, "example:\n  pynat explain TCP001")
    parser.add_argument("codes", nargs="*", metavar="CODE", help="without one, all are listed")
    parser.set_defaults(command=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    if not arguments.codes:
        print(_table(RULES))
    else:
        print("\n".join(_page(code.upper()) for code in arguments.codes), end="")
    return 0


def _table(rules: Iterable[Rule]) -> str:
    rows = [{"code": r.code, "severity": str(r.severity), "name": r.name} for r in rules]
    return table(rows, {"code": "code", "severity": "severity", "name": "what"})


def _page(code: str) -> str:
    if of_protocol := [rule for rule in RULES if rule.protocol == code]:
        return _table(of_protocol) + "\n"
    if code not in BY_CODE:
        raise ConfigError(f"{code} is no code of a rule; {nearest(code)}")
    folder = documents()
    written = folder / "docs" / "rules" / f"{code}.md" if folder else None
    return written.read_text() if written else page(BY_CODE[code])  # the written one has an example
