"""What a protocol towards the guest may use: the two ways out, the one timer queue, the log, dice.

Given to every protocol object at construction; `pynat.router.ip_output` is the one there is. All
that comes of an input goes out through it, at once: packets for the guest by `send_...`, what the
host is to do by `ask`. Both addresses of a packet have the same length, which says with what header
of IP it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

from pynat.log.notices import Notices
from pynat.nat.idle_timeout import WallTime
from pynat.nat.messages import Action
from pynat.nat.time_hold import TimeHold
from pynat.timers import Timers
from pynat.wire.addresses import Address
from pynat.wire.frame_run import FrameRun
from pynat.wire.icmp import Icmp


class GuestOutput(Protocol):
    notices: Notices
    timers: Timers
    dice: Random
    time_hold: TimeHold
    wall: WallTime
    ask: Callable[[Action], None]  # the host to do something, in the order of asking

    def send_packet(
        self,
        source: bytes,
        destination: bytes,
        protocol: int,
        payload: bytes,
        now: float,
    ) -> None:
        """Send one packet to the guest's network, resolving the destination first."""

    def send_whole(
        self, source: bytes, destination: bytes, protocol: int, payload: bytes, now: float
    ) -> None:
        """Send one packet like `send_packet`'s, which may not be fragmented."""

    def send_run(
        self, source: bytes, destination: bytes, protocol: int, run: FrameRun, now: float
    ) -> None:
        """Send the segments of the run in packets that may not be fragmented.

        There is nothing before its segments yet.
        """

    def send_datagrams(
        self, source: Address, destination: Address, payloads: list[bytes], now: float
    ) -> None:
        """Send UDP datagrams, each in a packet like `send_packet`'s."""

    def send_icmp(self, source: bytes, destination: bytes, message: Icmp, now: float) -> None:
        """Send one message, whose type is one of RFC 792, in a packet like `send_packet`'s."""

    def send_to_mac(self, mac: bytes, destination: bytes, protocol: int, payload: bytes) -> None:
        """Send one packet of the router's to a guest that ARP cannot find (RFC 2131 4.1)."""

    def send_error(
        self,
        kind: int,
        code: int,
        quote: bytes,
        now: float,
        *,
        sender: bytes | None = None,
        mtu: int = 0,
    ) -> None:
        """Send an ICMP error about the packet that `quote` begins, to its source.

        `sender` is the host or router that found out; None is our router.
        """

    @property
    def queued(self) -> int:
        """How many frames, or runs of them, wait for the end of the turn."""

    def comment(self, since: int, *lines: str) -> None:
        """Say something, in the capture, of what is queued since there were `since`."""
