"""A file on its way to the guest; `tftp_transfer` says how."""

from __future__ import annotations

from collections import deque

from pynat.nat.messages import FileData, FileOpened, FileRead
from pynat.services import netascii
from pynat.services.tftp_transfer import Event, Transfer, TransferServer
from pynat.wire import tftp
from pynat.wire.addresses import Address
from pynat.wire.tftp import Packet

AHEAD = 64 << 10  # bytes of one read, or a window if that is more
CALM = 2  # windows without a repetition, until a repeated acknowledgement means a lost block


class ReadTransfer(Transfer):
    """The guest reads."""

    def __init__(
        self,
        server: TransferServer,
        number: int,
        request: Packet,
        guest: Address,
        port: int,
        now: float,
    ) -> None:
        super().__init__(server, number, request, guest, port, now)
        self._text = request.mode == "netascii"
        self._offset = 0  # in the file, of what is read next
        self._asked = False  # a FileRead is not answered yet
        self._file_ended = False
        self._data = bytearray()  # read, but not in a block yet
        self._cut = 0  # blocks made
        self._complete = False  # the last block is made
        self._acked = -1  # the last block acknowledged; before block 1 stands the OACK
        self._flight: deque[bytes] = deque()  # packets after that
        self._sent = 0  # how many of them have been sent
        self._calm = 0  # windows acknowledged since we repeated something

    @property
    def fresh(self) -> bool:
        return self._acked <= 0

    def from_host(self, event: Event, now: float) -> None:
        match event:
            case FileOpened(size=size):
                self._begin(size)
            case FileData(data=data):
                self._read(data)
        self._fill()
        self._send(now)

    def _begin(self, size: int) -> None:
        self.options = self._server.agree(self.request, size)
        if self.options.told:
            oack = Packet(tftp.OACK, options=self.options.told)
            self._flight.append(tftp.encode(oack))
        else:
            self._acked = 0

    def _read(self, data: bytes) -> None:
        self._asked = False
        self._offset += len(data)
        self._file_ended = len(data) < self._ahead
        self._data += netascii.encode(data) if self._text else data

    @property
    def _ahead(self) -> int:
        return max(AHEAD, self.options.block * self.options.window)

    def _fill(self) -> None:
        """Blocks for the next window; read on where the data do not suffice."""
        block = self.options.block
        while self._acked >= 0 and len(self._flight) < self.options.window and not self._complete:
            if len(self._data) < block and not self._file_ended:
                break
            self._cut += 1
            piece = bytes(self._data[:block])
            del self._data[:block]
            self._flight.append(tftp.encode(Packet(tftp.DATA, self._cut & 0xFFFF, piece)))
            self._complete = len(piece) < block
        if len(self._data) < block * self.options.window and not (self._file_ended or self._asked):
            self._asked = True
            self._server.to_file(FileRead(self.number, self._offset, self._ahead))

    def _send(self, now: float) -> None:
        if self._sent == len(self._flight):
            return
        for packet in list(self._flight)[self._sent :]:
            self._server.send(self, packet, now)
        self._sent = len(self._flight)
        self._wait(now)

    def from_guest(self, packet: Packet, now: float) -> None:
        if self.over:
            return
        if packet.opcode != tftp.ACK:
            self._server.refuse(self, tftp.ILLEGAL, f"{packet} in a transfer to you", now)
            return
        count = (packet.block - self._acked) & 0xFFFF
        if count == 0:
            self._repeated_ack(now)
        elif count <= self._sent:
            self._acknowledged(count, now)
        # else of long ago: a copy that was late

    def _acknowledged(self, count: int, now: float) -> None:
        for _ in range(count):
            packet = self._flight.popleft()
            self.carried += len(packet) - 4 if packet[1] == tftp.DATA else 0
        self._acked += count
        self._calm += 1
        self._answered()
        if self._complete and not self._flight:
            self._server.end(self, "sent", now)
            return
        self.repeated += self._sent - count
        self._sent = 0  # what the guest has not acknowledged of a window is lost (RFC 7440)
        self._fill()
        self._send(now)

    def _repeated_ack(self, now: float) -> None:
        if self.options.window > 1 and self._sent and self._calm >= CALM:
            self.again(now)

    def again(self, now: float) -> None:
        self.repeated += self._sent
        self._sent = 0
        self._calm = 0
        self._send(now)

    def _give_up(self, now: float) -> None:
        if self._complete and len(self._flight) == 1:
            self.carried += len(self._flight[0]) - 4
            self._server.end(self, "sent, but the last block was not acknowledged", now)
        else:
            super()._give_up(now)
