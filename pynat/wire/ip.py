"""What the versions of IP have in common (RFC 791, RFC 8200).

TCP, UDP and ping are the same over each version, so they are written once: of what the guest sends
they read a `Packet`, of a packet that is only quoted an `Outline`, and a `Version`, the module of
that version's codec, puts the header around what they send. `pynat.wire.versions` has the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from pynat.wire.addresses import Address, address_text, end_text
from pynat.wire.icmp import ERRORS, Icmp
from pynat.wire.mistakes import Around

# protocols (RFC 5237)
ICMP = 1
TCP = 6
UDP = 17
_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp"}


class Packet(Protocol):
    """One packet, decoded and checked."""

    source: bytes
    destination: bytes
    protocol: int
    ttl: int
    dont_fragment: bool
    packet: memoryview  # the whole of it
    payload: memoryview

    @property
    def ends(self) -> bytes:
        """Both addresses."""

    @property
    def around(self) -> Around: ...

    @property
    def quote(self) -> bytes:
        """What an ICMP error quotes of it."""


class Outline(NamedTuple):
    """What a packet says of itself, read where it lies; none of it is checked."""

    protocol: int
    source: bytes
    destination: bytes
    body: int  # where, in the bytes given, begins what it carries
    end: int  # and where it ends, if its length is true
    is_later: bool  # a fragment but the first: it carries no header


def carries_error(outline: Outline, data: bytes | memoryview) -> bool:
    """Whether the packet carries an ICMP error, about which none may be sent (RFC 1122 3.2.2)."""
    body = outline.body
    return outline.protocol == ICMP and len(data) > body and data[body] in ERRORS


def named(outline: Outline, data: bytes | memoryview) -> str:
    """`udp 192.168.16.2:1000 > 192.0.2.7:53`, as far as the bytes go; data: where they lie."""
    name = _NAMES.get(outline.protocol, f"protocol {outline.protocol}")
    found = ends(outline, data)
    if found is None:
        return f"{name} {address_text(outline.source)} > {address_text(outline.destination)}"
    source, destination = map(end_text, found)
    return f"{name} {source} > {destination}"


def ends(outline: Outline, data: bytes | memoryview) -> tuple[Address, Address] | None:
    """Where the packet is from and where to, with ports; None where it has none."""
    protocol, source, destination, body, _, is_later = outline
    if protocol not in (TCP, UDP) or is_later or len(data) < body + 4:
        return None
    ports = (int.from_bytes(data[at : at + 2], "big") for at in (body, body + 2))
    return (source, next(ports)), (destination, next(ports))


class Version(Protocol):
    """A module with these names; all addresses have the length of that version's."""

    ETHERTYPE: int
    HEADER_SIZE: int  # bytes, without options

    def encode(
        self,
        source: bytes,
        destination: bytes,
        protocol: int,
        payload: bytes,
        *,
        ident: int = ...,
        dont_fragment: bool = ...,
    ) -> bytes:
        """A packet without options."""

    def atomic_header(self, source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
        """Of a packet that carries `length` bytes and is never fragmented."""

    def fragments(
        self,
        source: bytes,
        destination: bytes,
        protocol: int,
        payload: bytes,
        *,
        ident: int,
        mtu: int,
    ) -> Iterator[bytes]:
        """Packets without options of at most `mtu` bytes that carry `payload` together."""

    def outline(self, data: bytes | memoryview, start: int = ...) -> Outline | None:
        """Of the packet at `start`; None if no header is there."""

    def flow_key(self, frame: bytes) -> tuple[bytes, int]:
        """The same for all packets of a flow's direction: protocol, addresses, ports.

        And where what the packet carries begins in this untagged frame.
        """

    def encode_icmp(self, source: bytes, destination: bytes, message: Icmp, /) -> tuple[int, bytes]:
        """The message as this version's ICMP has it, behind the number of that protocol.

        Its type and code are those of RFC 792 whichever version it is for (RFC 7915 4.2).
        """
