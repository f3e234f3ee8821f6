"""A guest's wire as a test looks at it, whatever the guest is: frames, flows, questions, findings.

All of it is read from the capture and from `lint.json`, which are whole after each turn of the
network. So it works while the guest runs and after it, and asks the network nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pynat.capture.reading import read
from pynat.errors import ConfigError, Malformed
from pynat.harmless import harmless
from pynat.lint.frame import decode
from pynat.lint.trace import DNS_PORT, Trace
from pynat.rules import BY_CODE, nearest
from pynat.testing.kit.awaited import Awaited
from pynat.testing.kit.verdicts import Found, Verdicts
from pynat.wire import dhcp, dns
from pynat.wire.ipv4 import dotted

if TYPE_CHECKING:
    from pynat.report.flows import Flow

CAPTURE = "net.pcapng"
FINDINGS = "lint.json"
SERIAL, STAMPED = "serial.txt", "serial.json"  # the same, its lines with times
TIMEOUT = 30.0  # seconds, where a test says nothing
DHCP_CLIENT = 68  # port
UNKNOWN = bytes(4)  # the address of who has none yet
T = TypeVar("T")


class GuestFrame(NamedTuple):
    """when: seconds of guest time. text: in packetdrill's form, `>` is from the guest."""

    number: int
    when: float
    data: bytes
    from_guest: bool
    text: str

    def scapy(self) -> Any:
        """A packet of scapy, which has to be installed; importing it takes a second."""
        from scapy.layers.l2 import Ether

        return Ether(self.data)


class Observed:
    """folder: where the network writes its capture and its findings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pynat_guests = (self,)  # as a fixture's value it has one

    @property
    def aio(self) -> Awaited:
        """The same methods for `await`: `await guest.aio.expect("ready")`."""
        return Awaited(self)

    @property
    def capture(self) -> Path:
        """The pcapng file that is being written."""
        return self.folder / CAPTURE

    @property
    def lint(self) -> Verdicts:
        """What the linter and the network have found so far."""
        return Verdicts(self.folder / FINDINGS, self.capture)

    @property
    def frames(self) -> list[GuestFrame]:
        """All frames so far, in both directions."""
        try:
            captured = list(read(self.capture))
        except ConfigError:
            return []  # nothing has been written yet
        trace = Trace()
        return [
            GuestFrame(
                one.number,
                one.when,
                one.frame,
                bool(one.from_guest),
                harmless(trace.line(one.when, one.frame, bool(one.from_guest))),
            )
            for one in captured
        ]

    @property
    def flows(self) -> list[Flow]:
        """TCP connections and flows of UDP so far: `name`, `how` they stand,
        `from_guest.octets`, ... `expect_flow("tcp .*:80 ")` is one of them."""
        from pynat.report.flows import Flows

        flows = Flows()
        for number, when, data, from_guest, _ in self.frames:
            frame = decode(data, when)
            if frame is not None:
                flows.add(number, when, frame, (), from_guest=from_guest)
        return flows.all

    @property
    def dns_questions(self) -> list[str]:
        """The names that the guest has asked for, each time it did."""
        return [query.name for frame in self.frames if (query := _question(frame)) is not None]

    @property
    def lease(self) -> str | None:
        """The address that the guest's DHCP client has got, None before."""
        addresses = [_acknowledged(frame) for frame in self.frames]
        return next(filter(None, reversed(addresses)), None)

    def uses_an_address(self) -> bool | None:
        """True once the guest has sent a packet with an address of its own, else None."""
        return True if any(map(_names_itself, self.frames)) else None

    def wait(self, look: Callable[[], T | None], what: str, timeout: float) -> T:
        """What `look` gives, as soon as that is something."""
        raise NotImplementedError

    def wait_lease(self, timeout: float = TIMEOUT) -> str:
        """The guest's address, as soon as its DHCP client has one."""
        __tracebackhide__ = True
        return self.wait(lambda: self.lease, "no lease", timeout)

    def wait_finding(self, code: str, timeout: float = TIMEOUT) -> Found:
        """The first finding of this rule, `TCP044`."""
        __tracebackhide__ = True
        if code not in BY_CODE:
            raise ValueError(f"{code!r} is no code of a rule; {nearest(code)}")
        return self.wait(
            lambda: next((one for one in self.lint if one.code == code), None),
            f"no finding {code}",
            timeout,
        )

    def expect_frame(
        self, wanted: str | Callable[[GuestFrame], object], timeout: float = TIMEOUT, after: int = 0
    ) -> GuestFrame:
        """The first frame behind number `after` that fits: a regex of its text, or a function."""
        __tracebackhide__ = True
        fits = _fitting(wanted) if isinstance(wanted, str) else wanted
        return self.wait(
            lambda: next((one for one in self.frames[after:] if fits(one)), None),
            f"no frame {wanted!r}",
            timeout,
        )

    def expect_flow(self, name: str, timeout: float = TIMEOUT) -> Flow:
        """The first flow whose name fits the regex: `tcp GUEST:PORT > HOST:80 #1`, or `udp ...`."""
        __tracebackhide__ = True
        pattern = compiled(name)
        return self.wait(
            lambda: next((one for one in self.flows if pattern.search(one.name)), None),
            f"no flow {name!r}",
            timeout,
        )


def compiled(regex: str) -> re.Pattern[str]:
    __tracebackhide__ = True
    try:
        return re.compile(regex)
    except re.error as error:
        raise ValueError(f"{regex!r} is no regular expression: {error}") from None


def _fitting(regex: str) -> Callable[[GuestFrame], object]:
    __tracebackhide__ = True
    pattern = compiled(regex)
    return lambda frame: pattern.search(frame.text)


def _names_itself(captured: GuestFrame) -> bool:
    frame = decode(captured.data, captured.when) if captured.from_guest else None
    if frame is None:
        return False
    sender = frame.arp.sender if frame.arp else frame.ip.source if frame.ip else UNKNOWN
    return sender != UNKNOWN


def _question(captured: GuestFrame) -> dns.Query | None:
    frame = decode(captured.data, captured.when) if captured.from_guest else None
    if frame is None or frame.udp is None or frame.udp.destination != DNS_PORT:
        return None
    try:
        return dns.decode(bytes(frame.udp.payload))
    except Malformed:
        return None


def _acknowledged(captured: GuestFrame) -> str | None:
    frame = None if captured.from_guest else decode(captured.data, captured.when)
    if frame is None or frame.udp is None or frame.udp.destination != DHCP_CLIENT:
        return None
    try:
        message = dhcp.decode(frame.udp.payload)
    except Malformed:
        return None
    return dotted(message.yiaddr) if message.kind == dhcp.ACK else None
