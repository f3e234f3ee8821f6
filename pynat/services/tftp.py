"""The TFTP server at the router's address (RFC 1350, options RFC 2347 to 2349, windows RFC 7440).

    port 69    requests: a name below the root, octet or netascii
    a port of its own for each transfer, the server's transfer identifier; a packet that comes
    there from another end than the transfer's gets ERROR 5 and does no harm (RFC 1350 section 4)

`tftp_transfer` moves the blocks, `tftp_options` agrees on their size, the host side opens and
reads the files and holds them to the root; a name cannot climb out of it by `..` here already. A
leading `/` is taken relative to the root and `\\` as `/`.

A request that comes again from the same end while our first packet is unanswered is a
repetition; later it is a new boot of the guest, and replaces the old transfer. At most
MAX_TRANSFERS transfers run, and as many ended ones are kept for a while to answer or ignore what is
late. Guest time is held while packets flow, as for any other flow, so retransmission timers run in
the time that the guest sees.

Left out: mail mode (obsolete, RFC 1350 section 1), multicast (RFC 2090).
"""

from __future__ import annotations

import errno

from pynat import rules
from pynat.config import Config, Network
from pynat.log.notices import FLOW_RATE
from pynat.nat.flow_numbers import FlowNumbers
from pynat.nat.guest_output import GuestOutput
from pynat.nat.messages import (
    CloseFlow,
    FileData,
    FileFailed,
    FileOpen,
    FileOpened,
    FileRead,
    FileWrite,
    FileWritten,
)
from pynat.nat.tcp.table import NE2000_SEGMENTS, NE2000_SPEED
from pynat.nat.unreachable import reason
from pynat.services import tftp_options
from pynat.services.tftp_options import WINDOW, TransferOptions
from pynat.services.tftp_read import ReadTransfer
from pynat.services.tftp_transfer import DALLY, Transfer
from pynat.services.tftp_write import WriteTransfer
from pynat.wire import ip, tftp, udp
from pynat.wire.addresses import Address, address_text, end_text
from pynat.wire.tftp import Packet
from pynat.wire.udp import Udp

PORT = 69
MAX_TRANSFERS = 64  # transfers at once
FIRST_PORT = 61_000  # of transfers; Linux gives programs none from here on by itself
MAX_NAME = 255  # bytes of one name in a path, as in every common file system

_CODES = {
    errno.ENOENT: tftp.NOT_FOUND,
    errno.ENOTDIR: tftp.NOT_FOUND,
    errno.ENAMETOOLONG: tftp.NOT_FOUND,
    errno.ENOSPC: tftp.DISK_FULL,
    errno.EDQUOT: tftp.DISK_FULL,
    errno.EFBIG: tftp.DISK_FULL,
    errno.EIO: tftp.UNDEFINED,
    errno.EMFILE: tftp.UNDEFINED,
}
_WORDS = {
    errno.ENOENT: "file not found",
    errno.ENOTDIR: "file not found",
    errno.EXDEV: "leads out of the root",
    errno.EISDIR: "is a folder",
    errno.ENODEV: "is no regular file",
}
_NO_ROOT = "TFTP is not configured: set [tftp] root or ethdev="


class TftpServer:
    def __init__(self, config: Config, output: GuestOutput, numbers: FlowNumbers) -> None:
        self.output = output
        self.max_size = config.tftp.max_size
        self._settings = config.tftp
        self.adopt(config.network)
        self._mtu = config.network.mtu
        self._numbers = numbers
        self._window = WINDOW
        self._transfers: dict[int, Transfer] = {}  # by our port; those that are over too
        self._by_number: dict[int, Transfer] = {}  # those that are not

    def adopt(self, network: Network) -> None:
        self._router = network.router.packed

    def __len__(self) -> int:
        """How many transfers run."""
        return len(self._by_number)

    def link_speed(self, megabits: int) -> None:
        """An NE2000 says that it is ready while its ring is full."""
        self._window = NE2000_SEGMENTS if megabits == NE2000_SPEED else WINDOW

    # ------------------------------------------------------------------ from the guest
    def owns(self, port: int) -> bool:
        """Whether a transfer has this port of the router's."""
        return port in self._transfers

    def request(self, guest: bytes, datagram: Udp, now: float) -> None:
        """What came to port 69."""
        request = tftp.decode(datagram.payload)
        end = (guest, datagram.source)
        if request.opcode not in (tftp.RRQ, tftp.WRQ):
            text = (
                f"{address_text(guest)}: {request} to port {PORT}, expected RRQ or WRQ (RFC 1350 4)"
            )
            self.output.notices.drop(rules.tftp.NO_REQUEST, text, now)
            return
        old = self._of(end)
        if old is not None and old.request == request and old.fresh and not old.over:
            old.again(now)
            return
        if old is not None:
            self.end(old, "begun again", now)
        if refusal := self._refusal(request):
            self._send_error(PORT, end, *refusal, now)
            self._log(end, request, f"refused ({refusal[1]})", now)
            return
        self._start(end, request, now)

    def from_guest(self, guest: bytes, datagram: Udp, now: float) -> None:
        """What came to a transfer's port."""
        end, port = (guest, datagram.source), datagram.destination
        packet = tftp.decode(datagram.payload)
        transfer = self._transfers[port]
        if transfer.guest != end:
            asked = end_text(transfer.guest)
            detail = f"{end_text(end)} > {port}: {packet}, expected from {asked}"
            detail += " (RFC 1350 4)"
            self.output.notices.drop(rules.tftp.UNKNOWN_TRANSFER, detail, now)
            if packet.opcode != tftp.ERROR:
                self._send_error(port, end, tftp.UNKNOWN_TRANSFER, "unknown transfer", now)
        elif packet.opcode != tftp.ERROR:
            transfer.from_guest(packet, now)
        elif not transfer.over:
            text = f"error {packet.block} {tftp.shown(packet.data)}".rstrip()
            self.end(transfer, f"ended by the guest ({text})", now)

    def _of(self, end: Address) -> Transfer | None:
        return next((t for t in self._transfers.values() if t.guest == end and not t.over), None)

    def _refusal(self, request: Packet) -> tuple[int, str] | None:
        if self._settings.root is None:
            return tftp.ACCESS_VIOLATION, _NO_ROOT
        if request.mode not in ("octet", "netascii"):
            return tftp.ILLEGAL, f"mode {request.mode}: only octet and netascii are known"
        if request.opcode == tftp.WRQ and not self._settings.write:
            return tftp.ACCESS_VIOLATION, "writing is off: set [tftp] write = true"
        if request.opcode == tftp.WRQ and tftp_options.announced(request) > self.max_size:
            return tftp.DISK_FULL, f"more than {self.max_size} bytes, see tftp.max_size"
        if len(self) >= MAX_TRANSFERS:
            return tftp.UNDEFINED, f"{MAX_TRANSFERS} transfers are running"
        path = path_of(request.name)
        if path is None:
            return tftp.ACCESS_VIOLATION, _WORDS[errno.EXDEV]
        if not path:
            return tftp.ACCESS_VIOLATION, _WORDS[errno.EISDIR]
        if any(len(name) > MAX_NAME for name in path):
            return tftp.NOT_FOUND, "the name is too long"
        if request.opcode == tftp.WRQ and not all(map(_is_plain, path)):
            return tftp.ACCESS_VIOLATION, "a new name has to be readable text without control codes"
        return None

    def _start(self, end: Address, request: Packet, now: float) -> None:
        port = self._free_port()
        kind = WriteTransfer if request.opcode == tftp.WRQ else ReadTransfer
        transfer = kind(self, self._numbers.next(), request, end, port, now)
        self._make_room()
        self._transfers[port] = self._by_number[transfer.number] = transfer
        path = path_of(request.name)
        assert path
        self.output.ask(FileOpen(transfer.number, path, request.opcode == tftp.WRQ))

    def _free_port(self) -> int:
        while self.owns(port := self.output.dice.randrange(FIRST_PORT, 65536)):
            pass
        return port

    def _make_room(self) -> None:
        if len(self._transfers) >= 2 * MAX_TRANSFERS:
            self.forget(next(t for t in self._transfers.values() if t.over))

    # ------------------------------------------------------------------ the host
    def from_host(
        self, event: FileOpened | FileData | FileWritten | FileFailed, now: float
    ) -> None:
        transfer = self._by_number.get(event.flow)
        if transfer is None:
            return  # it has ended meanwhile
        if isinstance(event, FileFailed):
            self._failed(transfer, event.errno, now)
        else:
            transfer.from_host(event, now)

    def _failed(self, transfer: Transfer, number: int, now: float) -> None:
        words = _WORDS.get(number) or reason(number)
        code = _CODES.get(number, tftp.ACCESS_VIOLATION)
        self._send_error(transfer.port, transfer.guest, code, words, now)
        verdict = "not found" if code == tftp.NOT_FOUND else "failed"
        self._end_quietly(transfer, now)
        where = f"{words} in {self._settings.root}"
        self._log(transfer.guest, transfer.request, f"{verdict} ({where})", now)

    # ------------------------------------------------------------------ what transfers need
    def send(self, transfer: Transfer, data: bytes, now: float) -> None:
        self._send(transfer.port, transfer.guest, data, now)

    def to_file(self, action: FileRead | FileWrite) -> None:
        self.output.ask(action)

    def agree(self, request: Packet, size: int) -> TransferOptions:
        return tftp_options.agree(request, size, self._mtu, self._window)

    def refuse(self, transfer: Transfer, code: int, text: str, now: float) -> None:
        self._send_error(transfer.port, transfer.guest, code, text, now)
        self.end(transfer, f"given up ({text})", now)

    def reset_guest(self, now: float) -> None:
        for transfer in list(self._transfers.values()):
            self.end(transfer, "the guest was reset", now)
            self.forget(transfer)

    def end(self, transfer: Transfer, what: str, now: float) -> None:
        if transfer.over:
            return
        took = f"{transfer.carried} bytes in {now - transfer.began:.3f} s"
        again = f", {transfer.repeated} packets repeated" if transfer.repeated else ""
        self._end_quietly(transfer, now)
        self._log(transfer.guest, transfer.request, f"{what}, {took}{again}", now)

    def _end_quietly(self, transfer: Transfer, now: float) -> None:
        transfer.finish()
        del self._by_number[transfer.number]
        self.output.ask(CloseFlow(transfer.number))
        self.output.timers.set(transfer, now + DALLY)

    def forget(self, transfer: Transfer) -> None:
        self.output.timers.set(transfer, None)
        del self._transfers[transfer.port]

    # ------------------------------------------------------------------ words and packets
    def _send_error(self, port: int, end: Address, code: int, text: str, now: float) -> None:
        self._send(port, end, tftp.error(code, text), now)

    def _send(self, port: int, end: Address, data: bytes, now: float) -> None:
        datagram = udp.encode(self._router, port, *end, data)
        self.output.send_packet(self._router, end[0], ip.UDP, datagram, now)

    def _log(self, end: Address, request: Packet, what: str, now: float) -> None:
        text = f'tftp {address_text(end[0])}: "{tftp.shown(request.name)}" {what}'
        self.output.notices.limited("tftp", text, now, rate=FLOW_RATE)


def _is_plain(name: bytes) -> bool:
    """Whether a terminal that lists the folder shows this name and nothing else."""
    try:
        return name.decode().isprintable()
    except UnicodeDecodeError:
        return False


def path_of(name: bytes) -> tuple[bytes, ...] | None:
    """The names on the way from the root; None if `..` leads out of it."""
    path: list[bytes] = []
    for part in name.replace(b"\\", b"/").split(b"/"):
        if part == b"..":
            if not path:
                return None
            path.pop()
        elif part not in (b"", b"."):
            path.append(part)
    return tuple(path)
