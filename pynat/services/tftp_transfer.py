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
until it is acknowledged; the timer repeats it, each time later, and gives up after MAX_TRIES.

An acknowledgement of what was acknowledged before is not answered, else every block after it
would travel twice for ever: the Sorcerer's Apprentice (RFC 1123 section 4.2.3.1). With a window it
may also mean that the window's first block was lost (RFC 7440 section 4), and is taken so once,
but not soon after we have repeated something, when it is more likely a copy's.

What the guest writes is acknowledged when the host has written it. The file is written in its
place: one that is given up stays there incomplete, and the log says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from pynat.nat.guest_output import GuestOutput
from pynat.nat.messages import (
    FileData,
    FileOpened,
    FileRead,
    FileWrite,
    FileWritten,
)
from pynat.services.tftp_options import TransferOptions
from pynat.wire import tftp
from pynat.wire.addresses import Address
from pynat.wire.tftp import Packet

MAX_TRIES = 5  # repetitions of one packet before the guest is given up
MAX_WAIT = 8.0  # seconds before a repetition, unless the client's own time-out is longer
DALLY = 10.0  # seconds that the last block of a written file is acknowledged again

Event = FileOpened | FileData | FileWritten


class TransferServer(Protocol):
    """What a transfer needs of the server that it belongs to."""

    output: GuestOutput

    def send(self, transfer: Transfer, data: bytes, now: float) -> None: ...

    def to_file(self, action: FileRead | FileWrite) -> None: ...

    def agree(self, request: Packet, size: int) -> TransferOptions: ...

    def end(self, transfer: Transfer, what: str, now: float) -> None: ...

    def refuse(self, transfer: Transfer, code: int, text: str, now: float) -> None: ...

    def forget(self, transfer: Transfer) -> None: ...

    @property
    def max_size(self) -> int: ...


class Transfer(ABC):
    """What both directions share: the guest's end, our port, the timer."""

    def __init__(
        self,
        server: TransferServer,
        number: int,
        request: Packet,
        guest: Address,
        port: int,
        now: float,
    ) -> None:
        self.number = number
        self.request = request
        self.guest = guest
        self.port = port
        self.began = now
        self.carried = 0  # bytes of file
        self.repeated = 0  # packets
        self.over = False  # kept only to answer or ignore what still comes
        self.options = TransferOptions()
        self._server = server
        self._tries = 0

    @property
    @abstractmethod
    def fresh(self) -> bool:
        """The guest may not have seen our first packet yet: it asks again."""

    @abstractmethod
    def from_guest(self, packet: Packet, now: float) -> None: ...

    @abstractmethod
    def from_host(self, event: Event, now: float) -> None: ...

    @abstractmethod
    def again(self, now: float) -> None:
        """Send once more what the guest has not answered."""

    def finish(self) -> None:
        """Only answer, or ignore, what is late."""
        self.over = True

    def on_timer(self, now: float) -> None:
        if self.over:
            self._server.forget(self)
        elif self._tries == MAX_TRIES:
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
        longest = max(MAX_WAIT, self.options.timeout)
        seconds = min(self.options.timeout * 2**self._tries, longest)
        self._server.output.timers.set(self, now + seconds)
