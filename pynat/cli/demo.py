"""`pynat demo`: the demonstration, in which a real guest uses its network."""

from __future__ import annotations

import argparse
from pathlib import Path

from pynat.cli.parsing import Subparsers, add_bochs, add_command


def add(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "demo",
        "boot a guest in Bochs and show its network at work",
        "exit code: 0 when all of it happened, else 1",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="for the capture, the logs and the guest's image (default: a new one in /tmp)",
    )
    add_bochs(parser)
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from pynat.testing import demo  # with its guests and servers: only when it is wanted

    return demo.main(arguments.folder, arguments.bochs)
