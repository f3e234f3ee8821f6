"""Drops and findings as JSON lines: for a live network's file and for `pynat lint --json`.

One object a line: time (seconds of guest time), kind (drop or finding), code, name, severity, frame
(its number on the guest's wire, from 1 on) and from (guest or network), both null where it is about
no single frame, packet, text, rfc, page, why, look_at; count where one line stands for several
packets; because_of (code, frame) where it follows from what was found before.
"""

from __future__ import annotations

import json

from pynat.log.notices import JournalEntry
from pynat.wire import ethernet, versions


def packet_of(frame: bytes | None) -> str | None:
    """What the frame carries: `tcp 192.168.16.2:40000 > 192.0.2.7:80`."""
    return (frame and versions.named_in(ethernet.untagged(frame))) or None


def as_object(entry: JournalEntry) -> dict[str, object]:
    rule = entry.rule
    sender = "guest" if entry.from_guest else "network"
    told: dict[str, object] = {
        "time": round(entry.now, 6),
        "kind": "drop" if entry.dropped else "finding",
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "frame": entry.number,
        "from": sender if entry.frame is not None else None,
        "packet": packet_of(entry.frame),
        "text": entry.text,
        "rfc": rule.rfc,
        "page": f"pynat explain {rule.code}",
        "why": rule.why,
        "look_at": rule.remedy,
    }
    if entry.packets != 1:
        told["count"] = entry.packets
    if entry.cause is not None:
        told["because_of"] = entry.cause._asdict()
    return told


def as_line(entry: JournalEntry) -> bytes:
    return json.dumps(as_object(entry)).encode() + b"\n"
