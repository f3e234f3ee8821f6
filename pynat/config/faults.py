"""The language of service faults: one line of text for each (docs/faults.md).

    dhcp silent 3
    dns example.test servfail
    icmp 192.0.2.7 fragmentation-needed 1280

The first word is the service. DNS and ICMP have next whom it concerns. Then the fault, and what
`FORMS` says must or may follow; a number of times at the end, and always without one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

from pynat.config.entries import Fault
from pynat.config.values import Wrong, parser, string

# What follows each fault's name. [..] may be left out, a|b is one of these words; the words in
# capitals are below.
FORMS: dict[str, dict[str, str]] = {
    "dhcp": {
        "silent": "[discover|request] [N]",
        "slow": "SECONDS [N]",
        "nak": "[N]",
        "lease": "WHOLE [N]",
        "t1": "WHOLE [N]",
        "t2": "WHOLE [N]",
        "moved": "[N]",
        "ack-other": "[N]",
        "oversized": "BYTES [N]",
        "overload": "[N]",
        "minimal": "[N]",
        "shuffled": "[N]",
        "wrong-chaddr": "[N]",
        "wrong-xid": "[N]",
        "wrong-server": "[N]",
        "without": "mask|router|dns|server|lease [N]",
    },
    "dns": {
        "servfail": "[N]",
        "nxdomain": "[N]",
        "refused": "[N]",
        "empty": "[N]",
        "truncated": "[N]",
        "silent": "[N]",
        "slow": "SECONDS [N]",
        "wrong-id": "[N]",
        "wrong-question": "[N]",
        "wrong-address": "[N]",
        "wrong-port": "[N]",
        "garbage": "[N]",
    },
    "arp": {
        "silent": "[N]",
        "wrong-mac": "[N]",
        "conflict": "[N]",
        "claim": "SECONDS",
        "failover": "SECONDS",
    },
    "icmp": {
        "fragmentation-needed": "MTU [N]",
        "black-hole": "MTU [N]",
        "unreachable": "net|host|protocol|port|prohibited [N]",
        "ttl-exceeded": "[N]",
        "redirect": "GATEWAY [N]",
        "mask-request": "[N]",
        "mask-reply": "MASK [N]",
    },
}
SUBJECTS = {"dns": "NAME", "icmp": "ADDRESS"}  # between the service and the fault

_NAME = re.compile(r"[\w*?.-]{1,255}")
_MAX_SECONDS = 86_400.0  # seconds


@parser("a fault", type="string", pattern=rf"^\s*(?:{'|'.join(FORMS)})\s")
def fault(value: object) -> Fault:
    text = " ".join(string(value).split())
    service, _, behind = text.partition(" ")
    words = behind.split()
    forms = FORMS.get(service)
    if forms is None:
        raise Wrong(f"a fault of {', '.join(FORMS)}, {_instead(service, FORMS)}")
    subject = _subject(service, words) if service in SUBJECTS else ""
    kind, *rest = words or [""]
    if kind not in forms:
        all_of_them = f"one of {', '.join(forms)} behind {_begin(service)!r}"
        raise Wrong(f"{all_of_them}, {_instead(kind, forms)}")
    return Fault(text, service, kind, subject, **_arguments(service, kind, rest))


def usage(service: str, kind: str) -> str:
    """`dhcp lease WHOLE [N]`"""
    return f"{_begin(service)} {kind} {FORMS[service][kind]}"


def _begin(service: str) -> str:
    return f"{service} {SUBJECTS[service]}" if service in SUBJECTS else service


def _subject(service: str, words: list[str]) -> str:
    name = SUBJECTS[service]
    word = words.pop(0) if words else ""
    try:
        return _PARSERS[name](word)  # type: ignore[no-any-return]
    except ValueError:
        raise Wrong(f"{_begin(service)} FAULT; {name} is {_MEANT[name]}, not {word!r}") from None


def _instead(word: str, known: dict[str, Any]) -> str:
    if not word:
        return "and there it ends"
    near = difflib.get_close_matches(word, known, n=1)
    return f"not {word!r}" + (f"; did you mean {near[0]}?" if near else "")


def _arguments(service: str, kind: str, words: list[str]) -> dict[str, Any]:
    """By field of Fault."""
    found: dict[str, Any] = {}
    for form in FORMS[service][kind].split():
        may_miss, name = form.startswith("["), form.strip("[]")
        field = _FIELDS.get(name, "word")
        if words and _fits(name, words[0]):
            found[field] = _parse(name, words.pop(0))
        elif not may_miss:
            meant = f"; {name} is {_MEANT[name]}" if name in _MEANT else ""
            word = repr(words[0]) if words else "nothing"
            raise Wrong(f"{usage(service, kind)}, not {word}{meant}")
    if words:
        raise Wrong(f"{usage(service, kind)}; {words[0]!r} does not fit there")
    return found


def _fits(name: str, word: str) -> bool:
    try:
        _parse(name, word)
    except ValueError:
        return False
    return True


def _parse(name: str, word: str) -> Any:
    if name in _PARSERS:
        return _PARSERS[name](word)
    if word not in name.split("|"):
        raise ValueError(word)
    return word


# ---------------------------------------------------------------- the words in capitals
def _number(low: float, high: float, kind: type = int) -> Callable[[str], Any]:
    def parse(word: str) -> Any:
        number = kind(word)
        if not word.isascii() or not low <= number <= high:
            raise ValueError(word)
        return number

    return parse


def _dns_name(word: str) -> str:
    if not _NAME.fullmatch(word):
        raise ValueError(word)
    return word.lower().removesuffix(".") or "."


_PARSERS: dict[str, Callable[[str], Any]] = {
    "N": _number(1, 1_000_000),
    "SECONDS": _number(0, _MAX_SECONDS, float),
    "WHOLE": _number(0, 2**32 - 1),
    "BYTES": _number(576, 1500),
    "MTU": _number(68, 65_535),
    "NAME": _dns_name,
    **dict.fromkeys(("ADDRESS", "GATEWAY", "MASK"), lambda word: str(IPv4Address(word))),
}
_MEANT = {
    "N": "how often, at least 1",
    "SECONDS": f"a number from 0 to {_MAX_SECONDS:.0f}",
    "WHOLE": "a whole number of seconds",
    "BYTES": "the length of the IP packet, 576 to 1500",
    "MTU": "the longest IP packet in bytes, at least 68",
    "NAME": "a name, perhaps with * in it",
    "ADDRESS": "an IPv4 address",
    "GATEWAY": "the IPv4 address of the router that is said to be better",
    "MASK": "a net mask like 255.255.0.0",
}
_FIELDS = {"N": "times", "SECONDS": "number", "WHOLE": "number", "BYTES": "number", "MTU": "number"}
