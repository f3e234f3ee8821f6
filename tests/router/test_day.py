"""A day of a guest that never rests, in virtual time: nothing grows, everything ends."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import count

from pynat.config import Config, Forward, Transport
from pynat.nat.messages import (
    Action,
    CloseFlow,
    EchoReply,
    EchoSend,
    UdpIncoming,
    UdpReceived,
    UdpSend,
)
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import introduce
from pynat.wire import arp, ethernet, icmp, ipv4, udp
from pynat.wire.arp import Arp
from pynat.wire.icmp import Icmp

DAY = 86_400  # seconds
STEP = 10  # seconds
REMOTE = bytes((192, 0, 2, 7))

GUEST = bytes((192, 168, 16, 2))
FOREVER_TOLD = 100  # kinds of lines that may come in floods: a bound on what notices keep


class Restless:
    """Made without scapy, which would take minutes for a day."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.mac = lab.config.network.mac
        self.ident = count()
        self.opened: set[int] = set()
        self.closed: set[int] = set()

    def send(self, protocol: int, payload: bytes, to: bytes = REMOTE) -> None:
        ident = next(self.ident) & 0xFFFF
        self._put(ipv4.encode(GUEST, to, protocol, payload, ident=ident))

    def send_in_pieces(self, payload: bytes, *, lose_last: bool) -> None:
        ident = next(self.ident) & 0xFFFF
        pieces = list(ipv4.fragments(GUEST, REMOTE, ipv4.UDP, payload, ident=ident, mtu=576))
        for piece in pieces[:-1] if lose_last else pieces:
            self._put(piece)

    def announce(self, address: bytes) -> None:
        packet = arp.encode(Arp(arp.REQUEST, GUEST_MAC, address, bytes(6), address))
        self.lab.from_guest(ethernet.encode(b"\xff" * 6, GUEST_MAC, ethernet.ARP, packet))

    def host_answers(self) -> None:
        for action in self.lab.to_host():
            self._note(action)
            match action:
                case UdpSend():
                    self.lab.from_host(UdpReceived(action.flow, action.to, b"answer"))
                case EchoSend():
                    self.lab.from_host(
                        EchoReply(action.flow, action.to, 0, action.sequence, action.payload)
                    )

    def _note(self, action: Action) -> None:
        if isinstance(action, CloseFlow):
            self.closed.add(action.flow)
        elif isinstance(action, UdpSend | EchoSend):
            self.opened.add(action.flow)

    def _put(self, packet: bytes) -> None:
        self.lab.from_guest(ethernet.encode(self.mac, GUEST_MAC, ethernet.IPV4, packet))


def sizes(lab: Lab) -> dict[str, int]:
    router = lab.router
    timers = router.output.timers
    return {
        "udp flows": len(router.udp),
        "peers of forwards": len(router.udp._inbound),
        "pings": len(router.echo),
        "datagrams in pieces": len(router.reassembly),
        "bytes in pieces": router.reassembly.cost,
        "neighbors": len(router.output.neighbors),
        "timers": len(timers),
        "timers queued": len(timers._heap),
        "kinds of lines": len(router.notices._buckets),
        "kinds of drops": len(router.notices.drops),
        "holds": len(router.output.time_hold._owed | router.output.time_hold._carried),
    }


def test_a_day_of_churn_leaves_nothing_behind() -> None:
    forward = Forward(Transport.UDP, IPv4Address("127.0.0.1"), 5353, None, 53)
    lab = Lab(Config(forwards=(forward,)))
    introduce(lab)
    guest = Restless(lab)
    most: dict[str, int] = {}
    after_an_hour: dict[str, int] = {}
    for step in range(DAY // STEP):
        port = 1024 + step % 60_000
        guest.send(ipv4.UDP, udp.encode(GUEST, port, REMOTE, 9, b"question"))
        guest.send(ipv4.UDP, udp.encode(GUEST, port + 1, REMOTE, 53, b"name?"))
        guest.send(ipv4.ICMP, icmp.encode(Icmp(icmp.ECHO_REQUEST, 0, step & 0xFFFF, 1, b"")))
        for lose_last in (False, True):
            datagram = udp.encode(GUEST, port + 2, REMOTE, 9, bytes(1400))
            guest.send_in_pieces(datagram, lose_last=lose_last)
        guest.announce(bytes((192, 168, 16, 2 + step % 200)))
        lab.from_host(UdpIncoming(0, (bytes((127, 0, 0, 1)), port), b"through a forward"))
        guest.host_answers()
        lab.wait(STEP)
        lab.to_guest()
        lab.log.clear()
        for name, size in sizes(lab).items():
            most[name] = max(most.get(name, 0), size)
        if step == 3600 // STEP:
            after_an_hour = dict(most)
    bounded = {name: round(size * 1.5) for name, size in after_an_hour.items()}
    assert {name: size for name, size in most.items() if size > bounded[name]} == {}
    assert lab.drops["ipv4 fragments timed out"] >= DAY // STEP - 4
    lab.wait(Config().udp.idle + 1)
    guest.host_answers()
    assert guest.opened == guest.closed
    left = sizes(lab)
    assert left.pop("kinds of lines") <= FOREVER_TOLD
    assert left.pop("kinds of drops") <= FOREVER_TOLD
    assert left.pop("neighbors") <= 201
    assert set(left.values()) == {0}, left


def test_identifications_that_wrap_do_not_mix_datagrams() -> None:
    """The guest's 16 bits come round while a datagram with the same number is incomplete."""
    lab = Lab()
    introduce(lab)
    guest = Restless(lab)
    guest.send_in_pieces(udp.encode(GUEST, 5, REMOTE, 9, b"1" * 1400), lose_last=True)
    for _ in range(0xFFFF):  # faster than 30 s, as a guest at full speed is
        next(guest.ident)
    guest.send_in_pieces(udp.encode(GUEST, 5, REMOTE, 9, b"2" * 1400), lose_last=False)
    assert lab.to_host() == []  # never a mixture
    assert "ipv4 fragment overlap" in lab.drops
    lab.wait(31)
    guest.send_in_pieces(udp.encode(GUEST, 5, REMOTE, 9, b"3" * 1400), lose_last=False)
    (sent,) = lab.to_host()
    assert isinstance(sent, UdpSend)
    assert sent.payload == b"3" * 1400


def test_a_hold_ends_though_nothing_answers_for_a_day() -> None:
    lab = Lab()
    introduce(lab)
    guest = Restless(lab)
    for step in range(100):
        guest.send(ipv4.UDP, udp.encode(GUEST, 2000 + step, REMOTE, 9, b"nobody"))
    lab.wait(DAY)
    assert lab.router.hold_until(lab.now) <= lab.now
    assert sizes(lab)["holds"] == 0
