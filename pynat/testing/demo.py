"""`pynat demo`: a guest in stock Bochs uses the network, and each step is shown as it happens.

The guest is iPXE; it needs no root and talks to nobody but its router. What is told comes from
what really happened: frames in the capture, requests at a web server on loopback. The web
server's answer is a script with a word in it that the guest has to say back. Last the guest runs
`ping.s`, also from that server, which powers it off only if the router has answered its pings.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pynat.bochs.find import Bochs, BochsError, built_plugin, find_bochs
from pynat.bochs.outcome import Ending, Outcome
from pynat.testing.guests import (
    PINGS,
    Boot,
    GuestUnavailable,
    Machine,
    Nic,
    ipxe_image,
    ping_program,
    ping_replies,
)
from pynat.testing.guests.nbp import FAILED
from pynat.testing.servers import HttpServer

NAME = "hello.test"
ROUTER = "192.168.16.1"
PATIENCE = 180.0  # seconds until the demo gives up
CPU = 4_000_000  # iPXE waits busily: a slow processor makes its seconds short

_POLL = 0.1  # seconds between two looks at the capture
_IPV4, _ARP = b"\x08\x00", b"\x08\x06"
_ICMP, _TCP, _UDP = 1, 6, 17
_DHCP = {1: "asks for an address", 2: "is offered {}", 3: "takes it", 5: "has {} now"}


@dataclass
class Seen:
    """Steps that have been told, in their order, and what was learnt from the frames."""

    began: float
    steps: list[str] = field(default_factory=list)
    lease: str = ""
    answer: str = ""  # of the name server
    echoes: set[int] = field(default_factory=set)  # sequence numbers of the router's replies
    pings: set[int] = field(default_factory=set)  # those that the guest has taken
    failed: str = ""  # what the guest says of the others

    def tell(self, text: str) -> None:
        if text not in self.steps:
            self.steps.append(text)
            _say(f"{time.monotonic() - self.began:6.1f} s  {text}")


def main(folder: Path | None = None, named: Path | None = None) -> int:
    """Run it in `folder`, else in a new one, with the Bochs `named`, else the usual one."""
    try:
        bochs = find_bochs(named)
        built_plugin()
        with _folder(folder) as place:
            return _demonstrate(bochs, place)
    except (BochsError, GuestUnavailable) as error:
        sys.stderr.write(f"pynat demo: {error}\n")
        return 1


@contextlib.contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    """A new one is kept for who wants to look into it, unless the demonstration is broken off."""
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named.absolute()
        return
    new = Path(tempfile.mkdtemp(prefix="pynat-demo-"))
    try:
        yield new
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(new, ignore_errors=True)
        raise


def _demonstrate(bochs: Bochs, folder: Path) -> int:
    word = secrets.token_hex(4)
    body = f"#!ipxe\nset word {word}\n"
    config = folder / "net.toml"
    capture = folder / "demo.pcap"
    capture.unlink(missing_ok=True)  # an old one must not tell what happens now
    config.write_text(f'capture = "{capture}"\n[dns]\nnames = {{ "{NAME}" = "{ROUTER}" }}\n')
    bodies = {"/hello.ipxe": body.encode(), "/ping.nbp": ping_program()}
    with HttpServer(bodies) as web:
        image = ipxe_image(folder / "ipxe.iso", _script(web.port))
        _say(f"{bochs}: a PC with an e1000 card, ethmod=pynat, boots iPXE from a CD")
        seen = Seen(time.monotonic())
        machine = Machine(image, (Nic("e1000", "pynat", config),), ips=CPU)
        with Boot(machine, folder, bochs) as boot:
            outcome = _follow(seen, boot, capture, web)
        return _conclude(seen, outcome, web, word, capture)


def _script(port: int) -> str:
    at = f"http://{NAME}:{port}"
    net = "ip=${net0/ip}&mask=${net0/netmask}&router=${net0/gateway}&dns=${net0/dns}"
    return f"""
dhcp net0 ||
chain --autofree {at}/hello.ipxe ||
imgfetch {at}/report?word=${{word}}&{net} ||
chain {at}/ping.nbp ||
"""


def _follow(seen: Seen, boot: Boot, capture: Path, web: HttpServer) -> Outcome:
    """Tell what happens until the end of Bochs, or of our patience, or a ping's failure.

    Bochs's end is looked for before the rest, so that nothing is missed when it has come.
    """
    at = 24  # behind the pcap file's header
    ended: Outcome | None = None
    while True:
        ended = ended or boot.poll()
        log = boot.folder / "bochs.log"
        if log.is_file() and "Booting from" in log.read_text(errors="replace"):
            seen.tell("the BIOS starts the CD: isolinux, then iPXE with its own e1000 driver")
        at = _tell_frames(seen, capture, at)
        for path in web.requests.all():
            seen.tell(f"our web server answered GET {path.split('?')[0]}")
        _tell_pings(seen, [line for _, line in boot.seen])
        if ended is not None:
            seen.tell(f"Bochs ended: {ended.message or ended.ending}")
            return ended
        if time.monotonic() - seen.began > PATIENCE or seen.failed:
            ended = boot.wait(0)
        else:
            time.sleep(_POLL)


def _tell_pings(seen: Seen, lines: list[str]) -> None:
    """What the guest says of its pings; of an answered one, once the capture has the reply too."""
    for number, microseconds in ping_replies("\n".join(lines)).items():
        if number in seen.echoes:
            seen.pings.add(number)
            took = f"{microseconds / 1000:.1f} ms of its time"
            seen.tell(f"ping {number} of {PINGS}: the router answered the guest in {took}")
    for line in lines:
        if line.startswith(FAILED):
            seen.failed = line
            seen.tell(line)


def _tell_frames(seen: Seen, capture: Path, at: int) -> int:
    """Tell what the records from byte `at` on show; where the next one will be."""
    data = b""
    if capture.is_file():
        with capture.open("rb") as file:
            file.seek(at)
            data = file.read()
    for frame in _records(data):
        at += 16 + len(frame)
        _tell_frame(seen, frame)
    return at


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 16 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        if at + 16 + size > len(data):
            return
        yield data[at + 16 : at + 16 + size]
        at += 16 + size


def _tell_frame(seen: Seen, frame: bytes) -> None:
    if frame[12:14] == _ARP:
        seen.tell("ARP: the guest and its router find each other")
    if frame[12:14] != _IPV4:
        return
    body = frame[14 + (frame[14] & 15) * 4 :]
    source, target = struct.unpack_from("!HH", body)
    if frame[23] == _ICMP and body[0] == 0:
        seen.echoes.add(int.from_bytes(body[6:8], "big"))
    elif frame[23] == _UDP and {source, target} == {67, 68}:
        _tell_dhcp(seen, body[8:])
    elif frame[23] == _UDP and target == 53:
        seen.tell(f"DNS: the guest asks for {NAME}")
    elif frame[23] == _UDP and source == 53 and body[8:][6:8] != b"\0\0":
        seen.answer = ".".join(map(str, frame[14:][-4:]))
        seen.tell(f"DNS: it is {seen.answer}")
    elif frame[23] == _TCP and body[13] & 0x12 == 0x12:
        seen.tell(f"TCP: a connection to {NAME} is established")


def _tell_dhcp(seen: Seen, message: bytes) -> None:
    at = message.find(b"\x35\x01", 240)  # option 53 of length 1
    kind = message[at + 2] if at > 0 else 0
    address = ".".join(map(str, message[16:20]))
    if kind in _DHCP:
        seen.tell(f"DHCP: the guest {_DHCP[kind].format(address)}")
    if kind == 5:
        seen.lease = address


def _conclude(seen: Seen, outcome: Outcome, web: HttpServer, word: str, capture: Path) -> int:
    took = time.monotonic() - seen.began
    report = dict.fromkeys(("ip", "mask", "router", "dns", "word"), "") | (
        web.reports.wait_for(lambda _: True, 0) or {}
    )
    wrong = [
        f"{what} is {'missing' if got == '' else got}, not {wanted}"
        for what, got, wanted in (
            ("the guest's address", report["ip"], seen.lease or "known"),
            ("the DNS answer", seen.answer, ROUTER),
            ("the word from our web server", report["word"], word),
            ("the number of pings answered", len(seen.pings), PINGS),
            ("the end", outcome.ending, Ending.POWER_OFF),
        )
        if got != wanted
    ]
    lease = "{ip}, mask {mask}, router {router}, name server {dns}".format(**report)
    _say(f"""
  lease    {lease}
  DNS      {NAME} is {seen.answer}
  HTTP     http://{NAME}:{web.port}/hello.ipxe said {report["word"]!r}
  ping     {len(seen.pings)}/{PINGS} answered by {report["router"]}
  end      {outcome}
  took     {took:.1f} s
  capture  {capture}""")
    if wrong:
        _say("\n".join(["", "Not all of it happened:", *wrong, f"Bochs's log: {outcome.log}"]))
        return 1
    _say("\nAll of it happened in an unmodified Bochs. The capture as a page:")
    _say(f"  {Path(sys.argv[0])} report {capture}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
