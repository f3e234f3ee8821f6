"""A TOML file into a Config. `KEYS` is the whole language: one line for each key.

`docs/configuration.md` describes the same keys for users; a test holds the two together.
tomllib tells no line numbers, so `lines_of` finds them by reading the text again; what it
cannot find (inline tables, for one) is reported with the line of the table around it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import fields, replace
from typing import Any

from pynat import (
    config_dhcp,
    config_faults,
    config_forwards,
    config_impair,
    config_lint,
    config_peers,
    config_ways,
)
from pynat import config_values as values
from pynat.config import LAYOUTS, Broadcast, Config, Layout, TimePolicy
from pynat.config_check import check
from pynat.config_values import Parser, Source
from pynat.errors import ConfigError

# 4,096 bytes is the longest frame that every NIC model of Bochs takes (pcipnic panics above).
LONGEST_MTU = 4096 - 14
SHORTEST_MTU = 576  # RFC 791: what every host must accept
SHORTEST_MSS = 88  # Linux takes no smaller one
FOREVER = float(2**32 - 1)  # RFC 2131 section 3.3: a lease of this length never ends

KEYS: dict[str, Parser] = {
    "layout": values.one_of(Layout, [layout.value for layout in Layout]),
    "time": values.one_of(TimePolicy, [policy.value for policy in TimePolicy]),
    "hermetic": values.boolean,
    "patience": values.seconds(0, 3600),
    "host_loopback": values.boolean,
    "script": values.script,
    "forwards": values.list_of(config_forwards.forward_item),
    "guestfwd": values.list_of(config_ways.guest_forward),
    "host_aliases": config_ways.host_aliases,
    "peers": config_peers.peers,
    "zoo": values.boolean,
    "restricted": values.boolean,
    "allow": values.list_of(config_ways.allowed),
    "faults": values.list_of(config_faults.fault),
    "control": values.text(config_forwards.LONGEST_PATH, '"auto", "none" or the path of a socket'),
    "backlog": values.whole(1, 65535),
    "impair": values.list_of(config_impair.rule),
    "capture": values.new_file,
    "capture_size": values.whole(1, 1 << 20),
    "capture_files": values.whole(2, 1000),
    "seed": values.whole(0, 2**64 - 1),
    "network.net": values.network,
    "network.router": values.address,
    "network.guest": values.address,
    "network.dns": values.address,
    "network.mac": values.mac,
    "network.adopt": values.boolean,
    "network.mtu": values.whole(SHORTEST_MTU, LONGEST_MTU),
    "dhcp.enabled": values.boolean,
    "dhcp.lease": values.seconds(10, FOREVER),
    "dhcp.hostname": values.domain_name,
    "dhcp.domain": values.domain_name,
    "dhcp.search": values.list_of(values.domain_name),
    "dhcp.bootfile": values.text(255, "the name of the boot file"),
    "dhcp.next_server": values.address,
    "dhcp.server_name": values.text(255, "the name of the boot server"),
    "dhcp.ipxe_bootfile": values.text(255, "the name of the boot file"),
    "dhcp.ntp": values.list_of(values.address),
    "dhcp.routes": values.list_of(config_dhcp.route),
    "dhcp.static": config_dhcp.static,
    "dhcp.options": config_dhcp.options,
    "dns.resolvers": values.list_of(values.resolver),
    "dns.names": values.names,
    "dns.timeout": values.seconds(0.1, 60),
    "dns.tries": values.whole(1, 10),
    "tftp.root": values.folder,
    "tftp.write": values.boolean,
    "tftp.max_size": values.whole(1, 2**63 - 1),
    "nat.keep_ports": values.boolean,
    "tcp.idle": values.seconds(1, 86_400 * 365),
    "tcp.mss": values.whole(SHORTEST_MSS, LONGEST_MTU - 40),
    "tcp.window": values.whole(1024, 1 << 24),
    "tcp.window_scale": values.boolean,
    "tcp.timestamps": values.boolean,
    "tcp.sack": values.boolean,
    "tcp.delayed_ack": values.seconds(0, 0.5),  # RFC 9293 3.8.6.3
    "tcp.isn": values.whole(0, 2**32 - 1),
    "tcp.rto_initial": values.seconds(0.01, 60),
    "tcp.rto_min": values.seconds(0.01, 60),
    "tcp.rto_max": values.seconds(0.1, 3600),
    "tcp.retries": values.whole(1, 100),
    "tcp.forward_wait": values.seconds(1, 86_400),
    "tcp.flows": values.whole(1, 65_536),
    "tcp.memory": values.whole(1 << 20, 1 << 40),
    "udp.idle": values.seconds(1, 86_400 * 365),
    "udp.dns_idle": values.seconds(1, 86_400 * 365),
    "udp.flows": values.whole(1, 65_535),
    "udp.broadcast": values.one_of(Broadcast, [choice.value for choice in Broadcast]),
    "icmp.idle": values.seconds(1, 86_400 * 365),
    "icmp.flows": values.whole(1, 65_535),
    "lint.enabled": values.boolean,
    "lint.silence": config_lint.codes,
    "lint.json": values.new_file,
}
TABLES = [f.name for f in fields(Config) if any(key.startswith(f.name + ".") for key in KEYS)]

HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?$")
_WORD = r"""(?:[\w.-]|"[^"]*"|'[^']*')+"""
ASSIGNMENT = re.compile(rf"\s*({_WORD}(?:\s+{_WORD})*)\s*=")


def read_toml(written: str, file: str) -> Config:
    """`written` is the file's text, `file` its name for messages. Defaults for what it omits."""
    return from_tables(_parsed(written, file), Source(file, lines_of(written)))


def from_tables(tables: dict[str, Any], source: Source) -> Config:
    """What a file says, or a script in its stead."""
    given = _flatten(tables, source)
    found: dict[str, dict[str, Any]] = {"": {}, **{table: {} for table in TABLES}}
    for key, value in given.items():
        table, _, name = key.rpartition(".")
        found[table][name] = source.parse(key, KEYS[key], value)
    config = _assemble(found, source)
    check(config, source, {})
    return config


def _assemble(found: dict[str, dict[str, Any]], source: Source) -> Config:
    base, top = Config(), found[""]
    layout = top.get("layout", base.layout)
    found["network"] = _defaults(found["network"], layout) | found["network"]
    for table in TABLES:
        top[table] = replace(getattr(base, table), **found[table])
    place = source.place("forwards")
    top["forwards"] = tuple(
        replace(rule, source=f"{place}: forwards[{i}]")
        for i, rules in enumerate(top.get("forwards", ()))
        for rule in rules
    )
    top["guestfwd"] = tuple(
        replace(one, source=f"{source.place('guestfwd')}: guestfwd[{i}]")
        for i, one in enumerate(top.get("guestfwd", ()))
    )
    top["host_aliases"] = tuple(
        replace(one, source=f"{source.place('host_aliases')}: host_aliases")
        for one in top.get("host_aliases", ())
    )
    if top.get("zoo"):
        top["peers"] = (*top.get("peers", ()), *config_peers.zoo())
    return replace(base, **top)


def _defaults(given: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Where the forwarder is the router, it goes with it."""
    base = LAYOUTS[layout]
    net = given.get("net", base.net)
    found = {"net": net, **values.places(layout, net)}
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


def nearest(key: str) -> str:
    """What an unknown key was probably meant to be: a misspelling, or the wrong table."""
    last = key.rpartition(".")[2]
    elsewhere = [known for known in KEYS if known.rpartition(".")[2] == last]
    if matches := elsewhere or difflib.get_close_matches(key, KEYS, n=1, cutoff=0.6):
        return "did you mean " + " or ".join(matches) + "?"
    table = key.rpartition(".")[0]
    names = [known for known in KEYS if known.rpartition(".")[0] == table]
    return f"known {'in [' + table + ']' if table else 'at the top'}: " + ", ".join(names)


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
