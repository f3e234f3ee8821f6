"""How a host of the virtual network misbehaves: values only, made by `pynat.config.peers`.

A Misbehavior says what a host does as a program (accept, answer, close) and, in its TcpMisbehavior,
what its TCP does beside the rules. A host without any is an ordinary small server.
For users these hosts are peers: the key `[peers]`, and `pynat ctl peer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any

PAGE_SIZE = 10_000  # bytes of the web page that a peer has for everybody


class Service(StrEnum):
    BY_PORT = "by port"  # 7 echo, 9 discard, 13 daytime, 19 chargen, every other page
    ECHO = "echo"  # RFC 862
    DISCARD = "discard"  # RFC 863
    DAYTIME = "daytime"  # RFC 867
    CHARGEN = "chargen"  # RFC 864
    PAGE = "page"  # an HTTP/1.0 answer


class Closing(StrEnum):
    ORDINARY = "ordinary"  # when the answer is sent, or the guest has closed
    AT_ONCE = "at once"  # FIN behind the handshake; what the guest sends is still read
    NEVER = "never"


class Mangling(StrEnum):
    """What is done to the segments that leave."""

    REORDER = "reorder"  # those of one burst the wrong way round
    DUPLICATE = "duplicate"  # each segment with data twice
    OVERLAP = "overlap"  # each begins with bytes of the one before
    DUPLICATE_ACKS = "dupack"  # each acknowledgement four times
    SHRINK = "shrink"  # the window's right edge goes back at every other acknowledgement
    WRONG_SYN_ACK = "badsynack"  # the first SYN-ACK acknowledges a byte too many
    SIMULTANEOUS = "simultaneous"  # SYN is answered by SYN
    NO_MSS = "no mss"  # in the SYN-ACK
    UNKNOWN_OPTIONS = "options unknown"  # in the SYN-ACK
    ILLEGAL_OPTIONS = "options illegal"  # behind the others
    SHIFTED_OPTIONS = "options shifted"  # none begins at an even byte
    OPTIONS_ON_DATA = "options on data"  # and on FIN, of an unknown kind
    RESET_TEXT = "reset text"  # an RST has data
    LATE_ACK = "crossed ack"  # of what has been sent again, and then that of the second one
    D_SACK = "dsack"  # acknowledgements name what came as come twice
    OLD_STAMPS = "old stamps"  # segments with other bytes and a timestamp of before
    FIN_AGAIN = "fin again"  # its FIN's first acknowledgement is as good as lost


@dataclass(frozen=True, slots=True)
class TcpMisbehavior:
    """How the peer's TCP differs. `tcp` overrides keys of config.Tcp for its flows."""

    tcp: dict[str, Any] = field(default_factory=dict)
    segment: int | None = None  # bytes of payload at most
    closed: bool = False  # the window begins with nothing
    lazy: bool = False  # acknowledgements always wait for tcp.delayed_ack
    unheard: int = 0  # so many first segments of the guest's with data are as good as lost
    silent_after: int | None = None  # bytes of the guest's, then nothing leaves any more
    manglings: tuple[Mangling, ...] = ()


PROPER = TcpMisbehavior()


@dataclass(frozen=True, slots=True)
class Misbehavior:
    text: str = ""  # as written
    refuses: int | None = None  # errno with which a connection fails
    silent: bool = False  # nothing is answered
    accepts_after: float = 0.0  # seconds
    resets_after: int | None = None  # bytes of the guest's
    resets_within: float | None = None  # seconds after the handshake
    resets_on_fin: bool = False
    stalls_after: int = 0  # bytes of the guest's that the window takes; then it is closed ...
    stalls_for: float = 0.0  # ... for so many seconds
    closing: Closing = Closing.ORDINARY
    service: Service = Service.BY_PORT
    size: int = PAGE_SIZE  # bytes of the page
    urgent: bool = False  # the first byte of an answer is
    tcp_misbehavior: TcpMisbehavior = PROPER


@dataclass(frozen=True, slots=True)
class FaultyHost:
    """`port` 0 is every port. `name` is what the DNS answers `address` to, if there is one."""

    address: IPv4Address
    port: int
    misbehavior: Misbehavior
    name: str = ""

    def __str__(self) -> str:
        host = self.name or str(self.address)
        return f"{host}:{self.port}" if self.port else host
