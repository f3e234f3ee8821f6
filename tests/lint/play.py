"""Both ends of a TCP connection as a script, shown to the linter frame by frame.

    play(lab, '''
        > S 0:0(0) win 65535 <mss 1460>
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1
        +0.5 > P. 1:6(5) ack 1
    ''')

`>` is the guest's, `<` comes to it; `+0.5` lets seconds pass first. Segments are packetdrill's, as
in pynat.testing.script, with numbers from each end's SYN. Behind a segment may stand words of ours:
`other` (other data than usual), `hex 02ff` (options as they are), `port 5000` (the guest's from
here on), `isn 7` (the number on the wire that is 0, of this end from here on), `raw 9` (the
acknowledgement number as it is), `reserved` (those bits set), `to 5000` (the other end's port from
here on), `at 192.0.2.8` (its address from here on), `offset 5` (that data offset, whatever the
header has), `sum 7` (that checksum), `cut 1480` (in fragments).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from scapy.layers.inet import IP, TCP, fragment
from scapy.layers.l2 import Ether

from pynat.testing.lab import GUEST_MAC
from pynat.testing.linted import LintedLab
from pynat.testing.script import pattern

_LINE = re.compile(
    r"(?:\+(?P<wait>[\d.]+) )?(?P<way>[<>]) (?P<flags>[SFRPU.\-]+) (?P<seq>-?\d+):-?\d+"
    r"\((?P<length>\d+)\)(?: ack (?P<ack>-?\d+))?(?: win (?P<win>\d+))?(?: urg (?P<urg>\d+))?"
    r"(?: <(?P<options>[^>]*)>)?(?P<words>.*)"
)
_NAMES = {"sackOK": ("SAckOK", b""), "nop": ("NOP", None)}
OPEN = """
    > S 0:0(0) win 65535 <mss 1460>
    < S. 0:0(0) ack 1 win 65535 <mss 1460>
    > . 1:1(0) ack 1 win 65535
"""
OPEN_SACK = """
    > S 0:0(0) win 65535 <mss 1460,sackOK>
    < S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>
    > . 1:1(0) ack 1 win 65535
"""
OPEN_STAMPS = """
    > S 0:0(0) win 65535 <mss 1460,TS val 100 ecr 0>
    < S. 0:0(0) ack 1 win 65535 <mss 1460,TS val 700 ecr 100>
    > . 1:1(0) ack 1 win 65535 <TS val 110 ecr 700>
"""
ACCEPTED = """
    < S 0:0(0) win 65535 <mss 1460>
    > S. 0:0(0) ack 1 win 65535 <mss 1460>
    < . 1:1(0) ack 1 win 65535
"""


@dataclass
class _Ends:
    guest_port: int = 50_000
    peer_port: int = 80
    peer: str = "192.0.2.7"
    isn: dict[str, int] = field(default_factory=lambda: {">": 4_000_000_000, "<": 7_000_000})


def play(lab: LintedLab, script: str) -> None:
    ends = _Ends()
    for line in filter(None, map(str.strip, script.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a line of a script: {line!r}")
        lab.wait(float(match["wait"] or 0))
        frame = _frame(lab, ends, match)
        size = _words(match["words"].split()).get("cut")
        for piece in cut(frame, int(size)) if size else [frame]:
            lab.look(piece, from_guest=match["way"] == ">")


def cut(frame: bytes, size: int) -> list[bytes]:
    packet = Ether(frame)
    packet[IP].flags = 0
    return [bytes(piece) for piece in fragment(packet, size)]


def _frame(lab: LintedLab, ends: _Ends, match: re.Match[str]) -> bytes:
    words = _words(match["words"].split())
    way = match["way"]
    ends.guest_port = int(words.get("port", ends.guest_port))
    ends.peer_port = int(words.get("to", ends.peer_port))
    ends.peer = words.get("at", ends.peer)
    ends.isn[way] = int(words.get("isn", ends.isn[way]))
    other = ends.isn["<" if way == ">" else ">"]
    length = int(match["length"])
    seq = int(match["seq"])
    relative = (other + int(match["ack"])) % 2**32 if match["ack"] else 0
    ack = int(words.get("raw", relative))
    body: bytes = pattern(length, max(0, seq - 1) + 7 * ("other" in words))
    flags = match["flags"].replace(".", "A").replace("-", "")
    segment = TCP(
        flags=flags,
        seq=(ends.isn[way] + seq) % 2**32,
        ack=ack,
        window=int(match["win"] or 65_535),
        urgptr=int(match["urg"] or 0),
        options=_options(match["options"] or "", other),
        reserved=2 if "reserved" in words else 0,
    )
    addresses = str(lab.config.network.guest), ends.peer
    ports = ends.guest_port, ends.peer_port
    if way == "<":
        addresses, ports = addresses[::-1], ports[::-1]
    segment.sport, segment.dport = ports
    if "hex" in words:
        raw = bytes.fromhex(words["hex"])
        segment.dataofs = 5 + len(raw) // 4
        body = raw + body
    if "sum" in words:
        segment.chksum = int(words["sum"])
    if "offset" in words:
        segment.dataofs = int(words["offset"])
    ether = Ether(src=GUEST_MAC.hex(":"), dst=lab.config.network.mac.hex(":"))
    if way == "<":
        ether.src, ether.dst = ether.dst, ether.src
    return bytes(ether / IP(src=addresses[0], dst=addresses[1], flags="DF") / segment / body)


def _words(words: list[str]) -> dict[str, str]:
    found = {}
    rest = iter(words)
    for word in rest:
        found[word] = "" if word in ("other", "reserved") else next(rest)
    return found


def _options(text: str, other: int) -> list[Any]:
    found: list[Any] = []
    for part in filter(None, text.split(",")):
        match part.split():
            case ["mss", number]:
                found.append(("MSS", int(number)))
            case ["wscale", number]:
                found.append(("WScale", int(number)))
            case ["TS", "val", value, "ecr", echo]:
                found.append(("Timestamp", (int(value), int(echo))))
            case ["sack", *blocks]:
                edges = [int(edge) for block in blocks for edge in block.split(":")]
                found.append(("SAck", tuple((other + edge) % 2**32 for edge in edges)))
            case [name] if name in _NAMES:
                found.append(_NAMES[name])
            case _:
                raise ValueError(f"not an option: {part!r}")
    return found
