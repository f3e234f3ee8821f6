"""A TOML file into a Config; which keys there are, `pynat.config.model` says.

tomllib tells no line numbers, so `lines_of` finds them by reading the text again; what it
cannot find (inline tables, for one) is reported with the line of the table around it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import Any

from pynat.config.check import check
from pynat.config.entries import Layout
from pynat.config.keys import KEYS, TABLES, nearest
from pynat.config.layouts import LAYOUTS, addresses_in
from pynat.config.model import Config
from pynat.config.peers import zoo
from pynat.config.values import Source
from pynat.errors import ConfigError

HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?$")
WRITTEN_FOR = "# of one run: "  # then whose words the file has, which nobody has typed as a file
_WORD = r"""(?:[\w.-]|"[^"]*"|'[^']*')+"""
ASSIGNMENT = re.compile(rf"\s*({_WORD}(?:\s+{_WORD})*)\s*=")


def read_toml(written: str, file: str) -> Config:
    """`written` is the file's text, `file` its name for messages. Defaults for what it omits."""
    return from_tables(_parsed(written, file), _source(written, file))


def _source(written: str, file: str) -> Source:
    first, _, _ = written.partition("\n")
    if first.startswith(WRITTEN_FOR):
        return Source(first.removeprefix(WRITTEN_FOR))
    return Source(file, lines_of(written))


def from_tables(tables: dict[str, Any], source: Source) -> Config:
    """What a file says, or a script in its stead."""
    given = _flatten(tables, source)
    found: dict[str, dict[str, Any]] = {"": {}, **{table: {} for table in TABLES}}
    for key, value in given.items():
        table, _, name = key.rpartition(".")
        found[table][name] = source.parse(key, KEYS[key].parser, value)
    config = _assemble(found, source)
    check(config, source, {})
    return config


def _assemble(found: dict[str, dict[str, Any]], source: Source) -> Config:
    base, top = Config(), found[""]
    layout = top.get("layout", base.layout)
    found["network"] = _defaults(found["network"], layout) | found["network"]
    for table in TABLES:
        top[table] = replace(getattr(base, table), **found[table])
    for key in ("forwards", "guestfwd", "host_aliases"):
        place = source.place(key)
        found_there = top.get(key, ())
        top[key] = tuple(replace(one, source=f"{place}: {one.source}") for one in found_there)
    if top.get("zoo"):
        top["peers"] = (*top.get("peers", ()), *zoo())
    return replace(base, **top)


def _defaults(given: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Where the forwarder is the router, it goes with it."""
    base = LAYOUTS[layout]
    net = given.get("net", base.net)
    found = {"net": net, **addresses_in(layout, net)}
    if base.dns == base.router and "router" in given:
        found["dns"] = given["router"]
    return found


def _parsed(written: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(written)
    except (ValueError, RecursionError) as error:  # also: a number of 5,000 digits, deep nesting
        what = str(error)
        match = re.search(r" \(at line (\d+), column (\d+)\)$", what)
        if match:
            what = f"{what[: match.start()]} (column {match[2]})"
        line = int(match[1]) if match else written.count("\n") + 1
        hint = _hint(what, written.split("\n")[line - 1], int(match[2]) if match else 0)
        raise ConfigError(f"{file}:{line}: not valid TOML: {what}{hint}") from None


def _hint(what: str, line: str, column: int) -> str:
    """What beginners get wrong: quotes, backslashes, True."""
    value = line.partition("=")[2].strip()
    if what.startswith("Invalid value") and column:
        word = re.match(r"\w*", line[column - 1 :])
        if word and word[0].lower() in {"true", "false"}:
            return f"; write {word[0].lower()}"
        return "; text goes in quotes"
    if what.startswith("Expected newline") and value and value[0] not in "\"'[{":
        return "; text goes in quotes"  # 192.168.16.1, 52:54:00:12:34:56
    if what.startswith(("Unescaped '\\'", "Invalid hex value")):
        return "; text with backslashes goes in single quotes"
    return ""


def _flatten(parsed: dict[str, Any], source: Source) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in parsed.items():
        if name not in TABLES:
            flat[name] = value
        elif isinstance(value, dict):
            flat |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            raise source.error(name, value, f"a table: write [{name}] and its keys below it")
    for key in flat:
        if key not in KEYS:
            raise ConfigError(f"{source.place(key)}: {key}: unknown key; {nearest(key)}")
    return flat


def lines_of(written: str) -> dict[str, int]:
    """The line of each table and key, by its dotted name; the first one counts."""
    table, lines = "", dict[str, int]()
    for number, line in enumerate(written.split("\n"), 1):  # as tomllib counts
        if header := HEADER.match(line):
            table = _bare(header[1])
            lines.setdefault(table, number)
        elif assignment := ASSIGNMENT.match(line):
            key = _bare(assignment[1])
            lines.setdefault(f"{table}.{key}" if table else key, number)
    for key, number in list(lines.items()):
        outer = ".".join(key.split(".")[:2])
        if outer in KEYS:
            lines.setdefault(outer, number)
    return lines


def _bare(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.strip().split("."))
