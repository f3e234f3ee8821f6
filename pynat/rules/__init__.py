"""The catalogue of rules: reasons for dropping, and what is legal but wrong (docs/rules/).

A file for each protocol; codes are its letters and a number that is never used again.
"""

from __future__ import annotations

from pynat.rules import tcp
from pynat.rules.rule import Rule, Severity

__all__ = ["BY_CODE", "BY_NAME", "RULES", "Rule", "Severity"]

RULES: tuple[Rule, ...] = tcp.RULES
BY_CODE = {rule.code: rule for rule in RULES}
BY_NAME = {rule.name: rule for rule in RULES}
