"""Every state meets every event: random segments and host events, several to a turn.

Nothing raises, nothing is asked of a host socket after its end, every socket is closed in the end,
and no flow, timer or hold is left.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from pynat.config import Config, Transport
from pynat.config import Forward as Rule
from pynat.log.notices import Notices
from pynat.nat.host_backend import settle
from pynat.nat.messages import (
    Action,
    CloseFlow,
    Event,
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
from pynat.nat.tcp.state import State
from pynat.router.assembly import assemble
from pynat.testing.lab import GUEST_MAC
from pynat.wire import arp, ethernet, ipv4, tcp
from pynat.wire.frame_run import frames_of
from tests.fuzzing import SEED, seeds

CONFIG = Config()
GUEST = CONFIG.network.guest.packed
ROUTER = CONFIG.network.router.packed
REMOTE = bytes((192, 0, 2, 7))
RULE = Rule(Transport.TCP, CONFIG.network.router, 8080, None, 40_001)
GOES_ON = [0x10, 0x10, 0x10, 0x10, 0x18, 0x18, 0x18, 0x18, 0x11, 0x11]
FLAGS = [0x02, 0x10, 0x10, 0x10, 0x18, 0x11, 0x14, 0x04, 0x12, 0x00, 0x29, 0x3F]


class World:
    """A guest that says anything, and a host whose kernel and programs do anything."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.router = assemble(Config(forwards=(RULE,)), Notices(lambda *_: None), Random(seed))
        self.router.incoming.open(0, RULE)
        self.now = 1.0
        self.open: set[int] = set()
        self.stalled: set[int] = set()
        self.allowed: dict[int, int] = {}
        self.known = [self.dice.getrandbits(32) for _ in range(2)]  # numbers worth saying again
        self.right: dict[tuple[int, int], tuple[int, int]] = {}  # by ports: what goes on
        self.met = Counter[str]()  # events of the host, and states of flows
        self.tokens = 0
        self.said: list[Event] = []  # of the kernel, within a turn
        packet = arp.Arp(arp.REQUEST, GUEST_MAC, GUEST, bytes(6), ROUTER)
        self.frame(ethernet.ARP, arp.encode(packet))

    def frame(self, kind: int, payload: bytes) -> None:
        data = ethernet.encode(CONFIG.network.mac, GUEST_MAC, kind, payload)
        self.router.from_guest(data, self.now)

    def segment(self) -> None:
        dice = self.dice
        port = dice.choice([80, 80, 5555, 53])
        ports = dice.choice([40_000, 40_001]), port
        if self.right and dice.random() < 0.5:
            ports = [*self.right][-1]  # somebody has just said something there
        remote = REMOTE if ports[1] == 80 else ROUTER
        if ports in self.right and dice.random() < 0.8:
            (seq, ack), flags = self.right[ports], dice.choice(GOES_ON)
        else:
            seq, ack = (
                (dice.choice(self.known) + dice.choice([0, 0, 1, 1, -1, 100, 70_000])) % 2**32
                for _ in range(2)
            )
            flags = dice.choice(FLAGS)
        window = dice.choice([0, 1, 1000, 65_535, 65_535])
        said = tcp.Segment(
            *ports, seq, ack, flags, window, bytes(dice.choice([0, 0, 1, 100, 1460]))
        )
        payload = tcp.encode(GUEST, remote, said)
        self.frame(ethernet.IPV4, ipv4.encode(GUEST, remote, ipv4.TCP, payload))
        self.known = [*self.known[-20:], seq, (seq + said.length) % 2**32]

    def host_event(self) -> None:
        dice = self.dice
        if not self.open or dice.random() < 0.05:
            self.tokens += 1
            self.hear(TcpIncoming(0, self.tokens, (ROUTER, 5555)))
            return
        flow = dice.choice(sorted(self.open))
        match dice.randrange(6):
            case 0:
                self.hear(TcpConnected(flow))
            case 1 | 2 if self.allowed.get(flow, 0) >= 5000:
                self.allowed[flow] -= 5000
                self.hear(TcpReceived(flow, bytes(5000)))
            case 3 if self.allowed.get(flow) and dice.random() < 0.4:
                self.allowed[flow] = 0
                self.hear(TcpEof(flow))
            case 4 if flow in self.stalled:
                self.stalled.discard(flow)
                self.hear(TcpWritable(flow))
            case 5 if dice.random() < 0.1:
                self.open.discard(flow)
                self.hear(TcpFailed(flow, 104))

    def hear(self, event: Event) -> None:
        self.met[type(event).__name__] += 1
        self.router.from_host(event, self.now)

    def turn(self) -> None:
        settle(self.router, (self.router.in_process, self), self.now)
        for frame in frames_of(self.router.to_guest(self.now)):
            if frame[12:14] == b"\x08\x00":
                said = tcp.decode(ipv4.decode(memoryview(frame)[14:]))
                self.known += [said.seq, said.ack]
                if said.flags & tcp.ACK:
                    ends, arrives = (said.destination, said.source), self.dice.random() < 0.8
                    length = said.length if arrives else 0
                    self.right.pop(ends, None)
                    self.right[ends] = said.ack, (said.seq + length) % 2**32
        self.met.update(flow.state.name for flow in self.router.tcp.flows())

    def carry_out(self, actions: list[Action], now: float) -> list[Action]:
        for action in actions:
            self.perform(action)
        return []

    def events(self) -> list[Event]:
        said, self.said = self.said, []
        self.met.update(type(event).__name__ for event in said)
        return said

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
                    self.said.append(TcpSent(flow, taken))
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


def test_anything_may_happen_and_everything_ends() -> None:
    met = Counter[str]()
    for seed in seeds(100):
        met += lived(seed)
    events = (TcpConnected, TcpEof, TcpFailed, TcpIncoming, TcpReceived, TcpSent, TcpWritable)
    wanted = {event.__name__ for event in events} | {state.name for state in State}
    assert SEED or {name for name in wanted if met[name] < 50} == {"CLOSED"}


def lived(seed: int) -> Counter[str]:
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
    return world.met
