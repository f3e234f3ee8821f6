"""A TFTP client that is a script: what it sends, and what came, packet by packet.

    client = TftpClient(lab)
    client.read("boot/x", blksize="1024")
    assert client.got() == ["OACK blksize=1024"]
    client.ack(0)

It answers nothing by itself. `port` is the server's port of the transfer, learnt from its first
packet. `fetch` and `store` are whole clients, which ask for `options` and keep to what they get.
"""

from __future__ import annotations

from pynat.testing.lab import GUEST_MAC, Lab, introduce
from pynat.wire import ethernet, ipv4, tftp, udp
from pynat.wire.tftp import ACK, DATA, ERROR, OACK, RRQ, WRQ, Packet


class TftpClient:
    def __init__(self, lab: Lab, *, own_port: int = 2000) -> None:
        self.lab = lab
        self.own_port = own_port
        self.port = 0
        self.sizes: list[int] = []  # bytes of UDP payload, of all that came
        introduce(lab)

    def read(self, name: str | bytes, mode: str = "octet", **options: str) -> None:
        self._request(RRQ, name, mode, options)

    def write(self, name: str | bytes, mode: str = "octet", **options: str) -> None:
        self._request(WRQ, name, mode, options)

    def ack(self, block: int) -> None:
        self.send(Packet(ACK, block & 0xFFFF))

    def data(self, block: int, data: bytes) -> None:
        self.send(Packet(DATA, block & 0xFFFF, data))

    def error(self, code: int, text: str) -> None:
        self.send(Packet(ERROR, code, text.encode()))

    def send(self, packet: Packet) -> None:
        self.send_bytes(tftp.encode(packet), self.port)

    def send_bytes(self, data: bytes, port: int = 69) -> None:
        network = self.lab.config.network
        ends = network.guest.packed, network.router.packed
        datagram = udp.encode(ends[0], self.own_port, ends[1], port, data)
        packet = ipv4.encode(*ends, ipv4.UDP, datagram)
        self.lab.from_guest(ethernet.encode(network.mac, GUEST_MAC, ethernet.IPV4, packet))

    def packets(self) -> list[Packet]:
        """What has come for this client since the last call."""
        found = []
        for frame in self.lab.to_guest():
            datagram = udp.decode(ipv4.decode(memoryview(frame)[ethernet.HEADER.size :]))
            if datagram.destination == self.own_port:
                self.sizes.append(len(datagram.payload))
                self.port = datagram.source
                found.append(tftp.decode(datagram.payload))
        return found

    def got(self) -> list[str]:
        return [str(packet) for packet in self.packets()]

    def fetch(self, name: str, mode: str = "octet", **options: str) -> bytes:
        """The whole file; an AssertionError with the server's words if there is an error."""
        self.read(name, mode, **options)
        block, window, received = 512, 1, b""
        number = since = 0
        while True:
            packets = self.packets()
            assert packets, f"no answer after block {number}"
            for packet in packets:
                assert packet.opcode in (DATA, OACK), str(packet)
                if packet.opcode == OACK:
                    block = int(packet.options.get("blksize", block))
                    window = int(packet.options.get("windowsize", window))
                    self.ack(0)
                    continue
                assert packet.block == (number + 1) & 0xFFFF
                number += 1
                since += 1
                received += packet.data
                if since == window or len(packet.data) < block:
                    since = 0
                    self.ack(number)
                if len(packet.data) < block:
                    return received

    def store(self, name: str, data: bytes, mode: str = "octet", **options: str) -> None:
        self.write(name, mode, **options)
        (first,) = self.packets()
        assert first.opcode in (ACK, OACK), str(first)
        block = int(first.options.get("blksize", 512))
        window = int(first.options.get("windowsize", 1))
        pieces = [data[at : at + block] for at in range(0, len(data) + 1, block)]
        for at in range(0, len(pieces), window):
            for number, piece in enumerate(pieces[at : at + window], at + 1):
                self.data(number, piece)
            (answer,) = self.packets()
            assert answer.opcode == ACK, str(answer)
            assert answer.block == min(at + window, len(pieces)) & 0xFFFF

    def _request(self, opcode: int, name: str | bytes, mode: str, options: dict[str, str]) -> None:
        path = name.encode() if isinstance(name, str) else name
        self.send_bytes(tftp.encode(Packet(opcode, name=path, mode=mode, options=options)))
