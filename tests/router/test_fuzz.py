"""No bytes into the router ever raise, and what comes out is always right.

Valid frames of every kind are changed, cut, lengthened and sent in any order, with their checksums
mended so that the changes get past them. The host answers with errors that quote anything.
"""

from __future__ import annotations

import errno
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import (
    ICMP,
    IP,
    TCP,
    UDP,
    IPOption_LSRR,
    IPOption_RR,
    IPOption_Timestamp,
)
from scapy.layers.l2 import ARP, Ether

from pynat.config import Broadcast, Config, Udp
from pynat.nat.messages import (
    Action,
    EchoDenied,
    EchoReply,
    EchoSend,
    Event,
    SocketError,
    UdpReceived,
    UdpSend,
)
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import introduce
from tests.frames import GUEST, ROUTER, ether, ip, mended, ping, udp
from tests.fuzzing import seeded
from tests.router.test_reassembly import cut

REMOTE = "192.0.2.7"
EVERYBODY = "255.255.255.255"
BOTH = [ROUTER, REMOTE]
MAC = GUEST_MAC.hex(":")


def arp(**fields: object) -> bytes:
    return bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MAC, **fields))


def dhcp(kind: str) -> bytes:
    options = [("message-type", kind), ("requested_addr", GUEST), ("hostname", b"a"), "end"]
    header = ether() / IP(src="0.0.0.0", dst=EVERYBODY) / UDP(sport=68, dport=67)
    return bytes(header / BOOTP(chaddr=GUEST_MAC) / DHCP(options=options))


VALID = [
    arp(op=1, psrc=GUEST, pdst=ROUTER),
    arp(op=2, psrc=GUEST, pdst=ROUTER),
    arp(op=1, psrc="0.0.0.0", pdst=ROUTER),
    arp(op=1, psrc=ROUTER, pdst=ROUTER),
    ping(ROUTER),
    ping(REMOTE, b"x" * 100, ttl=3),
    ping(REMOTE, options=[IPOption_RR(length=11, routers=["0.0.0.0", "0.0.0.0"])]),
    udp(REMOTE, 9, b"payload", options=[IPOption_Timestamp()]),
    udp(REMOTE, 9, b"payload", options=[IPOption_LSRR(routers=["192.0.2.1"])]),
    udp(REMOTE, 9, b"payload", flags="DF"),
    udp(REMOTE, 9, b"payload", ttl=1),
    udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname="gateway.internal")))),
    udp(ROUTER, 69, b"\0\1file\0octet\0"),
    udp(EVERYBODY, 9, b"payload"),
    udp("239.1.2.3", 9, b"payload"),
    dhcp("discover"),
    dhcp("request"),
    bytes(ip(REMOTE) / TCP(sport=1, dport=80, flags="S", options=[("MSS", 1460)])),
    bytes(ip(REMOTE) / TCP(sport=1, dport=80, flags="PA") / b"data"),
    bytes(ip(REMOTE) / ICMP(type=3, code=3) / IP(src=GUEST, dst=REMOTE) / UDP()),
    bytes(ip(REMOTE, proto=132) / bytes(20)),
    *cut(udp(REMOTE, 9, bytes(range(256)) * 4, id=1), 256),
    *cut(ping(ROUTER, bytes(range(256)) * 4, id=2), 256),
]


def changed(frame: bytes, dice: random.Random) -> bytes:
    data = bytearray(frame)
    for _ in range(dice.randrange(4)):
        data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    match dice.randrange(6):
        case 0:
            del data[dice.randrange(len(data)) :]
        case 1:
            data += dice.randbytes(dice.randrange(40))
    return mended(bytes(data)) if dice.randrange(4) else bytes(data)


def test_mending_leaves_a_right_frame_as_it_is() -> None:
    for frame in VALID:
        if not Ether(frame).haslayer(IPOption_LSRR):  # its checksum has the end of the route
            assert mended(frame) == frame


def verify(lab: Lab) -> int:
    """Whatever was sent, what came out has right checksums and fits the MTU; how many it were."""
    frames = lab.to_guest()
    for frame in frames:
        assert mended(frame) == frame
        assert len(frame) <= 14 + lab.config.network.mtu
    return len(frames)


def host_event(action: Action, dice: random.Random) -> Event | None:
    """What a host might say, about a datagram of which it knows little."""
    known = dice.randbytes(dice.randrange(30))
    told = dice.choice([None, (3, dice.randrange(16)), (11, dice.randrange(2)), (12, 0)])
    offender = dice.randbytes(4) if told else None
    number = dice.choice([*errno.errorcode])
    choices: list[Event] = []
    match action:
        case UdpSend():
            known = dice.choice([known, action.payload, action.payload[:8]])
            choices = [
                UdpReceived(action.flow, (dice.randbytes(4), 9), dice.randbytes(3000)),
                SocketError(action.flow, number, action.to, known, told, offender, 1280),
                SocketError(action.flow, number, None, known, told, offender),
            ]
        case EchoSend():
            choices = [
                EchoReply(action.flow, action.to, 1, action.sequence, dice.randbytes(3000)),
                EchoDenied(action.flow, "not here"),
                SocketError(action.flow, number, (action.to, 0), known, told, offender),
            ]
    return dice.choice(choices) if choices else None


CONFIGS = [Config(), Config(udp=Udp(flows=3, broadcast=Broadcast.FORWARD))]


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**32), st.sampled_from(CONFIGS))
def test_changed_frames_of_every_kind_in_any_order(seed: int, config: Config) -> None:
    dice = random.Random(seed)
    lab = Lab(config)
    introduce(lab)
    for _ in range(60):
        lab.from_guest(changed(dice.choice(VALID), dice))
        for action in lab.to_host():
            event = host_event(action, dice)
            if event is not None and dice.randrange(2):
                lab.from_host(event)
        if not dice.randrange(10):
            lab.wait(dice.choice((0.1, 5, 40)))
        verify(lab)
    lab.wait(2 * 3600)
    verify(lab)
    assert (len(lab.router.udp), len(lab.router.echo)) == (0, 0)
    assert (len(lab.router.reassembly), lab.router.reassembly.cost) == (0, 0)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.sampled_from([1, 1, 6, 6, 17, 99]), st.sampled_from(BOTH))
def test_any_payload_of_any_protocol(data: bytes, protocol: int, to: str) -> None:
    """It is carried, answered or dropped under a reason; what an echo reply is for others know."""
    lab = Lab()
    introduce(lab)
    lab.from_guest(mended(bytes(ip(to, proto=protocol) / data)))
    is_reply = protocol == 1 and data[:1] == b"\0"
    assert is_reply + verify(lab) + len(lab.to_host()) + sum(lab.drops.values())


@pytest.mark.parametrize("frame", VALID, ids=range(len(VALID)))
def test_every_cut_of_every_kind(frame: bytes) -> None:
    lab = Lab()
    introduce(lab)
    for length in range(len(frame)):
        lab.from_guest(frame[:length])
        assert sum(lab.drops.values()) == length + 1
    lab.wait(60)
    assert (lab.to_guest(), lab.to_host()) == ([], [])


def fragment(dice: random.Random) -> bytes:
    """Mostly one that fits some others."""
    offset = dice.randrange(6) if dice.randrange(10) else dice.randrange(8192)
    data = bytes(8 * dice.randint(1, 2) if dice.randrange(10) else dice.randrange(64))
    flags = "MF" if dice.randrange(4) else 0
    protocol, ident = dice.choice([1, 6, 17, 99]), dice.randrange(3)
    return bytes(ip(REMOTE, proto=protocol, id=ident, frag=offset, flags=flags) / data)


def test_fragments_of_any_place_and_size() -> None:
    dice = seeded(1)
    fragments = [fragment(dice) for _ in range(500)]
    dropped = Counter[str]()
    for _ in range(100):
        lab = Lab()
        introduce(lab)
        for frame in dice.choices(fragments, k=100):
            lab.from_guest(frame)
        lab.wait(60)
        assert (len(lab.router.reassembly), lab.router.reassembly.cost) == (0, 0)
        verify(lab)
        dropped.update(lab.drops)
    whole = ("ipv4 protocol", "tcp length", "udp length", "icmp checksum")
    apart = [f"ipv4 fragment {what}" for what in ("length", "overlap", "of a refused datagram")]
    assert min(dropped[reason] for reason in (*whole, *apart)) > 50
