"""`pynat demo`: a guest in stock Bochs uses the network, and each step is shown as it happens.

The guest is iPXE; it needs no root and talks to nobody but its router. What is told comes from
what really happened: frames in the capture, requests at a web server on loopback. The web
server's answer is a script with a word in it that the guest has to say back.
"""

from __future__ import annotations

import secrets
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pynat.bochs.find import Bochs, BochsError, find_bochs
from pynat.bochs.outcome import Outcome
from pynat.testing.guests import Boot, GuestUnavailable, Machine, Nic, ipxe_image
from pynat.testing.servers import HttpServer

NAME = "hello.test"
ROUTER = "192.168.16.1"
PATIENCE = 180.0  # seconds until the demo gives up
CPU = 4_000_000  # iPXE waits busily: a slow processor makes its seconds short

_POLL = 0.1  # seconds between two looks at the capture
_IPV4, _ARP = b"\x08\x00", b"\x08\x06"
_TCP, _UDP = 6, 17
_DHCP = {1: "asks for an address", 2: "is offered {}", 3: "takes it", 5: "has {} now"}


@dataclass
class Seen:
    """Steps that have been told, in their order, and what was learnt from the frames."""

    began: float
    steps: list[str] = field(default_factory=list)
    lease: str = ""
    answer: str = ""  # of the name server

    def tell(self, text: str) -> None:
        if text not in self.steps:
            self.steps.append(text)
            _say(f"{time.monotonic() - self.began:6.1f} s  {text}")


def main(argv: list[str]) -> int:
    folder = Path(argv[0]) if argv else Path(tempfile.mkdtemp(prefix="pynat-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _demonstrate(find_bochs(), folder.absolute())
    except (BochsError, GuestUnavailable) as error:
        sys.stderr.write(f"pynat demo: {error}\n")
        return 1


def _demonstrate(bochs: Bochs, folder: Path) -> int:
    word = secrets.token_hex(4)
    body = f"#!ipxe\nset word {word}\n"
    config = folder / "net.toml"
    capture = folder / "demo.pcap"
    config.write_text(f'capture = "{capture}"\n[dns]\nnames = {{ "{NAME}" = "{ROUTER}" }}\n')
    with HttpServer({"/hello.ipxe": body.encode()}) as web:
        image = ipxe_image(folder / "ipxe.iso", _script(web.port))
        _say(f"{bochs}: a PC with an e1000 card, ethmod=pynat, boots iPXE from a CD")
        seen = Seen(time.monotonic())
        machine = Machine(image, (Nic("e1000", "pynat", config),), ips=CPU)
        with Boot(machine, folder, bochs) as boot:
            report = _follow(seen, boot, capture, web)
    return _conclude(seen, report, word, web.port, capture)


def _script(port: int) -> str:
    at = f"http://{NAME}:{port}"
    net = "ip=${net0/ip}&mask=${net0/netmask}&router=${net0/gateway}&dns=${net0/dns}"
    return f"""
dhcp net0 ||
chain --autofree {at}/hello.ipxe ||
imgfetch {at}/report?word=${{word}}&{net} ||
"""


def _follow(seen: Seen, boot: Boot, capture: Path, web: HttpServer) -> dict[str, str] | Outcome:
    """Tell what happens until the guest's report, or the end of Bochs, or of our patience."""
    at = 24  # behind the pcap file's header
    log = boot.folder / "bochs.log"
    while True:
        if log.is_file() and "Booting from" in log.read_text(errors="replace"):
            seen.tell("the BIOS starts the CD: isolinux, then iPXE with its own e1000 driver")
        at = _tell_frames(seen, capture, at)
        for path in web.requests.all():
            seen.tell(f"our web server answered GET {path.split('?')[0]}")
        ended = boot.run.poll()
        if ended is not None:
            return ended
        if time.monotonic() - seen.began > PATIENCE:
            return boot.run.wait(0)
        if report := web.reports.wait_for(lambda _: True, _POLL):
            _tell_frames(seen, capture, at)
            return report


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
    if frame[23] == _UDP and {source, target} == {67, 68}:
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


def _conclude(
    seen: Seen, report: dict[str, str] | Outcome, word: str, port: int, capture: Path
) -> int:
    took = time.monotonic() - seen.began
    if isinstance(report, Outcome):
        _say(f"\nNot all of it happened: Bochs ended: {report}\nIts log: {report.log}")
        return 1
    wrong = [
        f"{what} is {got or 'missing'}, not {wanted}"
        for what, got, wanted in (
            ("the guest's address", report.get("ip", ""), seen.lease),
            ("the DNS answer", seen.answer, ROUTER),
            ("the word from our web server", report.get("word", ""), word),
        )
        if got != wanted or not wanted
    ]
    lease = f"{report.get('ip')}, mask {report.get('mask')}, router {report.get('router')}"
    _say(f"""
  lease    {lease}, name server {report.get("dns")}
  DNS      {NAME} is {seen.answer}
  HTTP     http://{NAME}:{port}/hello.ipxe said {report.get("word")!r}
  took     {took:.1f} s
  capture  {capture}""")
    _say("\n".join(["", *wrong]) if wrong else "\nAll of it happened in an unmodified Bochs.")
    return 1 if wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
