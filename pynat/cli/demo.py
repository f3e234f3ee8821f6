"""`pynat demo`: the demonstration, in which a real guest uses its network."""

from __future__ import annotations

import argparse
from pathlib import Path

from pynat.children import none_left
from pynat.cli.leaving import asked_to_leave
from pynat.cli.parsing import Subparsers, add_bochs, add_command


def add(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "demo",
        "boot a guest in Bochs and show its network at work",
        "exit code: 0 when all of it happened, else 1; 128+n when ended by signal n",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="for the capture, the logs and the guest's image (default: a new one in /tmp,"
        " which goes if the demonstration is broken off)",
    )
    add_bochs(parser)
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from pynat.testing import demo  # with its guests and servers: only when it is wanted

    with none_left(), asked_to_leave():
        return demo.main(arguments.folder, arguments.bochs)
