"""Peers that misbehave, as users write them: "reset after 1000", "mss 100, reorder, chargen".

`FORMS` is the whole language: each form has its words, what is shown of it, and what it sets.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

from pynat.config.entries import NAMED_NET
from pynat.config.values import (
    Wrong,
    address,
    domain_name,
    item,
    parser,
    string,
    unquoted,
    whole_text,
)
from pynat.faulty_host import (
    PROPER,
    Closing,
    FaultyHost,
    Mangling,
    Misbehavior,
    Service,
    TcpMisbehavior,
)

HOSTS_FORM = (
    'a table of hosts and what they do, for example {"slow.test:80" = "accept after 3s"};'
    " docs/peers.md has all behaviours"
)
MAX_PEERS = 200  # peers
MAX_SECONDS = 3600.0  # seconds
MAX_BYTES = 1 << 30  # bytes
SHORT = 500  # bytes of payload that leave room for more in a frame
_NAMES_FROM = 256  # of NAMED_NET; those before are host_aliases'
_ZOO_FROM = 512
_HOST = re.compile(r"([^:/\[\]]+)(?::([0-9]{1,5}))?")
_TIME = r"([0-9]+(?:\.[0-9]+)?)(s|ms)"
_COUNT = r"([0-9]{1,10})"
_LETTERS = {"T": "T is a time like 3s or 250ms", "N": "N is a number"}
_UNREACHABLE = {
    "": errno.EHOSTUNREACH,
    "host": errno.EHOSTUNREACH,
    "net": errno.ENETUNREACH,
    "port": errno.ECONNREFUSED,
    "prohibited": errno.EACCES,
}

Change = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Form:
    shown: str  # "reset after N"
    pattern: re.Pattern[str]
    # The groups that matched -> fields of Misbehavior; of its TcpMisbehavior by that key.
    change: Change


def _form(shown: str, pattern: str, change: Change) -> Form:
    return Form(shown, re.compile(pattern), change)


def _fixed(**fields: Any) -> Change:
    return lambda: fields


def _tcp_misbehavior(**fields: Any) -> Change:
    return lambda: {"tcp_misbehavior": fields}


def _twist(mangling: Mangling, **fields: Any) -> Change:
    return _tcp_misbehavior(manglings=(mangling,), **fields)


def _tcp(**keys: object) -> dict[str, Any]:
    return {"tcp_misbehavior": {"tcp": keys}}


def _mss(size: str) -> dict[str, Any]:
    return _tcp(mss=_between(size, 1, 65_495))


def _window(size: str) -> dict[str, Any]:
    return _tcp(window=_between(size, 1, 1 << 24), window_scale=False)


def _segment(size: str) -> dict[str, Any]:
    return {"tcp_misbehavior": {"segment": _between(size, 1, 65_495)}}


FORMS = (
    _form("refuse", r"refuse", _fixed(refuses=errno.ECONNREFUSED)),
    _form(
        "unreachable [host|net|prohibited]",
        r"unreachable ?(host|net|prohibited|)",
        lambda what: {"refuses": _UNREACHABLE[what]},
    ),
    _form("blackhole", r"blackhole", _fixed(silent=True)),
    _form(
        "blackhole after N",
        rf"blackhole after {_COUNT}",
        lambda count: {"tcp_misbehavior": {"silent_after": _between(count, 1, MAX_BYTES)}},
    ),
    _form(
        "accept after T",
        rf"accept after {_TIME}",
        lambda *time: {"accepts_after": _seconds(*time)},
    ),
    _form("reset", r"reset", _fixed(resets_after=0)),
    _form(
        "reset after N",
        rf"reset after {_COUNT}",
        lambda count: {"resets_after": _between(count, 1, MAX_BYTES)},
    ),
    _form("reset after T", rf"reset after {_TIME}", lambda *t: {"resets_within": _seconds(*t)}),
    _form("reset on fin", r"reset on fin", _fixed(resets_on_fin=True)),
    _form(
        "zerowindow for T",
        rf"zerowindow for {_TIME}",
        lambda *time: {"stalls_for": _seconds(*time), "tcp_misbehavior": {"closed": True}},
    ),
    _form(
        "zerowindow after N for T",
        rf"zerowindow after {_COUNT} for {_TIME}",
        lambda count, *time: {
            **_window(count),
            "stalls_after": int(count),
            "stalls_for": _seconds(*time),
        },
    ),
    _form("window N", rf"window {_COUNT}", _window),
    _form("shrink", r"shrink", _twist(Mangling.SHRINK)),
    _form("halfclose", r"halfclose", _fixed(closing=Closing.AT_ONCE)),
    _form("neverclose", r"neverclose", _fixed(closing=Closing.NEVER)),
    _form("mss N", rf"mss {_COUNT}", _mss),
    _form("plain", r"plain", lambda: _tcp(window_scale=False, timestamps=False, sack=False)),
    _form("onebyte", r"onebyte", _tcp_misbehavior(segment=1)),
    _form("segments of N", rf"segments of {_COUNT}", _segment),
    _form("reorder", r"reorder", _twist(Mangling.REORDER)),
    _form("duplicate", r"duplicate", _twist(Mangling.DUPLICATE)),
    _form("overlap", r"overlap", _twist(Mangling.OVERLAP, segment=SHORT)),
    _form("urgent", r"urgent", _fixed(urgent=True)),
    _form("wrap", r"wrap", lambda: _tcp(isn=2**32 - 1000)),
    _form(
        "lateack T",
        rf"lateack {_TIME}",
        lambda *time: {"tcp_misbehavior": {"lazy": True, "tcp": {"delayed_ack": _seconds(*time)}}},
    ),
    _form(
        "noack N",
        rf"noack {_COUNT}",
        lambda count: {"tcp_misbehavior": {"unheard": _between(count, 1, 1000)}},
    ),
    _form("dupack", r"dupack", _twist(Mangling.DUPLICATE_ACKS)),
    _form("badsynack", r"badsynack", _twist(Mangling.WRONG_SYN_ACK)),
    _form("simultaneous", r"simultaneous", _twist(Mangling.SIMULTANEOUS)),
    _form("no mss", r"no mss", _twist(Mangling.NO_MSS)),
    _form("options unknown", r"options unknown", _twist(Mangling.UNKNOWN_OPTIONS)),
    _form("options illegal", r"options illegal", _twist(Mangling.ILLEGAL_OPTIONS, segment=SHORT)),
    _form("options shifted", r"options shifted", _twist(Mangling.SHIFTED_OPTIONS, segment=SHORT)),
    _form("options on data", r"options on data", _twist(Mangling.OPTIONS_ON_DATA, segment=SHORT)),
    _form("reset text", r"reset text", _twist(Mangling.RESET_TEXT)),
    _form("crossed ack", r"crossed ack", _twist(Mangling.LATE_ACK, unheard=1)),
    _form("dsack", r"dsack", _twist(Mangling.D_SACK)),
    _form("old stamps", r"old stamps", _twist(Mangling.OLD_STAMPS)),
    _form("fin again", r"fin again", _twist(Mangling.FIN_AGAIN)),
    _form("echo", r"echo", _fixed(service=Service.ECHO)),
    _form("discard", r"discard", _fixed(service=Service.DISCARD)),
    _form("daytime", r"daytime", _fixed(service=Service.DAYTIME)),
    _form("chargen", r"chargen", _fixed(service=Service.CHARGEN)),
    _form(
        "page N",
        rf"page {_COUNT}",
        lambda count: {"service": Service.PAGE, "size": _between(count, 0, MAX_BYTES)},
    ),
)

# What `zoo = true` sets up as `<name>.test`, one of each.
ZOO = {
    "refuse": "refuse",
    "unreachable": "unreachable",
    "blackhole": "blackhole",
    "silent": "blackhole after 1000",
    "late": "accept after 3s",
    "reset": "reset after 1000",
    "resetfin": "reset on fin",
    "zerowindow": "zerowindow for 15s",
    "smallwindow": "window 100",
    "shrink": "shrink",
    "halfclose": "halfclose",
    "neverclose": "neverclose",
    "tinymss": "mss 88",
    "plain": "plain",
    "onebyte": "onebyte, page 300",
    "reorder": "reorder",
    "duplicate": "duplicate",
    "overlap": "overlap",
    "urgent": "urgent",
    "wrap": "wrap",
    "lateack": "lateack 700ms",
    "noack": "noack 1",
    "dupack": "dupack",
    "badsynack": "badsynack",
    "echo": "echo",
    "discard": "discard",
    "daytime": "daytime",
    "chargen": "chargen",
    "simultaneous": "simultaneous",
    "nomss": "no mss",
    "unknown": "options unknown, mss 100",
    "illegal": "options illegal",
    "shifted": "options shifted, mss 100",
    "dataoptions": "options on data",
    "resettext": "neverclose, reset after 1s, reset text",
    "crossedack": "crossed ack",
    "dsack": "dsack",
    "oldstamps": "old stamps",
    "finagain": "fin again",
}


def misbehavior(value: object) -> Misbehavior:
    """One behaviour, or several with commas between them."""
    written = " ".join(string(value).lower().replace(",", " , ").split())
    found = Misbehavior()
    for one in written.split(" , "):
        found = _with(found, _fields(one.strip()))
    if found.refuses is not None and found.tcp_misbehavior is not PROPER:
        raise Wrong("a connection that is refused has no manners; leave out one of them")
    return replace(found, text=written.replace(" , ", ", "))


def _fields(written: str) -> dict[str, Any]:
    for form in FORMS:
        if match := form.pattern.fullmatch(written):
            return form.change(*match.groups())
    first = written.partition(" ")[0]
    close = [form.shown for form in FORMS if form.shown.partition(" ")[0] == first]
    if not close:
        words = {form.shown.partition(" ")[0]: None for form in FORMS}
        near = difflib.get_close_matches(first, list(words), n=1)
        close = [form.shown for form in FORMS if form.shown.partition(" ")[0] in near]
    known = close or [form.shown for form in FORMS]
    means = [text for letter, text in _LETTERS.items() if f" {letter}" in " ".join(close)]
    raise Wrong(
        f"a behaviour, {written!r} is none; {'write' if close else 'there are'} "
        + (" or ".join(f'"{one}"' for one in close) if close else ", ".join(known))
        + (f", {' and '.join(means)}" if means else "")
    )


def _with(found: Misbehavior, fields: dict[str, Any]) -> Misbehavior:
    tcp_misbehavior = fields.pop("tcp_misbehavior", None)
    if tcp_misbehavior:
        fields["tcp_misbehavior"] = _merged(found.tcp_misbehavior, tcp_misbehavior)
    return replace(found, **fields)


def _merged(base: TcpMisbehavior, fields: dict[str, Any]) -> TcpMisbehavior:
    merged = dict(fields)
    merged["tcp"] = {**base.tcp, **fields.get("tcp", {})}
    merged["manglings"] = (*base.manglings, *fields.get("manglings", ()))
    if base.segment is not None and "segment" in fields:  # some manglings need room in a frame
        merged["segment"] = min(base.segment, fields["segment"])
    return replace(base, **merged)


def _between(written: str, low: int, high: int) -> int:
    if not low <= int(written) <= high:
        raise Wrong(f"a number from {low} to {high}, not {written}")
    return int(written)


def _seconds(number: str, unit: str) -> float:
    seconds = float(number) / (1000 if unit == "ms" else 1)
    if seconds > MAX_SECONDS:
        raise Wrong(f"at most {MAX_SECONDS:.0f}s")
    return seconds


# ---------------------------------------------------------------- where they are
@parser(
    "table of hosts",
    type="object",
    maxProperties=MAX_PEERS,
    propertyNames={"pattern": whole_text(_HOST.pattern)},
    additionalProperties={"type": "string", "minLength": 1},
)
def peers(value: object) -> tuple[FaultyHost, ...]:
    """[peers]: each name gets an address of its own, in the order in which they stand there."""
    if not isinstance(value, dict):
        raise Wrong(HOSTS_FORM)
    if len(value) > MAX_PEERS:
        raise Wrong(f"at most {MAX_PEERS} hosts")
    found: list[FaultyHost] = []
    for key, given in value.items():
        found.append(peer_at(key, given, found))
    return tuple(found)


def peer_at(key: str, given: object, known: Sequence[FaultyHost]) -> FaultyHost:
    """One host. A name that `known` has not yet gets the next address. Raises Wrong."""
    at = f'."{key}"'
    if isinstance(given, dict):
        raise unquoted(key, given)
    does = item(misbehavior, at, given)
    host, port = item(_host, at, key)
    if isinstance(host, IPv4Address):
        return FaultyHost(host, port, does)
    named = {faulty_host.name: faulty_host.address for faulty_host in known if faulty_host.name}
    if host in named:
        return FaultyHost(named[host], port, does, host)
    mine = [one for one in named.values() if NAMED_NET[_NAMES_FROM] < one < NAMED_NET[_ZOO_FROM]]
    return FaultyHost(max(mine, default=NAMED_NET[_NAMES_FROM]) + 1, port, does, host)


def _host(value: object) -> tuple[IPv4Address | str, int]:
    match = _HOST.fullmatch(string(value))
    if not match:
        raise Wrong(HOSTS_FORM)
    if match[2] and not 1 <= int(match[2]) <= 65_535:
        raise Wrong(f"a host, with a port from 1 to 65535 or without one; {match[2]} is none")
    port = int(match[2] or 0)
    if re.fullmatch(r"[0-9.]+", match[1]):
        return address(match[1]), port
    return domain_name(match[1]).lower(), port


def zoo() -> tuple[FaultyHost, ...]:
    """One of each."""
    return tuple(
        FaultyHost(NAMED_NET[_ZOO_FROM + 1 + number], 0, misbehavior(text), f"{name}.test")
        for number, (name, text) in enumerate(ZOO.items())
    )
