from __future__ import annotations

import argparse
import importlib

from pynat.cli.parsing import Subparsers


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="boot a guest in Bochs and show its network at work",
        description="Boot a guest in Bochs and show its network at work.",
        add_help=False,  # the demo has its own
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    code: int = importlib.import_module("pynat.testing.demo").main(arguments.arguments)
    return code
