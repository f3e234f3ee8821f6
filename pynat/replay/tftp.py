"""Transfers that somebody else carries, of whom only the wire is seen (as in pynat.replay.tcp).

A transfer's port is the one from which its request was answered. What the guest sends there is
judged as always; no file is opened and nothing is sent.
"""

from __future__ import annotations

from pynat.config import Config
from pynat.nat.flow_numbers import FlowNumbers
from pynat.nat.guest_output import GuestOutput
from pynat.nat.messages import Event
from pynat.services.tftp import MAX_TRANSFERS, PORT, TftpServer
from pynat.services.tftp_transfer import Transfer
from pynat.wire.addresses import Address
from pynat.wire.tftp import Packet


class _Seen(Transfer):
    fresh = False

    def from_guest(self, packet: Packet, now: float) -> None: ...
    def from_host(self, event: Event, now: float) -> None: ...
    def again(self, now: float) -> None: ...


class SeenTftp(TftpServer):
    def __init__(self, config: Config, output: GuestOutput, numbers: FlowNumbers) -> None:
        super().__init__(config, output, numbers)
        self._asked: dict[Address, Packet] = {}

    def seen(self, guest: Address, port: int, now: float) -> None:
        """Something came to the guest from this port of the router's."""
        request = self._asked.get(guest)
        if request is None or port == PORT or self.owns(port):
            return
        while len(self._transfers) >= MAX_TRANSFERS:
            oldest = next(iter(self._transfers.values()))
            self._by_number.pop(oldest.number, None)
            self.forget(oldest)
        transfer = _Seen(self, self._numbers.next(), request, guest, port, now)
        self._transfers[port] = self._by_number[transfer.number] = transfer

    def _refusal(self, request: Packet) -> tuple[int, str] | None:
        return None

    def _start(self, end: Address, request: Packet, now: float) -> None:
        if len(self._asked) >= MAX_TRANSFERS:
            del self._asked[next(iter(self._asked))]
        self._asked[end] = request
