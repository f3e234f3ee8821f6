"""The keys of [lint]."""

from __future__ import annotations

import difflib

from pynat.config_values import Wrong, string
from pynat.rules import BY_CODE


def codes(value: object) -> frozenset[str]:
    """Codes of rules, or the letters before the number for all rules of a protocol."""
    if not isinstance(value, list):
        raise Wrong('a list of rules in brackets, for example ["TCP017", "ARP"]')
    return frozenset(code for one in value for code in _codes(string(one)))


def _codes(written: str) -> list[str]:
    wanted = written.upper()
    found = [code for code in BY_CODE if wanted in (code, code.rstrip("0123456789"))]
    if not found:
        near = difflib.get_close_matches(wanted, BY_CODE, n=1) or ["TCP001"]
        raise Wrong(f'codes of rules; {written!r} is none, did you mean "{near[0]}"?')
    return found
