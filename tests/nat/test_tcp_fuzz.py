"""Every state meets every event: random segments and host events, several to a turn.

Nothing raises, nothing is asked of a host socket after its end, every socket is closed in the end,
and no flow, timer or hold is left.
"""

from __future__ import annotations

from random import Random

import pytest

from pynat.config import Config, Protocol
from pynat.config import Forward as Rule
from pynat.nat.messages import (
    Action,
    CloseFlow,
    TcpAdopt,
    TcpConnect,
    TcpConnected,
    TcpEof,
    TcpFailed,
    TcpIncoming,
    TcpRead,
    TcpReceived,
    TcpSend,
    TcpSent,
    TcpWritable,
)
from pynat.notices import Notices
from pynat.router.router import Router
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet, ipv4, tcp

CONFIG = Config()
GUEST = CONFIG.network.guest.packed
ROUTER = CONFIG.network.router.packed
REMOTE = bytes((192, 0, 2, 7))
RULE = Rule(Protocol.TCP, CONFIG.network.router, 8080, None, 40_001)
FLAGS = [0x02, 0x10, 0x10, 0x10, 0x18, 0x11, 0x14, 0x04, 0x12, 0x00, 0x29, 0x3F]


class World:
    """A guest that says anything, and a host whose kernel and programs do anything."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.router = Router(Config(forwards=(RULE,)), Notices(lambda *_: None), Random(seed))
        self.now = 1.0
        self.open: set[int] = set()
        self.stalled: set[int] = set()
        self.allowed: dict[int, int] = {}
        self.known = [self.dice.getrandbits(32) for _ in range(2)]  # numbers worth saying again
        self.tokens = 0
        packet = arp.Arp(arp.REQUEST, GUEST_MAC, GUEST, bytes(6), ROUTER)
        self.frame(ethernet.ARP, arp.encode(packet))

    def frame(self, kind: int, payload: bytes) -> None:
        data = ethernet.encode(CONFIG.network.mac, GUEST_MAC, kind, payload)
        self.router.from_guest(data, self.now)

    def segment(self) -> None:
        dice = self.dice
        remote, port = dice.choice([(REMOTE, 80), (REMOTE, 80), (ROUTER, 5555), (ROUTER, 53)])
        seq, ack = (
            (dice.choice(self.known) + dice.choice([0, 0, 1, 1, -1, 100, 70_000])) % 2**32
            for _ in range(2)
        )
        said = tcp.Segment(
            dice.choice([40_000, 40_001]),
            port,
            seq,
            ack,
            dice.choice(FLAGS),
            dice.choice([0, 1, 1000, 65_535]),
            bytes(dice.choice([0, 0, 1, 100, 1460])),
        )
        payload = tcp.encode(GUEST, remote, said)
        self.frame(ethernet.IPV4, ipv4.encode(GUEST, remote, ipv4.TCP, payload))
        self.known = [*self.known[-20:], seq, (seq + said.length) % 2**32]

    def host_event(self) -> None:
        dice = self.dice
        if not self.open or dice.random() < 0.05:
            self.tokens += 1
            self.router.from_host(TcpIncoming(0, self.tokens, (ROUTER, 5555)), self.now)
            return
        flow = dice.choice(sorted(self.open))
        match dice.randrange(6):
            case 0:
                self.router.from_host(TcpConnected(flow), self.now)
            case 1 if self.allowed.get(flow, 0) >= 5000:
                self.allowed[flow] -= 5000
                self.router.from_host(TcpReceived(flow, bytes(5000)), self.now)
            case 2 if self.allowed.get(flow):
                self.allowed[flow] = 0
                self.router.from_host(TcpEof(flow), self.now)
            case 3 if flow in self.stalled:
                self.stalled.discard(flow)
                self.router.from_host(TcpWritable(flow), self.now)
            case 4 if dice.random() < 0.2:
                self.open.discard(flow)
                self.router.from_host(TcpFailed(flow, 104), self.now)

    def turn(self) -> None:
        while actions := self.router.to_host(self.now):
            for action in actions:
                self.perform(action)
        for frame in self.router.to_guest(self.now):
            if frame[12:14] == b"\x08\x00":
                said = tcp.decode(ipv4.decode(memoryview(frame)[14:]))
                self.known += [said.seq, said.ack]

    def perform(self, action: Action) -> None:
        match action:
            case TcpConnect(flow) | TcpAdopt(_, flow):
                assert flow not in self.open
                self.open.add(flow)
            case TcpSend(flow, chunks):
                offered = sum(map(len, chunks))
                assert offered
                taken = offered if self.dice.random() < 0.7 else self.dice.randrange(offered)
                if taken < offered:
                    self.stalled.add(flow)
                if flow in self.open:  # else TcpFailed is what it hears
                    self.router.from_host(TcpSent(flow, taken), self.now)
            case TcpRead(flow, limit):
                self.allowed[flow] = limit
            case CloseFlow(flow):
                self.open.discard(flow)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (when := self.router.next_timer()) is not None and when <= end:
            self.now = max(self.now, when)
            self.router.on_timer(self.now)
            self.turn()
        self.now = end


@pytest.mark.parametrize("seed", range(40))
def test_anything_may_happen_and_everything_ends(seed: int) -> None:
    world = World(seed)
    for _ in range(150):
        for _ in range(world.dice.randrange(1, 6)):
            world.segment() if world.dice.random() < 0.6 else world.host_event()
        world.turn()
        world.wait(world.dice.choice([0, 0, 0, 0.01, 0.5, 5]))
    world.wait(3000)
    router = world.router
    assert len(router.tcp) == 0, f"seed {seed}"
    assert world.open == set(), f"seed {seed}"
    assert router.next_timer() is None, f"seed {seed}"
    assert router.hold_until(world.now) <= world.now, f"seed {seed}"
