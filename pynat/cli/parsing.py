"""What the subcommands' parsers share."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from pynat.bochs.find import BOCHS_VARIABLE


class Parser(argparse.ArgumentParser):
    """Of a command: it complains of words too many itself, with its own usage.

    quoted: the argument that may have blanks in it, for who has left out the quotes.
    on_error: what else a complaint is given to, where `--json` is asked for.
    """

    quoted = ""
    on_error: Callable[[str], None] | None = None
    _given: Sequence[str] = ()

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self._given = args or ()
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            value = getattr(found, self.quoted, None) if self.quoted else None
            hint = f"; in quotes it is one: '{' '.join([value, *rest])}'" if value else ""
            self.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
        return found, rest

    def _check_value(self, action: argparse.Action, value: object) -> None:
        near = difflib.get_close_matches(str(value), map(str, action.choices or ()), n=1)
        if near and near[0] != str(value):
            raise argparse.ArgumentError(action, f"no {value!r}; did you mean {near[0]}?")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        if self.on_error is not None and "--json" in self._given:
            self.on_error(message)
        super().error(message)


if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction[Parser]
else:
    Subparsers: TypeAlias = object


def add_bochs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bochs",
        type=Path,
        metavar="PATH",
        help=f"the Bochs program (default: ${BOCHS_VARIABLE}, else bochs on the PATH)",
    )


def add_command(subparsers: Subparsers, name: str, help_line: str, epilog: str = "") -> Parser:
    return subparsers.add_parser(
        name,
        help=help_line,
        description=help_line[0].upper() + help_line[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def seconds(text: str) -> float:
    try:
        given = float(text)
    except ValueError:
        given = 0.0
    if not given > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return given
