"""`pynat check`: whether a network's configuration is right, without a guest."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pynat.children import none_left
from pynat.cli.parsing import Subparsers, add_command
from pynat.errors import ConfigError
from pynat.serve.load import load

WRONG = 1
_EPILOG = """\
FILE is what script= names on the card's line. Each mistake is told with its line and what would
be right; the exit code is 1 then, and 0 if there is none.
"""


def add(subparsers: Subparsers) -> None:
    parser = add_command(subparsers, "check", "see whether files for script= are right", _EPILOG)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    wrong = 0
    for file in arguments.files:
        try:
            with none_left():
                config = load(str(file), "", strict=True).config
        except ConfigError as error:
            print(f"pynat: {error}", file=sys.stderr)
            wrong = WRONG
            continue
        for warning in config.warnings:
            print(f"pynat: {warning}", file=sys.stderr)  # the file is named in it
        network = config.network
        print(f"{file}: right; network {network.net}, router {network.router}")
    return wrong
