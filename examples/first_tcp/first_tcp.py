"""A TCP as one writes it the first time, with the mistakes that one makes then.

It fetches one page: ARP, IPv4 and a TCP that opens, sends, receives and closes. Frames come in by
`from_wire` and leave by `to_wire`; time is an argument. docs/tutorial.md finds the mistakes.
"""

from __future__ import annotations

import struct

MAC = bytes.fromhex("525400123456")
ADDRESS, ROUTER = bytes([192, 168, 16, 2]), bytes([192, 168, 16, 1])
EVERYBODY = b"\xff" * 6
ARP, IPV4 = b"\x08\x06", b"\x08\x00"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSS = 1460
OUR_WINDOW = 8192
FIRST = 1000  # sequence number of our SYN
RTO = 1.0  # seconds


def checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class FirstTcp:
    """Sends a request. What it does then is its server's choice: FirstTcp closes when that does,
    or, if it is an upload, by itself.
    """

    def __init__(self, server: bytes, port: int, request: bytes, *, is_upload: bool) -> None:
        self.server, self.port = server, port
        self.state = "closed"
        self.received = b""
        self._router = b""  # its MAC address
        self._out: list[bytes] = []
        self._ident = 0
        self._unsent = request
        self._in_flight = b""  # sent and not acknowledged
        self._una = FIRST  # the number of its first byte
        self._expected = 0  # the number of the next byte from the server
        self._window = 0  # of the server
        self._closing = is_upload  # FIN is sent when all the rest is
        self._fin_sent = False
        self._rto = RTO
        self._timer: float | None = None

    # ------------------------------------------------------------------ for the driver
    def start(self, now: float) -> None:
        self._send_arp(1, EVERYBODY, ADDRESS)  # here I am (RFC 5227)
        self._send_arp(1, EVERYBODY, ROUTER)

    def to_wire(self) -> list[bytes]:
        frames, self._out = self._out, []
        return frames

    def next_timer(self) -> float | None:
        return self._timer

    def from_wire(self, frame: bytes, now: float) -> None:
        if frame[12:14] == ARP:
            self._take_arp(frame[14:], now)
        elif frame[12:14] == IPV4 and frame[23] == 6:
            end = 14 + int.from_bytes(frame[16:18], "big")
            self._take_segment(frame[34:end], now)

    def on_timer(self, now: float) -> None:
        """Nothing was acknowledged for so long: send again what is in flight."""
        self._timer = now + self._rto
        if self.state == "opening":
            self._send(SYN, self._una)
        elif self._in_flight or not self._fin_sent:
            self._send(ACK | PSH, self._una, self._in_flight[:MSS])
        else:
            self._send(ACK | FIN, self._una)

    # ------------------------------------------------------------------ ARP
    def _take_arp(self, packet: bytes, now: float) -> None:
        operation, sender, address = packet[7], packet[8:14], packet[14:18]
        if operation == 1 and packet[24:28] == ADDRESS:
            self._send_arp(2, sender, address)
        elif operation == 2 and self.state == "closed":
            self._router = sender
            self.state = "opening"
            self._send(SYN, self._una)
            self._timer = now + self._rto

    def _send_arp(self, operation: int, to: bytes, address: bytes) -> None:
        head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
        self._out.append(to + MAC + ARP + head + MAC + ADDRESS + to + address)

    # ------------------------------------------------------------------ TCP
    def _take_segment(self, segment: bytes, now: float) -> None:
        number, ack, offset, flags, self._window = struct.unpack_from("!IIBBH", segment, 4)
        data = segment[(offset >> 4) * 4 :]
        if flags & RST:
            self.state, self._timer = "reset", None
            return
        if flags & SYN:
            self.state, self._timer = "open", None
            self._una = FIRST + 1
            self._expected = number
            self._send(ACK, self._una)
        self._take_ack(ack, now)
        if data:
            self.received += data
            self._expected = number + len(data)
        if flags & FIN and number + len(data) == self._expected:
            self._expected += 1
            self._closing = True
        if data or flags & FIN:
            self._send(ACK, self._next())
        self._send_more(now)

    def _take_ack(self, ack: int, now: float) -> None:
        fin_acknowledged = self._fin_sent and ack > self._next() - 1
        acknowledged = min(ack - self._una, len(self._in_flight))
        if acknowledged > 0 or fin_acknowledged:
            self._in_flight = self._in_flight[acknowledged:]
            self._una += acknowledged
            self._rto = RTO
            self._timer = now + self._rto if self._in_flight or self._fin_sent else None
        if fin_acknowledged:
            self.state, self._timer = "done", None

    def _next(self) -> int:
        """The number of what is sent next."""
        return self._una + len(self._in_flight) + self._fin_sent

    def _send_more(self, now: float) -> None:
        while self._unsent:
            piece, self._unsent = self._unsent[:MSS], self._unsent[MSS:]
            self._send(ACK | PSH, self._next(), piece)
            self._in_flight += piece
            self._timer = now + self._rto
        if self._closing and not self._fin_sent:
            self._send(ACK | FIN, self._next())
            self._fin_sent = True
            self._timer = now + self._rto

    # ------------------------------------------------------------------ segments and packets
    def _send(self, flags: int, number: int, data: bytes = b"") -> None:
        ports = struct.pack("!HH", 49152, self.port)
        options = struct.pack("!BBH", 2, 4, MSS) if flags & SYN else b""
        expected = self._expected if flags & ACK else 0
        head = struct.pack("!IIBB", number, expected, (5 + len(options) // 4) << 4, flags)
        segment = ports + head + struct.pack("!HHH", OUR_WINDOW, 0, 0) + options + data
        pseudo = ADDRESS + self.server + struct.pack("!BBH", 0, 6, len(data))
        sum_ = struct.pack("!H", checksum(pseudo + segment))
        self._send_ip(segment[:16] + sum_ + segment[18:])

    def _send_ip(self, segment: bytes) -> None:
        self._ident += 1
        length = 20 + len(segment)
        head = struct.pack("!BBHHHBB", 0x45, 0, length, self._ident, 0, 64, 6)
        sum_ = struct.pack("!H", checksum(head + b"\0\0" + ADDRESS + self.server))
        packet = head + sum_ + ADDRESS + self.server + segment
        self._out.append(self._router + MAC + IPV4 + packet)
