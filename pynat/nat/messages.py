"""What the engine asks of the host, and what the host tells the engine.

Flows are named by an integer that the engine chose and never reuses. Addresses are
(packed bytes of 4 or 16, port). Actions go engine -> host in order; events come back in order.
Every OSError of a socket call arrives as an event with its errno: the host side decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pynat.config import Command, UnixPath
from pynat.wire.addresses import Address, FourTuple

PLENTY = 1 << 30  # bytes: more room than anybody fills


class InProcessAddress(NamedTuple):
    """An Address that leads to a host within the process (pynat.inprocess)."""

    address: bytes
    port: int


@dataclass(frozen=True, slots=True)
class Nowhere:
    """A host that refuses every connection."""


Destination = Address | Command | UnixPath | Nowhere


# ---------------------------------------------------------------- actions, engine to host
@dataclass(slots=True)
class UdpSend:
    """Send one datagram from this flow's socket, opening it at first use.

    An error is reported as SocketError.
    """

    flow: int
    to: Address
    payload: bytes
    ttl: int = 64
    dont_fragment: bool = False
    four_tuple: FourTuple | None = field(default=None, compare=False)


@dataclass(slots=True)
class UdpSendRun:
    """Several datagrams of a flow whose socket is open, to one address, in their order."""

    flow: int
    to: Address
    payloads: list[bytes]
    ttl: int
    dont_fragment: bool
    four_tuple: FourTuple = field(compare=False)

    def single(self, number: int) -> UdpSend:
        return UdpSend(
            self.flow,
            self.to,
            self.payloads[number],
            self.ttl,
            self.dont_fragment,
            self.four_tuple,
        )


@dataclass(slots=True)
class TcpConnect:
    """Open a socket and connect. Answered by TcpConnected or TcpFailed."""

    flow: int
    to: Destination
    four_tuple: FourTuple | None = field(default=None, compare=False)


@dataclass(slots=True)
class TcpSend:
    """Hand bytes to the kernel. Answered at once by TcpSent (how many bytes it took, maybe 0).

    If it did not take all, TcpWritable follows when it will take more; the rest is not kept.
    urgent: the place in the bytes of the one that goes out of band (RFC 6093).
    """

    flow: int
    chunks: list[bytes | memoryview]
    urgent: int | None = None


@dataclass(slots=True)
class TcpShutdown:
    """The guest has sent FIN: no more bytes go to the host (shutdown SHUT_WR)."""

    flow: int


@dataclass(slots=True)
class TcpRead:
    """Receive up to `limit` bytes as they come; 0 pauses reading.

    The limit is what the engine can still buffer: each TcpReceived lowers it. segment: bytes of the
    guest's; where more waits, whole ones are read.
    """

    flow: int
    limit: int
    segment: int = 1


@dataclass(slots=True)
class TcpAdopt:
    """The connection that TcpIncoming announced as `token` is from now on `flow`."""

    token: int
    flow: int


@dataclass(slots=True)
class UdpAnswer:
    """The guest's datagram to a host program, from the socket of UDP forward number `forward`."""

    forward: int
    to: Address
    payload: bytes


@dataclass(slots=True)
class CloseFlow:
    """Forget this flow and close its socket; `reset` sends RST to the host's peer."""

    flow: int
    reset: bool = False
    why: str = field(default="", compare=False)


@dataclass(slots=True)
class EchoSend:
    """Send an ICMP echo request; `ident` and `sequence` are the guest's.

    Answered by EchoReply, SocketError, or EchoDenied where the host has no permission.
    """

    flow: int
    to: bytes
    ident: int
    sequence: int
    payload: bytes
    ttl: int = 64
    dont_fragment: bool = False


@dataclass(slots=True)
class Resolve:
    """Ask the host's resolvers; answered by Resolved within the configured time-out.

    query: a whole DNS message without TCP's length prefix. `tcp`: ask over TCP.
    """

    query_id: int
    query: bytes
    tcp: bool = False


@dataclass(slots=True)
class FileOpen:
    """Open a regular file below the TFTP root, to read it or to write it anew.

    path: the names of the folders on the way and of the file, none of them `..`. Answered at
    once by FileOpened or FileFailed.
    """

    flow: int
    path: tuple[bytes, ...]
    write: bool = False


@dataclass(slots=True)
class FileRead:
    """Answered at once by FileData or FileFailed; the file is closed by CloseFlow."""

    flow: int
    offset: int
    length: int


@dataclass(slots=True)
class FileWrite:
    """Answered at once by FileWritten or FileFailed."""

    flow: int
    offset: int
    data: bytes


Action = (
    UdpSend
    | UdpSendRun
    | TcpConnect
    | TcpSend
    | TcpShutdown
    | TcpRead
    | TcpAdopt
    | UdpAnswer
    | CloseFlow
    | EchoSend
    | Resolve
    | FileOpen
    | FileRead
    | FileWrite
)


# ---------------------------------------------------------------- events, host to engine
@dataclass(slots=True)
class UdpReceived:
    flow: int
    source: Address
    payload: bytes


@dataclass(slots=True)
class UdpReceivedRun:
    """Several datagrams of one sender, in their order."""

    flow: int
    source: Address
    payloads: list[bytes]


@dataclass(slots=True)
class SocketError:
    """An error on a UDP or echo flow, from the call or from the kernel's error queue.

    to: the destination that the lost datagram had, if known. payload: its first bytes, for an
    echo those of the ICMP message.
    icmp: (type, code) and `offender` (packed address) when an ICMP error of the real path
    caused it, so that the guest sees the same one. mtu: next hop's, with EMSGSIZE.
    """

    flow: int
    errno: int
    to: Address | None = None
    payload: bytes = b""
    icmp: tuple[int, int] | None = None
    offender: bytes | None = None
    mtu: int = 0


@dataclass(slots=True)
class PortNotKept:
    """The guest's own port is not to be had on the host (`nat.keep_ports`): another is used."""

    flow: int
    port: int
    errno: int


@dataclass(slots=True)
class TcpConnected:
    flow: int


@dataclass(slots=True)
class TcpSent:
    """room: bytes that the kernel will take next, as far as it tells.

    When that is little, TcpWritable follows once it is more.
    """

    flow: int
    count: int
    room: int = PLENTY


@dataclass(slots=True)
class TcpWritable:
    flow: int
    room: int = PLENTY


@dataclass(slots=True)
class TcpUrgent:
    """The next byte of this flow's TcpReceived is urgent (out-of-band) data."""

    flow: int


@dataclass(slots=True)
class TcpReceived:
    flow: int
    data: bytes


@dataclass(slots=True)
class TcpEof:
    flow: int


@dataclass(slots=True)
class TcpFailed:
    """connect, send or receive failed for good; the socket is closed already.

    icmp: (type, code) and `offender` (packed address) when an ICMP error of the real path ended
    a connect.
    """

    flow: int
    errno: int
    icmp: tuple[int, int] | None = None
    offender: bytes | None = None


@dataclass(slots=True)
class TcpIncoming:
    """A host program connected to forward number `forward`.

    A program at a Unix socket has no address: it is given one of the loopback.
    The engine answers with TcpAdopt, which gives it a flow number, or not at all: then the host
    side resets it at the end of the turn. `guest` is where it leads if it comes by no forward.
    `is_probe`: nobody needs to hear of it, for it only asks whether the guest listens.
    """

    forward: int
    token: int
    peer: Address
    guest: Address | None = None
    is_probe: bool = False


@dataclass(slots=True)
class UdpIncoming:
    """A datagram from a host program to the UDP forward number `forward`."""

    forward: int
    source: Address
    payload: bytes


@dataclass(slots=True)
class GuestDatagram:
    """A datagram for the guest that belongs to no flow."""

    source: Address
    guest: Address
    payload: bytes


@dataclass(slots=True)
class ForwardTrouble:
    """A call on the socket of forward number `forward` failed; the forward goes on."""

    forward: int
    errno: int
    what: str  # "an answer to 127.0.0.1:5000", "accept"


@dataclass(slots=True)
class EchoReply:
    flow: int
    source: bytes
    ident: int
    sequence: int
    payload: bytes


@dataclass(slots=True)
class EchoDenied:
    """The host lets us open neither a ping socket nor a raw socket."""

    flow: int
    detail: str


@dataclass(slots=True)
class Resolved:
    """answer: a whole DNS message, or None when no resolver answered in time.

    errno: why some could not even be asked, where the host is short of something.
    """

    query_id: int
    answer: bytes | None
    errno: int = 0


@dataclass(slots=True)
class FileOpened:
    flow: int
    size: int  # bytes; 0 where the file is to be written


@dataclass(slots=True)
class FileData:
    """Less than was asked for means that the file ends there."""

    flow: int
    data: bytes


@dataclass(slots=True)
class FileWritten:
    flow: int


@dataclass(slots=True)
class FileFailed:
    """The file is closed already.

    errno: the system's, or EXDEV for a name that leads out of the root, EISDIR for a folder, and
    ENODEV for anything else that is no regular file.
    """

    flow: int
    errno: int


Event = (
    UdpReceived
    | UdpReceivedRun
    | SocketError
    | PortNotKept
    | TcpConnected
    | TcpSent
    | TcpWritable
    | TcpReceived
    | TcpUrgent
    | TcpEof
    | TcpFailed
    | TcpIncoming
    | UdpIncoming
    | GuestDatagram
    | ForwardTrouble
    | EchoReply
    | EchoDenied
    | Resolved
    | FileOpened
    | FileData
    | FileWritten
    | FileFailed
)
