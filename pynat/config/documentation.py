"""The keys as users see them: a table in Markdown, and a JSON Schema for editors.

    python -m pynat.config.documentation     prints the schema

`scripts/make-config-pages` writes both into docs/.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from pynat.config.keys import KEYS, TABLES, default
from pynat.config.values import Schema

HEAD = "| key | default | allowed | meaning |\n|---|---|---|---|\n"
_LINK = re.compile(r"\[[^]]+\]\(([^)]+)\)")


def table() -> str:
    return HEAD + "".join(
        f"| `{name}` | {_shown(name)} | {one.allowed} | {one.meaning} |\n"
        for name, one in KEYS.items()
    )


def _shown(key: str) -> str:
    value = plain_default(key)
    return "not set" if value is None else f"`{json.dumps(value)}`"


def plain_default(key: str) -> Any:
    """As it would stand in a file; None where it cannot."""
    value = default(key)
    match value:
        case float() if value.is_integer():
            return int(value)
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.hex(":")
        case tuple() | frozenset() | dict():
            assert not value, f"{key}: a default that is not empty is not shown"
            return {} if KEYS[key].parser.schema["type"] == "object" else []
        case _:
            return str(value)


def schema() -> Schema:
    found = _object("A network of pynat", "docs/configuration.md")
    for name in TABLES:
        found["properties"][name] = _object(f"The keys of [{name}]")
    for name, one in KEYS.items():
        table, _, last = name.rpartition(".")
        where = found["properties"][table] if table else found
        said = {"description": _LINK.sub(r"docs/\1", one.meaning)}
        value = plain_default(name)
        where["properties"][last] = (
            said | ({} if value is None else {"default": value}) | one.parser.schema
        )
    return {"$schema": "http://json-schema.org/draft-07/schema#"} | found


def _object(title: str, described: str = "") -> Schema:
    said = {"title": title} | ({"description": described} if described else {})
    return said | {"type": "object", "additionalProperties": False, "properties": {}}


def schema_text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
