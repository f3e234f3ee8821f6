"""All keys of a configuration file by their dotted names, as `model.py` declares them."""

from __future__ import annotations

import difflib
from dataclasses import fields, is_dataclass

from pynat.config.key import Declared, declared
from pynat.config.model import Config

_DEFAULTS = Config()


def default(key: str) -> object:
    value: object = _DEFAULTS
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _keys(of: object, table: str = "") -> dict[str, Declared]:
    found = ((one.name, declared(one.metadata)) for one in fields(of)) if is_dataclass(of) else ()
    return {f"{table}{name}": one for name, one in found if one}


_OF_TABLES = {one.name: _keys(default(one.name), f"{one.name}.") for one in fields(Config)}
TABLES = [name for name, keys in _OF_TABLES.items() if keys]
KEYS: dict[str, Declared] = _keys(_DEFAULTS)
for table in TABLES:
    KEYS |= _OF_TABLES[table]


def nearest(key: str) -> str:
    """What an unknown key or table was probably meant to be: a misspelling, or the wrong table."""
    last = key.rpartition(".")[2]
    elsewhere = [known for known in KEYS if known.rpartition(".")[2] == last]
    table = key.rpartition(".")[0]
    shown = {name: name for name in KEYS}
    if not table:
        shown |= {name: f"[{name}]" for name in TABLES}
    near = difflib.get_close_matches(key, shown, n=1, cutoff=0.6)
    if matches := elsewhere or [shown[name] for name in near]:
        return "did you mean " + " or ".join(matches) + "?"
    names = [text for name, text in shown.items() if name.rpartition(".")[0] == table]
    return f"known {'in [' + table + ']' if table else 'at the top'}: " + ", ".join(names)
