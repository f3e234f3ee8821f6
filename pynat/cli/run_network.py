"""The network of `pynat run` by words of the command line."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from pynat.config.toml_text import Tables
from pynat.serve.joined import WordsError, join

_LISTS = {"forward": "forwards", "impair": "impair", "fault": "faults"}  # by the option's name


def add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the network, above what script= says")
    more: dict[str, Any] = {"action": "append", "default": []}
    group.add_argument(
        "--forward", **more, metavar="RULE", help="a way into the guest: tcp::8080-:80"
    )
    group.add_argument("--impair", **more, metavar="RULE", help="a bad wire: 'to-guest loss 2%%'")
    group.add_argument("--fault", **more, metavar="FAULT", help="a faulty service: 'dhcp silent 3'")
    group.add_argument("--capture", type=Path, metavar="FILE", help="pcapng, or pcap by its name")
    group.add_argument("--seed", type=int, metavar="N", help="of everything that is drawn by lot")
    group.add_argument("--hermetic", action="store_true", help="no outside; runs can be repeated")
    group.add_argument("--script", type=Path, metavar="FILE", help="TOML or Python, for script=")
    group.add_argument("--tftp", type=Path, metavar="DIR", help="serve this folder by TFTP")
    group.add_argument(
        "--set", **more, metavar="KEY=VALUE", help="any key of docs/configuration.md, as in TOML"
    )


def named(arguments: argparse.Namespace) -> str:
    """The options that say something of the network."""
    options = (*_LISTS, "capture", "seed", "hermetic", "tftp", "set")
    given = [f"--{name}" for name in options if getattr(arguments, name) not in (None, False, [])]
    return ", ".join(given)


def said(arguments: argparse.Namespace) -> Tables:
    """What the options say, as the tables of a file. Raises WordsError."""
    tables: Tables = {}
    for option, key in _LISTS.items():
        if rules := getattr(arguments, option):
            tables[key] = rules
    if arguments.capture is not None:
        tables["capture"] = str(arguments.capture)
    if arguments.seed is not None:
        tables["seed"] = arguments.seed
    if arguments.hermetic:
        tables["hermetic"] = True
    if arguments.tftp is not None:
        tables["tftp"] = {"root": str(arguments.tftp)}
    for text in arguments.set:
        join(tables, _assigned(text))
    return tables


def _assigned(text: str) -> Tables:
    key, equals, value = text.partition("=")
    if not equals:
        raise WordsError(f"--set {text}: expected KEY=VALUE, as in --set tcp.idle=60")
    try:
        return tomllib.loads(text)
    except ValueError:
        pass
    try:  # on a command line quotes are a nuisance
        return tomllib.loads(f"{key} = {json.dumps(value.strip())}")
    except ValueError as error:
        raise WordsError(f"--set {text}: {error}") from None
