"""Captures that others might have made: bytes in all the forms that they write."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

GUEST, GATEWAY = "52:54:00:00:00:0f", "52:55:0a:00:02:02"
ADDRESS, ROUTER, NET = "10.0.2.15", "10.0.2.2", "10.0.2.0/24"
START = 1_700_000_000  # seconds since 1970

Timed = tuple[float, bytes]


def raw(layers: Any) -> bytes:
    return bytes(layers)


def from_guest(packet: Any, *, to: str = GATEWAY, source: str = GUEST) -> bytes:
    return raw(Ether(src=source, dst=to) / packet)


def to_guest(packet: Any, *, source: str = GATEWAY, to: str = GUEST) -> bytes:
    return raw(Ether(src=source, dst=to) / packet)


def lease(
    mask: str = "255.255.255.0", *, server: str = ROUTER, dns: str = "10.0.2.3"
) -> list[Timed]:
    """DISCOVER to ACK, of one second each."""
    mac = bytes.fromhex(GUEST.replace(":", ""))

    def ask(*options: tuple[str, str]) -> bytes:
        bootp = raw(BOOTP(chaddr=mac, xid=7) / DHCP(options=[*options, "end"])).ljust(300, b"\0")
        udp = UDP(sport=68, dport=67)
        return raw(
            Ether(src=GUEST, dst="ff:ff:ff:ff:ff:ff")
            / IP(src="0.0.0.0", dst="255.255.255.255", id=1)
            / udp
            / bootp
        )

    def answer(kind: str) -> bytes:
        options: list[Any] = [("message-type", kind), ("server_id", server), ("subnet_mask", mask)]
        options += [("router", ROUTER), ("name_server", dns), ("lease_time", 3600)]
        bootp = BOOTP(op=2, chaddr=mac, xid=7, yiaddr=ADDRESS) / DHCP(options=[*options, "end"])
        return to_guest(IP(src=server, dst=ADDRESS) / UDP(sport=67, dport=68) / bootp)

    wanted = ("message-type", "request"), ("server_id", server), ("requested_addr", ADDRESS)
    frames = [ask(("message-type", "discover")), answer("offer"), ask(*wanted), answer("ack")]
    return [(0.1 * n, frame) for n, frame in enumerate(frames)]


def resolved(start: float = 1.0) -> list[Timed]:
    """The guest announces itself, asks for its gateway and is answered."""
    say = ARP(op=1, hwsrc=GUEST, psrc=ADDRESS, pdst=ADDRESS)
    ask = ARP(op=1, hwsrc=GUEST, psrc=ADDRESS, pdst=ROUTER)
    reply = ARP(op=2, hwsrc=GATEWAY, psrc=ROUTER, hwdst=GUEST, pdst=ADDRESS)
    everyone = "ff:ff:ff:ff:ff:ff"
    frames = [from_guest(say, to=everyone), from_guest(ask, to=everyone), to_guest(reply)]
    return [(start + 0.1 * n, frame) for n, frame in enumerate(frames)]


def download(start: float = 2.0, *, size: int = 1000, pieces: int = 8) -> list[Timed]:
    """A connection that the guest opens, in which it gets `pieces` segments, and closes."""
    guest, host = {"sport": 40000, "dport": 80}, {"sport": 80, "dport": 40000}
    out = IP(src=ADDRESS, dst="192.0.2.7", flags="DF")
    back = IP(src="192.0.2.7", dst=ADDRESS, flags="DF")
    options = [("MSS", 1460)]

    def mine(flags: str, seq: int, ack: int, data: bytes = b"", **fields: Any) -> bytes:
        return from_guest(out / TCP(**guest, flags=flags, seq=seq, ack=ack, **fields) / data)

    def theirs(flags: str, seq: int, ack: int, data: bytes = b"", **fields: Any) -> bytes:
        return to_guest(back / TCP(**host, flags=flags, seq=seq, ack=ack, **fields) / data)

    frames = [mine("S", 3_000_000_000, 0, options=options)]
    frames += [theirs("SA", 500, 3_000_000_001, options=options)]
    frames += [mine("A", 3_000_000_001, 501), mine("PA", 3_000_000_001, 501, b"GET /" * 20)]
    for n in range(pieces):
        frames.append(theirs("A", 501 + n * size, 3_000_000_101, bytes([n]) * size))
        frames.append(mine("A", 3_000_000_101, 501 + (n + 1) * size))
    end = 501 + pieces * size
    frames += [theirs("FA", end, 3_000_000_101), mine("FA", 3_000_000_101, end + 1)]
    frames += [theirs("A", end + 1, 3_000_000_102)]
    return [(start + 0.01 * n, frame) for n, frame in enumerate(frames)]


def whole() -> list[Timed]:
    return [*lease(), *resolved(), *download()]


def pcap(
    frames: Iterable[Timed],
    *,
    order: str = "<",
    nanoseconds: bool = False,
    link: int = 1,
    snap: int = 0,
) -> bytes:
    magic, unit = (0xA1B23C4D, 10**9) if nanoseconds else (0xA1B2C3D4, 10**6)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap or 262_144, link)]
    for when, frame in frames:
        seconds, fraction = divmod(round(when * unit), unit)
        part = frame[:snap] if snap else frame
        out += [struct.pack(order + "IIII", START + seconds, fraction, len(part), len(frame)), part]
    return b"".join(out)


def pcapng(
    frames: Iterable[Timed], *, order: str = "<", resolution: int = 6, link: int = 1
) -> bytes:
    """As dumpcap has it: who wrote it, an interface with a resolution, no directions."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    def option(code: int, value: bytes) -> bytes:
        return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + option(4, b"Dumpcap") + bytes(4)
    interface = struct.pack(order + "HHI", link, 0, 262_144) + option(9, bytes((resolution,)))
    out = [block(0x0A0D0D0A, section), block(1, interface + bytes(4))]
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    for when, frame in frames:
        count = round((START + when) * per_second)
        head = (0, count >> 32, count & 0xFFFFFFFF, len(frame), len(frame))
        out.append(block(6, struct.pack(order + "IIIII", *head) + frame))
    return b"".join(out)


def cooked(frames: Iterable[Timed]) -> list[Timed]:
    """LINKTYPE_LINUX_SLL of the same, as on the host behind the tap."""
    done = []
    for when, frame in frames:
        ours = frame[6:12] == bytes.fromhex(GATEWAY.replace(":", ""))
        kind = 4 if ours else 1 if frame[0] & 1 else 0
        head = struct.pack("!HHH6s2s", kind, 1, 6, frame[6:12], bytes(2))
        done.append((when, head + frame[12:]))
    return done


def tagged(frames: Iterable[Timed], vlan: int) -> list[Timed]:
    tag = struct.pack("!HH", 0x8100, vlan)
    return [(when, frame[:12] + tag + frame[12:]) for when, frame in frames]
