"""What the subcommands' parsers share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pynat.bochs.find import BOCHS_VARIABLE

if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers: TypeAlias = object


def add_bochs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bochs",
        type=Path,
        metavar="PATH",
        help=f"the Bochs program (default: ${BOCHS_VARIABLE}, else bochs on the PATH)",
    )


def add_command(
    subparsers: Subparsers, name: str, help_line: str, epilog: str = ""
) -> argparse.ArgumentParser:
    return subparsers.add_parser(
        name,
        help=help_line,
        description=help_line[0].upper() + help_line[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
