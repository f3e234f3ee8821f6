"""A file on its way from the guest; `tftp_transfer` says how."""

from __future__ import annotations

from pynat.nat.messages import FileOpened, FileWrite, FileWritten
from pynat.services import netascii
from pynat.services.tftp_transfer import Event, Transfer, TransferServer
from pynat.wire import tftp
from pynat.wire.addresses import Address
from pynat.wire.tftp import Packet


class WriteTransfer(Transfer):
    """The guest writes."""

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
        self._decoder = netascii.Decoder() if request.mode == "netascii" else None
        self._taken = 0  # the last block that has come in order
        self._written = 0  # the last one that is in the file
        self._acked = 0  # the last one acknowledged
        self._complete = False  # the last block has come
        self._ended = False  # and is in the file
        self._complained = False  # that a block is missing
        self._answer = b""  # the last packet we sent

    @property
    def fresh(self) -> bool:
        return self._taken == 0

    def from_host(self, event: Event, now: float) -> None:
        match event:
            case FileOpened():
                self.options = self._server.agree(self.request, 0)
                oack = Packet(tftp.OACK, options=self.options.told)
                self._say(oack if self.options.told else Packet(tftp.ACK, 0), now)
            case FileWritten():
                self._written += 1
                self._ended = self._complete and self._written == self._taken
                if self._ended or self._written - self._acked == self.options.window:
                    self._acknowledge(now)
                if self._ended:
                    self._server.end(self, "received", now)

    def from_guest(self, packet: Packet, now: float) -> None:
        if self.over and not self._ended:
            return
        if packet.opcode != tftp.DATA:
            self._server.refuse(self, tftp.ILLEGAL, f"{packet} in a transfer from you", now)
        elif not self._answer:
            return  # the file is not open yet
        elif (packet.block - self._taken) & 0xFFFF == 1 and not self._complete:
            self._write(packet.data, now)
        elif packet.block == self._taken & 0xFFFF:
            self._repeat_ack(now)
        elif not self._complained and not self._complete:
            self._complained = True
            self._repeat_ack(now)

    def _repeat_ack(self, now: float) -> None:
        """The guest has not seen our acknowledgement, or we not all of its window (RFC 7440)."""
        if self._written == self._taken:
            self.repeated += 1
            self._acknowledge(now)

    def _write(self, data: bytes, now: float) -> None:
        self._complained = False
        self._answered()
        at = self.carried
        if len(data) > self.options.block:
            text = f"a block of {len(data)} bytes, agreed were {self.options.block}"
            self._server.refuse(self, tftp.ILLEGAL, text, now)
            return
        self._complete = len(data) < self.options.block
        if self._decoder is not None:
            data = self._decoder.decode(data, last=self._complete)
        if at + len(data) > self._server.max_size:
            text = f"more than {self._server.max_size} bytes"
            self._server.refuse(self, tftp.DISK_FULL, text, now)
            return
        self._taken += 1
        self.carried += len(data)
        self._server.to_file(FileWrite(self.number, at, data))
        self._wait(now)

    def _acknowledge(self, now: float) -> None:
        self._acked = self._written
        self._say(Packet(tftp.ACK, self._acked & 0xFFFF), now)

    def _say(self, packet: Packet, now: float) -> None:
        self._answer = tftp.encode(packet)
        self._server.send(self, self._answer, now)
        self._wait(now)

    def again(self, now: float) -> None:
        self.repeated += 1
        if self._acked < self._written:
            self._acknowledge(now)
        elif self._answer:
            self._server.send(self, self._answer, now)
            self._wait(now)
