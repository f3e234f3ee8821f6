"""The network of `pynat run` by words of the command line, joined with the file of `script=`.

What a word says stands above what the file says; lists (forwards, impair, faults) go on. Both are
written as one TOML file for the run, after it has been read once: so a mistake is told before
Bochs starts.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from pynat.config.slirp import is_slirp
from pynat.config.vnet import is_vnet
from pynat.errors import ConfigError
from pynat.serve.load import NO_SCRIPT, load

Tables = dict[str, Any]
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


def said(arguments: argparse.Namespace) -> Tables:
    """What the options say, as the tables of a file. Raises ConfigError."""
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
        _join(tables, _assigned(text))
    return tables


def _assigned(text: str) -> Tables:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set {text}: expected KEY=VALUE, as in --set tcp.idle=60")
    try:
        return tomllib.loads(text)
    except ValueError:
        pass
    try:  # on a command line quotes are a nuisance
        return tomllib.loads(f"{key} = {json.dumps(value.strip())}")
    except ValueError as error:
        raise ConfigError(f"--set {text}: {error}") from None


def joined(script: str, tables: Tables, folder: Path) -> Path:
    """A file in `folder` that says both. Raises ConfigError."""
    both = _tables_of(script)
    _join(both, tables)
    path = folder / "net.toml"
    path.write_text(as_toml(both))
    try:
        load(str(path), "")
    except ConfigError as error:
        if script not in NO_SCRIPT:
            load(script, "")  # where the file is to blame, its own line is named
        told = str(error).removeprefix(f"{path}:").lstrip("0123456789: ")
        raise ConfigError(f"options of pynat run: {told}") from None
    return path


def _tables_of(script: str) -> Tables:
    if script in NO_SCRIPT:
        return {}
    path = Path(script).expanduser()
    if path.suffix == ".py":
        return {"script": str(path.absolute())}
    load(script, "", strict=True)
    written = path.read_text("utf-8-sig")
    if is_slirp(written) or is_vnet(written):
        text = "a file of Bochs's own back ends says all that there is; options need a TOML file"
        raise ConfigError(f"{script}: {text}")
    return tomllib.loads(written)


def _join(tables: Tables, more: Tables) -> None:
    for key, value in more.items():
        known = tables.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _join(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            tables[key] = known + value
        else:
            tables[key] = value


def as_toml(tables: Tables) -> str:
    """Values of JSON's kinds; what is in a table is written inline there."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in tables.items() if not _is(value)]
    for key, value in tables.items():
        if _is(value):
            lines += ["", f"[{_key(key)}]"]
            lines += [f"{_key(inner)} = {_value(one)}" for inner, one in value.items()]
    return "\n".join(lines) + "\n"


def _is(value: object) -> bool:
    return isinstance(value, dict)


def _key(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _value(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case _:
            return json.dumps(str(value), ensure_ascii=False)
