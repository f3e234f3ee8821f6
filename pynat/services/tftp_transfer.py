"""One file on its way to the guest or from it (RFC 1350, RFC 7440).

    the guest reads                            the guest writes
    RRQ -->                                    WRQ -->
           FileOpen ..> FileOpened                    FileOpen ..> FileOpened
       <-- OACK, or DATA 1 at once                <-- OACK or ACK 0
    ACK 0 -->                                  DATA 1 -->
       <-- DATA 1 to DATA w                           FileWrite ..> FileWritten
    ACK w -->                                     <-- ACK 1
    ...                                        ...
       <-- DATA n, shorter than a block        DATA n, shorter than a block -->
    ACK n -->                                     <-- ACK n, and again while it is asked for

Block numbers are counted without end here and sent modulo 65,536, so a file may be of any length
(RFC 1350 knows no such thing, but every client expects 0 after 65,535). What goes out is kept
until it is acknowledged; the timer repeats it, each time later, and gives up after TRIES.

An acknowledgement of what was acknowledged before is not answered, else every block after it
would travel twice for ever: the Sorcerer's Apprentice (RFC 1123 section 4.2.3.1). With a window it
may also mean that the window's first block was lost (RFC 7440 section 4), and is taken so once,
but not soon after we have repeated something, when it is more likely a copy's.

What the guest writes is acknowledged when the host has written it. The file is written in its
place: one that is given up stays there incomplete, and the log says so.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from pynat.nat.messages import (
    Address,
    FileData,
    FileOpened,
    FileRead,
    FileWrite,
    FileWritten,
)
from pynat.nat.outlet import Outlet
from pynat.services import netascii
from pynat.services.tftp_options import Terms
from pynat.wire import tftp
from pynat.wire.tftp import Packet

TRIES = 5  # repetitions of one packet before the guest is given up
LONGEST_WAIT = 8.0  # seconds before a repetition, unless the client's own time-out is longer
DALLY = 10.0  # seconds that the last block of a written file is acknowledged again
AHEAD = 64 << 10  # bytes of one read, or a window if that is more
CALM = 2  # windows without a repetition, until a repeated acknowledgement means a lost block

Event = FileOpened | FileData | FileWritten


class Server(Protocol):
    """What a transfer needs of the server that it belongs to."""

    outlet: Outlet

    def send(self, transfer: Transfer, data: bytes, now: float) -> None: ...

    def to_file(self, action: FileRead | FileWrite) -> None: ...

    def agree(self, request: Packet, size: int) -> Terms: ...

    def end(self, transfer: Transfer, what: str, now: float) -> None: ...

    def refuse(self, transfer: Transfer, code: int, text: str, now: float) -> None: ...

    def forget(self, transfer: Transfer) -> None: ...

    @property
    def max_size(self) -> int: ...


class Transfer:
    """What both directions share: the guest's end, our port, the timer."""

    def __init__(
        self, server: Server, number: int, request: Packet, guest: Address, port: int, now: float
    ) -> None:
        self.number = number
        self.request = request
        self.guest = guest
        self.port = port
        self.began = now
        self.carried = 0  # bytes of file
        self.repeated = 0  # packets
        self.over = False  # kept only to answer or ignore what still comes
        self.terms = Terms()
        self._server = server
        self._tries = 0

    @property
    def fresh(self) -> bool:
        """The guest may not have seen our first packet yet: it asks again."""
        raise NotImplementedError

    def from_guest(self, packet: Packet, now: float) -> None:
        raise NotImplementedError

    def from_host(self, event: Event, now: float) -> None:
        raise NotImplementedError

    def again(self, now: float) -> None:
        """Send once more what the guest has not answered."""
        raise NotImplementedError

    def on_timer(self, now: float) -> None:
        if self.over:
            self._server.forget(self)
        elif self._tries == TRIES:
            self._give_up(now)
        else:
            self._tries += 1
            self.again(now)

    def _give_up(self, now: float) -> None:
        self._server.refuse(self, tftp.UNDEFINED, "no answer", now)

    def _answered(self) -> None:
        self._tries = 0

    def _wait(self, now: float) -> None:
        if self.over:
            return  # the timer ends the dallying
        longest = max(LONGEST_WAIT, self.terms.timeout)
        seconds = min(self.terms.timeout * 2**self._tries, longest)
        self._server.outlet.timers.set(self, now + seconds)


class Reading(Transfer):
    """The guest reads."""

    def __init__(
        self, server: Server, number: int, request: Packet, guest: Address, port: int, now: float
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
                self._take(data)
        self._fill()
        self._send(now)

    def _begin(self, size: int) -> None:
        self.terms = self._server.agree(self.request, size)
        if self.terms.told:
            oack = Packet(tftp.OACK, options=self.terms.told)
            self._flight.append(tftp.encode(oack))
        else:
            self._acked = 0

    def _take(self, data: bytes) -> None:
        self._asked = False
        self._offset += len(data)
        self._file_ended = len(data) < self._ahead
        self._data += netascii.encode(data) if self._text else data

    @property
    def _ahead(self) -> int:
        return max(AHEAD, self.terms.block * self.terms.window)

    def _fill(self) -> None:
        """Blocks for the next window; read on where the data do not suffice."""
        block = self.terms.block
        while self._acked >= 0 and len(self._flight) < self.terms.window and not self._complete:
            if len(self._data) < block and not self._file_ended:
                break
            self._cut += 1
            piece = bytes(self._data[:block])
            del self._data[:block]
            self._flight.append(tftp.encode(Packet(tftp.DATA, self._cut & 0xFFFF, piece)))
            self._complete = len(piece) < block
        if len(self._data) < block * self.terms.window and not (self._file_ended or self._asked):
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
        if self.terms.window > 1 and self._sent and self._calm >= CALM:
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


class Writing(Transfer):
    """The guest writes."""

    def __init__(
        self, server: Server, number: int, request: Packet, guest: Address, port: int, now: float
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
                self.terms = self._server.agree(self.request, 0)
                oack = Packet(tftp.OACK, options=self.terms.told)
                self._say(oack if self.terms.told else Packet(tftp.ACK, 0), now)
            case FileWritten():
                self._written += 1
                self._ended = self._complete and self._written == self._taken
                if self._ended or self._written - self._acked == self.terms.window:
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
            self._take(packet.data, now)
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

    def _take(self, data: bytes, now: float) -> None:
        self._complained = False
        self._answered()
        at = self.carried
        if len(data) > self.terms.block:
            text = f"a block of {len(data)} bytes, agreed were {self.terms.block}"
            self._server.refuse(self, tftp.ILLEGAL, text, now)
            return
        self._complete = len(data) < self.terms.block
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
