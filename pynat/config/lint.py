"""The keys of [lint]."""

from __future__ import annotations

from pynat.config.values import Wrong, parser, string
from pynat.rules import BY_CODE, nearest


@parser("list of codes", type="array", items={"type": "string", "minLength": 1})
def codes(value: object) -> frozenset[str]:
    """Codes of rules, or the letters before the number for all rules of a protocol."""
    if not isinstance(value, list):
        raise Wrong('a list of rules in brackets, for example ["TCP062", "ARP"]')
    return frozenset(code for one in value for code in _codes(string(one)))


def _codes(written: str) -> list[str]:
    wanted = written.upper()
    found = [code for code, rule in BY_CODE.items() if wanted in (code, rule.protocol)]
    if not found:
        raise Wrong(f"codes of rules; {written!r} is none, {nearest(wanted)}")
    return found
