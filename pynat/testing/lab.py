"""A whole network in virtual time: the router, a pretended host, and a guest that is a script.

    lab = Lab()
    lab.from_guest(frame)            # bytes, at lab.now
    lab.to_guest()                   # frames that came out, in order
    lab.to_host()                    # actions since the last call
    lab.from_host(TcpConnected(1))   # what the host says
    lab.wait(1.5)                    # virtual seconds pass, timers fire at their times

    lab = Lab(net=net)               # a network written in Python, and its script runs
    lab = Lab(program=program)       # only what such a network says to the router

The pretended kernel takes what it is offered, up to `lab.room` bytes (None: everything), and keeps
it in `lab.host_bytes[flow]`. Files below `tftp.root` are real ones.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random
from socket import inet_aton
from typing import TYPE_CHECKING

from pynat.config import Config
from pynat.host.files import Files
from pynat.log.notices import Level, Notices
from pynat.nat.host_backend import settle
from pynat.nat.messages import (
    PLENTY,
    Action,
    CloseFlow,
    Event,
    FileOpen,
    FileRead,
    FileWrite,
    TcpSend,
    TcpSent,
)
from pynat.router.assembly import NO_PROGRAM, Program, assemble
from pynat.wire import arp, ethernet
from pynat.wire.frame_run import frames_of

if TYPE_CHECKING:
    from pynat.net.net import Net
    from pynat.net.program import Script

GUEST_MAC = bytes.fromhex("525400123456")


class Lab:
    def __init__(
        self,
        config: Config | None = None,
        seed: int = 1,
        *,
        net: Net | None = None,
        program: Program | None = None,
        verbose: bool = False,
    ) -> None:
        self.config = config or (net.configured() if net else Config())
        self.now = 1.0
        self.log: list[str] = []
        self.room: int | None = None
        self.host_bytes: defaultdict[int, bytearray] = defaultdict(bytearray)
        notices = Notices(self._write, verbose=verbose)
        script = self._script(net, notices) if net else None
        said = program or (script.program if script else NO_PROGRAM)
        self.router = assemble(self.config, notices, Random(seed), said)
        for number, forward in enumerate(self.config.forwards):
            self.router.incoming.open(number, forward)
        self._events: list[Event] = []
        self.files = Files(self.config.tftp.root, self._emit)
        self._net = net
        self._program = script.run(self.router, seed) if script else None
        self._frames: list[bytes] = []
        self._actions: list[Action] = []

    @property
    def drops(self) -> dict[str, int]:
        return self.router.notices.dropped

    def next_timer(self) -> float | None:
        return self.router.next_timer()

    def from_guest(self, frame: bytes) -> None:
        for one in self._hooked(frame, from_guest=True):
            self.router.from_guest(one, self.now)
        self._turn()

    def from_host(self, event: Event) -> None:
        self.router.from_host(event, self.now)
        self._turn()

    def to_guest(self) -> list[bytes]:
        frames, self._frames = self._frames, []
        return frames

    def to_host(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (when := self._next_timer()) is not None and when <= end:
            self.now = max(self.now, when)
            self.router.on_timer(self.now)
            self._turn()
        self.now = end

    def turn(self) -> None:
        """What an engine does once it is woken."""
        self._turn()

    def _turn(self) -> None:
        if self._program is None:
            self._settle()
            self._frames += frames_of(self.router.to_guest(self.now))
            return
        self._program.run(self.now, self._settle)
        for frame in frames_of(self.router.to_guest(self.now)):
            self._frames += self._hooked(frame, from_guest=False)
        self._inject()

    def _settle(self) -> None:
        settle(self.router, (self.router.in_process, self), self.now)

    # ------------------------------------------------------------------ the pretended host
    def carry_out(self, actions: list[Action], now: float) -> list[Action]:
        self._actions += actions
        for action in actions:
            match action:
                case TcpSend():
                    self._events.append(self._send(action))
                case FileOpen() | FileRead() | FileWrite():
                    self.files.perform(action)
                case CloseFlow():
                    self.files.close(action.flow)
        return []

    def events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # ------------------------------------------------------------------ a network in Python
    def _script(self, net: Net, notices: Notices) -> Script:
        from pynat.net.program import Script

        return Script(net, self.config, notices, lambda: None)

    def _next_timer(self) -> float | None:
        mine = self.router.next_timer()
        other = self._program.next_timer() if self._program else None
        return min((when for when in (mine, other) if when is not None), default=None)

    def _hooked(self, frame: bytes, *, from_guest: bool) -> list[bytes]:
        if self._net is None:
            return [frame]
        notices = self.router.notices
        return self._net.frames.apply(frame, from_guest=from_guest, now=self.now, notices=notices)

    def _inject(self) -> None:
        assert self._net is not None
        self._frames += self._net.frames.pop_injected(to_guest=True)
        if frames := self._net.frames.pop_injected(to_guest=False):
            for frame in frames:
                self.router.from_guest(frame, self.now)
            self._turn()

    def _emit(self, event: Event) -> None:
        self._events.append(event)

    def _send(self, action: TcpSend) -> TcpSent:
        data = b"".join(action.chunks)
        if self.room is not None:
            data = data[: self.room]
            self.room -= len(data)
        self.host_bytes[action.flow] += data
        return TcpSent(action.flow, len(data), PLENTY if self.room is None else self.room)

    def _write(self, level: Level, text: str) -> None:
        self.log.append(f"{level.name.lower()} {text}")


def introduce(lab: Lab, address: str = "", mac: bytes = GUEST_MAC) -> None:
    """Let the router learn the guest's MAC as it would at the guest's first ARP request."""
    lab.from_guest(arp_request(lab, address or str(lab.config.network.guest), mac))
    lab.to_guest()


def arp_request(lab: Lab, address: str, mac: bytes) -> bytes:
    """The guest asks for the router; the router learns who asks."""
    router = lab.config.network.router.packed
    request = arp.Arp(arp.REQUEST, mac, inet_aton(address), bytes(6), router)
    return ethernet.encode(ethernet.BROADCAST, mac, ethernet.ARP, arp.encode(request))
