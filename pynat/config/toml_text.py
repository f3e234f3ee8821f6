"""Tables as TOML: what `tomllib` reads back as the same."""

from __future__ import annotations

import json
from typing import Any

Tables = dict[str, Any]


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
