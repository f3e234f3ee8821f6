"""How a key is declared: as a field of a dataclass, with its parser and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pynat.config.values import Parser

T = TypeVar("T")
METADATA = "key"


@dataclass(frozen=True, slots=True)
class Declared:
    parser: Parser[object]
    meaning: str  # one sentence of Markdown, for docs/configuration.md
    allowed: str


def key(parser: Parser[T], default: T, meaning: str, *, allowed: str = "") -> T:
    """allowed: for people, where the parser does not say it all."""
    metadata = {METADATA: Declared(parser, meaning, allowed or parser.allowed)}
    if isinstance(default, dict):
        return field(default_factory=lambda: copy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def declared(metadata: Mapping[Any, Any]) -> Declared | None:
    """What was declared of a field, if that is a key."""
    found = metadata.get(METADATA)
    assert found is None or isinstance(found, Declared)
    return found
