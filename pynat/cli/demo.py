"""`pynat demo`: the demonstration has a command line of its own."""

from __future__ import annotations

from collections.abc import Sequence

from pynat.cli.parsing import Subparsers, add_command

NAME = "demo"


def add(subparsers: Subparsers) -> None:
    add_command(subparsers, NAME, "boot a guest in Bochs and show its network at work")


def main(arguments: Sequence[str]) -> int:
    from pynat.testing import demo  # with its guests and servers: only when it is wanted

    return demo.main(list(arguments))
