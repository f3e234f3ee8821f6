"""A rule's text into an ImpairRule. `PHRASES` is the whole language: a reader for each word.

Phrases come in any order, each of them once; those that choose frames must all fit.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from pynat.impair.frame_view import FIELDS
from pynat.impair.rule import (
    MAX_DIGITS,
    MAX_SECONDS,
    BadRule,
    Chance,
    Delay,
    Direction,
    Fragment,
    GilbertElliott,
    ImpairRule,
    Order,
    Reorder,
    Spread,
)

MAX_COUNT = 2**31
LEAST_PACKET = 28  # bytes: a header, and the 8 bytes by which fragments are counted (RFC 791 3.2)
EFFECTS = (
    *("drop", "flap", "loss", "duplicate", "corrupt", "flip", "truncate", "fragment"),
    *("delay", "rate"),
)
KINDS = (
    *("ip", "arp", "icmp", "udp", "tcp", "dhcp", "dns", "tftp"),
    *("syn", "synack", "ack", "fin", "rst", "data"),
)


@dataclass(slots=True)
class _Words:
    """What is left of the text."""

    words: list[str]
    found: dict[str, object] = field(default_factory=dict)

    def next_word(self) -> str:
        return self.words.pop(0)

    def next_word_if(self, pattern: str) -> str | None:
        if self.words and re.fullmatch(pattern, self.words[0]):
            return self.words.pop(0)
        return None

    def need(self, pattern: str, after: str, right: str) -> str:
        word = self.next_word_if(pattern)
        if word is None:
            seen = f"not {self.words[0]!r}" if self.words else "and the rule ends there"
            raise BadRule(f"behind {after!r} comes {right}, {seen}")
        return word


_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_PERCENT = rf"{_NUMBER}%"
_TIME = rf"{_NUMBER}(?:us|ms|s)"
_RATE = rf"{_NUMBER}(?:bit|kbit|mbit|gbit|bps|kbps|mbps)"
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_BITS = {"bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "bps": 8, "kbps": 8e3, "mbps": 8e6}


def _percent(word: str) -> float:
    share = round(float(word.rstrip("%")) / 100, MAX_DIGITS + 2)
    if share > 1:
        raise BadRule(f"{word} is more than 100%")
    return share


def _seconds(word: str) -> float:
    match = re.fullmatch(rf"({_NUMBER})(us|ms|s)", word)
    assert match
    seconds = round(float(match[1]) * _UNITS[match[2]], MAX_DIGITS)
    if seconds > MAX_SECONDS:
        raise BadRule(f"{word} is more than {MAX_SECONDS:.0f}s")
    return seconds


def _time(words: _Words, after: str) -> float:
    return _seconds(words.need(_TIME, after, "a time like 20ms or 1.5s"))


def _count(low: int = 1) -> Callable[[_Words, str], int]:
    def take(words: _Words, after: str) -> int:
        number = int(words.need(r"[0-9]{1,10}", after, "a number"))
        if not low <= number <= MAX_COUNT:
            raise BadRule(f"{after} {number}: the number is from {low} to {MAX_COUNT}")
        return number

    return take


def _port(words: _Words, after: str) -> int:
    number = _count()(words, after)
    if number > 65_535:
        raise BadRule(f"port {number}: a port is from 1 to 65535")
    return number


def _host(words: _Words, after: str) -> IPv4Address:
    word = words.need(r"[0-9.]+", after, "an IPv4 address")
    try:
        return IPv4Address(word)
    except ValueError:
        raise BadRule(f"host {word}: that is no IPv4 address") from None


def _always(_words: _Words, _after: str) -> bool:
    return True


def _flap(words: _Words, after: str) -> tuple[float, float]:
    down, up = _time(words, after), _time(words, f"{after} TIME")
    if not down or not up:
        raise BadRule("flap needs how long the wire is down and how long it is up, like 2s 8s")
    return down, up


def _chance(words: _Words, after: str) -> Chance:
    share = _percent(words.need(_PERCENT, after, "a share like 1%"))
    correlation = words.next_word_if(_PERCENT)
    return Chance(share, _percent(correlation) if correlation else 0.0)


def _chance_or_all(words: _Words, after: str) -> Chance:
    return _chance(words, after) if words.words and words.words[0].endswith("%") else Chance(1.0)


def _loss(words: _Words, after: str) -> Chance | GilbertElliott:
    if not words.next_word_if("gemodel"):
        words.next_word_if("random")
        return _chance(words, after)
    shares = [_percent(words.need(_PERCENT, f"{after} gemodel", "a share like 1%"))]
    while len(shares) < 4 and (word := words.next_word_if(_PERCENT)):
        shares.append(_percent(word))
    rest = round(1 - shares[0], MAX_DIGITS + 2)
    return GilbertElliott(*shares) if len(shares) > 1 else GilbertElliott(shares[0], rest)


def _delay(words: _Words, after: str) -> Delay:
    mean = _time(words, after)
    jitter = words.next_word_if(_TIME)
    correlation = words.next_word_if(_PERCENT) if jitter else None
    spread = Spread.UNIFORM
    if words.next_word_if("distribution"):
        right = "one of " + ", ".join(Spread)
        spread = Spread(words.need("|".join(Spread), "distribution", right))
        if not jitter:
            raise BadRule("distribution says how jitter varies: write delay TIME JITTER first")
    return Delay(
        mean,
        _seconds(jitter) if jitter else 0.0,
        _percent(correlation) if correlation else 0.0,
        spread,
    )


def _reorder(words: _Words, after: str) -> Reorder:
    chance = _chance(words, after)
    gap = _count()(words, "gap") if words.next_word_if("gap") else 1
    return Reorder(chance, gap)


def _fragment(words: _Words, after: str) -> Fragment:
    size = _count(LEAST_PACKET)(words, after)
    order = words.next_word_if("|".join(filter(None, Order)))
    return Fragment(size, Order(order or ""))


def _rate(words: _Words, after: str) -> float:
    word = words.need(_RATE, after, "a rate like 10mbit or 500kbit")
    match = re.fullmatch(rf"({_NUMBER})([a-z]+)", word)
    assert match
    bits = round(float(match[1]) * _BITS[match[2]], MAX_DIGITS)
    if not 8 <= bits <= 1e12:
        raise BadRule(f"rate {word}: from 8bit to 1000gbit")
    return bits


def _field(words: _Words, after: str) -> str:
    right = f"a field: {', '.join(FIELDS)}"
    return words.need("|".join(map(re.escape, FIELDS)), after, right)


Reader = Callable[[_Words, str], object]
PHRASES: dict[str, Reader] = {
    "host": _host,
    "port": _port,
    "longer": _count(),
    "flow": _count(),
    "frame": _count(),
    "nth": _count(),
    "first": _count(),
    "every": _count(2),
    "after": _time,
    "until": _time,
    "drop": _always,
    "flap": _flap,
    "loss": _loss,
    "duplicate": _chance_or_all,
    "corrupt": _chance_or_all,
    "flip": _field,
    "truncate": _count(14),
    "fragment": _fragment,
    "delay": _delay,
    "reorder": _reorder,
    "rate": _rate,
    "limit": _count(),
}
_WORDS = (*(str(one) for one in Direction if one), *KINDS, *PHRASES)


def parse(text: str) -> ImpairRule:
    """Raises BadRule."""
    words = _Words(text.replace(",", " ").split())
    kinds: list[str] = []
    while words.words:
        word = words.next_word()
        if word in KINDS:
            kinds += [word] if word not in kinds else []
            continue
        name = "direction" if word in (Direction.TO_GUEST, Direction.FROM_GUEST) else word
        if name in words.found:
            raise BadRule(f"{word!r} comes where {name} is said already; make it another rule")
        if name == "direction":
            words.found[name] = Direction(word)
        elif reader := PHRASES.get(word):
            words.found[name] = reader(words, word)
        else:
            raise BadRule(f"{word!r} is no word of a rule; {_near(word)}")
    rule = ImpairRule(kinds=tuple(kinds), **words.found)  # type: ignore[arg-type]
    _check(rule)
    return rule


def _near(word: str) -> str:
    near = difflib.get_close_matches(word, _WORDS, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(_WORDS)}"


def _check(rule: ImpairRule) -> None:
    if rule.reorder and not rule.delay:
        raise BadRule("reorder sends frames at once while others wait, so it needs a delay")
    if not any(getattr(rule, effect) for effect in EFFECTS):
        raise BadRule(f"it does nothing; say what to do: {', '.join(EFFECTS)}")
    if rule.after is not None and rule.until is not None and rule.until <= rule.after:
        raise BadRule(f"until {rule.until:g}s is not later than after {rule.after:g}s")
    layers = {"arp", "icmp", "udp", "tcp"} & {_LAYER.get(kind, kind) for kind in rule.kinds}
    if rule.flip and "." in rule.flip:
        layers.add(rule.flip.partition(".")[0])
    if len(layers - {"ip"}) > 1:
        raise BadRule(f"no frame is {' and '.join(sorted(layers - {'ip'}))} at once")


_LAYER = {"dhcp": "udp", "dns": "udp", "tftp": "udp"} | dict.fromkeys(KINDS[8:], "tcp")
