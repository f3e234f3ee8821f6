"""A small stack as one writes it first, for pynat.testing.virtual: DHCP, ARP, pings, UDP, DNS.

It is right as it stands; a mistake is a method or a field of it that is replaced. It takes a lease,
asks for the router, pings it, asks for a name and sends a datagram to what the name is, and answers
ARP, pings, and datagrams to port 7. What gets no answer it sends again after 4, 8, 16 ... seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack, unpack_from

MAC = bytes.fromhex("525400123456")
ALL = b"\xff" * 6
ZERO = bytes(4)
EVERYBODY = b"\xff" * 4
COOKIE = bytes((99, 130, 83, 99))
NAME = "www.example.test"
RETRY, LONGEST = 4.0, 64.0  # seconds
ICMP, UDP = 1, 17


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(unpack_from(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(total ^ 0xFFFF)


class Stack:
    longest = 1514  # bytes of a frame
    ttl = 64
    flags = 0
    sport = 49_200
    replies = 2  # operation of ARP's
    echo_reply = 0  # the type
    echo_code = 0
    dhcp_flags = 0
    dns_flags = 0x0100
    checks_ip = checks_icmp = checks_udp = True

    def __init__(self) -> None:
        self.mac = MAC
        self.address = self.router = self.server = ZERO
        self.macs: dict[bytes, bytes] = {}
        self.ident = 100
        self.sent: list[bytes] = []
        self.waiting: dict[str, Callable[[], None]] = {}  # what is sent again until it is answered
        self.due: float | None = None
        self.pause = RETRY
        self.pieces: dict[int, dict[int, bytes]] = {}
        self.looked_up: bytes | None = None

    # ------------------------------------------------------------------ what virtual() asks for
    def start(self, now: float) -> None:
        self.now = now
        self.until_answered("dhcp", lambda: self.dhcp(1))

    def from_wire(self, frame: bytes, now: float) -> None:
        self.now = now
        if frame[:6] in (self.mac, ALL) and len(frame) <= self.longest:
            kind = unpack_from("!H", frame, 12)[0]
            {0x0806: self.arp, 0x0800: self.ip}.get(kind, lambda _: None)(frame[14:])

    def to_wire(self) -> list[bytes]:
        sent, self.sent = self.sent, []
        return sent

    def next_timer(self) -> float | None:
        return self.due

    def on_timer(self, now: float) -> None:
        self.pause = min(2 * self.pause, LONGEST)
        self.now, self.due = now, now + self.pause
        for again in list(self.waiting.values()):
            again()

    def until_answered(self, what: str, send: Callable[[], None]) -> None:
        self.waiting[what] = send
        self.pause = RETRY
        self.due = self.now + self.pause
        send()

    def answered(self, what: str) -> bool:
        """Whether this was waited for."""
        return self.waiting.pop(what, None) is not None

    # ------------------------------------------------------------------ Ethernet and ARP
    def frame(self, to: bytes, kind: int, payload: bytes) -> None:
        self.sent.append((to + self.mac + pack("!H", kind) + payload).ljust(60, b"\0"))

    def arp_packet(self, operation: int, to: bytes, target_mac: bytes, target: bytes) -> None:
        fixed = pack("!HHBBH", 1, 0x0800, 6, 4, operation)
        self.frame(to, 0x0806, fixed + self.mac + self.address + target_mac + target)

    def arp(self, packet: bytes) -> None:
        operation = unpack_from("!H", packet, 6)[0]
        mac, sender, target = packet[8:14], packet[14:18], packet[24:28]
        self.macs[sender] = mac
        if operation == 1 and self.is_mine(target):
            self.arp_packet(self.replies, mac, mac, sender)
        elif sender == self.router and self.answered("arp"):
            self.begin()

    def is_mine(self, target: bytes) -> bool:
        return target == self.address != ZERO

    # ------------------------------------------------------------------ IPv4
    def send(self, to: bytes, protocol: int, payload: bytes, source: bytes | None = None) -> None:
        self.ident += 1
        header = self.header(self.address if source is None else source, to, protocol, len(payload))
        mac = ALL if to == EVERYBODY else self.macs[self.router]
        self.frame(mac, 0x0800, header + payload)

    def header(self, source: bytes, to: bytes, protocol: int, length: int) -> bytes:
        words = pack("!BBHHH", 0x45, 0, 20 + length, self.ident, self.flags)
        start, ends = words + pack("!BB", self.ttl, protocol), source + to
        return start + pack("!H", self.header_sum(start, ends)) + ends

    def header_sum(self, start: bytes, ends: bytes) -> int:
        return checksum(start + b"\0\0" + ends)

    def ip(self, packet: bytes) -> None:
        size = self.header_size(packet)
        packet = self.cut_padding(packet)
        source, to = packet[12:16], packet[16:20]
        if (self.checks_ip and checksum(packet[:size])) or not self.is_for_me(to):
            return
        fragment = unpack_from("!H", packet, 6)[0]
        payload = self.joined(packet, fragment, packet[size:])
        if payload is None:
            return
        if packet[9] == ICMP:
            self.icmp(source, to, payload)
        elif packet[9] == UDP:
            self.udp(source, to, packet, payload)

    def header_size(self, packet: bytes) -> int:
        return (packet[0] & 15) * 4

    def cut_padding(self, packet: bytes) -> bytes:
        return packet[: unpack_from("!H", packet, 2)[0]]

    def is_for_me(self, to: bytes) -> bool:
        return to in (self.address, EVERYBODY) or self.address == ZERO

    def joined(self, packet: bytes, fragment: int, payload: bytes) -> bytes | None:
        """None while some of it is missing. In order: the last one comes last."""
        if not fragment & 0x3FFF:
            return payload
        pieces = self.pieces.setdefault(unpack_from("!H", packet, 4)[0], {})
        pieces[fragment & 0x1FFF] = payload
        return None if fragment & 0x2000 else b"".join(pieces.values())

    # ------------------------------------------------------------------ ICMP
    def icmp(self, source: bytes, to: bytes, message: bytes) -> None:
        if self.checks_icmp and checksum(message):
            return
        if message[0] == 8:
            self.send(source, ICMP, self.echoed(message), self.answers_from(to))
        elif message[0] == 0 and self.answered("ping"):
            self.until_answered("dns", self.ask)

    def answers_from(self, _asked: bytes) -> bytes:
        return self.address

    def echoed(self, request: bytes) -> bytes:
        return self.message(pack("!BB", self.echo_reply, self.echo_code), request[4:])

    def message(self, start: bytes, rest: bytes) -> bytes:
        return start + pack("!H", self.message_sum(start, rest)) + rest

    def message_sum(self, start: bytes, rest: bytes) -> int:
        return checksum(start + b"\0\0" + rest)

    def unreachable(self, source: bytes, packet: bytes) -> None:
        self.send(source, ICMP, self.message(pack("!BB", 3, 3), bytes(4) + packet[: 28 + 8]))

    def begin(self) -> None:
        self.until_answered("ping", self.ping)

    def ping(self) -> None:
        self.send(self.router, ICMP, self.message(pack("!BB", 8, 0), pack("!HH", 77, 1) + b"hello"))

    # ------------------------------------------------------------------ UDP
    def datagram(self, to: bytes, ports: tuple[int, int], data: bytes) -> None:
        source = ZERO if to == EVERYBODY else self.address
        start = self.ports(*ports) + pack("!H", self.udp_length(data))
        check = self.udp_sum(source + to, start, data)
        self.send(to, UDP, start + pack("!H", check) + data, source)

    def ports(self, source: int, destination: int) -> bytes:
        return pack("!HH", source, destination)

    def udp_length(self, data: bytes) -> int:
        return 8 + len(data)

    def udp_sum(self, ends: bytes, start: bytes, data: bytes) -> int:
        pseudo = ends + pack("!BBH", 0, UDP, 8 + len(data))
        return checksum(pseudo + start + b"\0\0" + data) or 0xFFFF

    def udp(self, source: bytes, to: bytes, packet: bytes, payload: bytes) -> None:
        pseudo = source + to + pack("!BBH", 0, UDP, len(payload))
        if self.checks_udp and checksum(pseudo + payload):
            return
        sport, port = unpack_from("!HH", payload)
        if port == 68:
            self.leased(payload[8:])
        elif port == 7:
            self.datagram(source, (7, sport), payload[8:])
        elif sport == 53 and port == self.sport:
            self.named(payload[8:])
        elif port != self.sport:
            self.unreachable(source, packet)

    # ------------------------------------------------------------------ DHCP
    def dhcp(self, kind: int, *options: bytes) -> None:
        fixed = self.fixed() + self.addresses() + self.chaddr() + self.names()
        told = b"".join((bytes((53, 1, kind)), *options, self.end()))
        self.datagram(EVERYBODY, self.dhcp_ports(), (fixed + COOKIE + told).ljust(300, b"\0"))

    def dhcp_ports(self) -> tuple[int, int]:
        return 68, 67

    def fixed(self) -> bytes:
        return pack("!BBBBIHH", 1, 1, 6, 0, 0x1234ABCD, int(self.now), self.dhcp_flags)

    def addresses(self) -> bytes:
        return bytes(16)

    def chaddr(self) -> bytes:
        return self.mac.ljust(16, b"\0")

    def names(self) -> bytes:
        return bytes(64 + 128)

    def end(self) -> bytes:
        return b"\xff"

    def leased(self, message: bytes) -> None:
        options = dict(self.options(message[240:]))
        if options.get(53) == b"\2":
            chosen = self.chosen(message[16:20], options[54])
            self.until_answered("dhcp", lambda: self.dhcp(3, *chosen))
        elif options.get(53) == b"\5" and self.answered("dhcp"):
            self.address, self.router, self.server = message[16:20], options[3], options[6]
            self.until_answered("arp", lambda: self.arp_packet(1, ALL, bytes(6), self.router))

    def options(self, area: bytes) -> list[tuple[int, bytes]]:
        found = []
        while area and area[0] != 255:
            found.append((area[0], area[2 : 2 + area[1]]))
            area = area[2 + area[1] :]
        return found

    def chosen(self, address: bytes, server: bytes) -> tuple[bytes, ...]:
        return b"\x32\x04" + address, b"\x36\x04" + server

    # ------------------------------------------------------------------ DNS
    def ask(self) -> None:
        self.sport += 1
        query = pack("!HHHHHH", self.sport * 31 & 0xFFFF, self.dns_flags, *self.counts())
        question = query + self.labels(NAME) + self.kind()
        self.datagram(self.server, (self.sport, self.dns_port()), question)

    def dns_port(self) -> int:
        return 53

    def counts(self) -> tuple[int, ...]:
        return 1, 0, 0, 0

    def labels(self, name: str) -> bytes:
        parts = [part.encode() for part in name.split(".")]
        return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"

    def kind(self) -> bytes:
        return pack("!HH", 1, 1)

    def named(self, message: bytes) -> None:
        if self.is_an_address(message) and self.answered("dns"):
            self.looked_up = message[-4:]
            self.datagram(self.looked_up, (self.sport, 9), b"done")

    def is_an_address(self, message: bytes) -> bool:
        """No error, and one record at least."""
        return not message[3] & 15 and message[6:8] != b"\0\0"
