"""The key `impair`: how bad the wire between guest and router is."""

from __future__ import annotations

from pynat.config.values import Wrong, parser, string
from pynat.impair.reading import parse
from pynat.impair.rule import BadRule, ImpairRule


@parser("a rule", type="string", minLength=1)
def rule(value: object) -> ImpairRule:
    try:
        return parse(string(value))
    except BadRule as error:
        raise Wrong(f'a rule like "to-guest tcp loss 1%" (docs/impairment.md): {error}') from None
