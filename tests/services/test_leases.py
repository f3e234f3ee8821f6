"""Several clients in any order: no address is ever live for two of them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from pynat.config import Config, Dhcp, Network
from pynat.log.notices import Notices
from pynat.services.dhcp import DhcpServer
from pynat.services.leases import State
from pynat.wire import dhcp

NET = IPv4Network("10.0.0.0/29")  # six hosts: the router, and five for up to six clients
SERVER = NET[1].packed
LEASE = 100.0

clients = st.integers(1, 6).map(lambda n: b"\x52\x54\0\0\0" + bytes((n,)))
idents = st.sampled_from([b"", b"\0a", b"\0b"])
addresses = st.integers(0, 9).map(lambda n: (NET.network_address + n).packed)


class Guests(RuleBasedStateMachine):
    offers = Bundle("offers")

    def __init__(self) -> None:
        super().__init__()
        config = Config(
            network=Network(net=NET, router=NET[1], guest=NET[2], dns=NET[1]),
            dhcp=Dhcp(lease=LEASE),
        )
        self.server = DhcpServer(config, Notices(lambda level, text: None))
        self.now = 0.0
        self.live: dict[bytes, tuple[bytes, float]] = {}  # address: who was told until when

    def send(
        self, mac: bytes, options: dict[int, bytes], ciaddr: bytes = dhcp.ZERO
    ) -> dhcp.Message | None:
        message = dhcp.Message(dhcp.REQUEST, 1, mac, ciaddr=ciaddr, options=options)
        reply = self.server.from_guest(dhcp.encode(message)[0], self.now)
        if reply is None:
            return None
        answer = dhcp.decode(reply.payload)
        if answer.kind == dhcp.ACK and answer.yiaddr != dhcp.ZERO:
            self.was_given(mac, answer.yiaddr, LEASE)
        return answer

    def was_given(self, mac: bytes, address: bytes, time: float) -> None:
        assert IPv4Address(address) in NET
        assert address not in (SERVER, NET[0].packed, NET[-1].packed)
        owner, until = self.live.get(address, (mac, 0.0))
        assert owner == mac or until <= self.now, "the address of another live client"
        self.live = {a: lease for a, lease in self.live.items() if lease[0] != mac}
        self.live[address] = (mac, self.now + time)

    @rule(target=offers, mac=clients, ident=idents, wanted=st.none() | addresses)
    def discover(self, mac: bytes, ident: bytes, wanted: bytes | None) -> object:
        options = {dhcp.KIND: b"\1"}
        if wanted:
            options[dhcp.WANTED] = wanted
        if ident:
            options[dhcp.CLIENT] = ident
        answer = self.send(mac, options)
        if answer is None:
            return multiple()
        owner, until = self.live.get(answer.yiaddr, (mac, 0.0))
        assert owner == mac or until <= self.now
        return mac, ident, answer.yiaddr

    @rule(offer=offers, ours=st.booleans())
    def take(self, offer: tuple[bytes, bytes, bytes], ours: bool) -> None:
        mac, ident, address = offer
        server = SERVER if ours else bytes(4)
        options = {dhcp.KIND: b"\3", dhcp.WANTED: address, dhcp.SERVER: server}
        if ident:
            options[dhcp.CLIENT] = ident
        answer = self.send(mac, options)
        assert (answer is not None) == ours

    @rule(mac=clients, address=addresses, renewing=st.booleans())
    def ask_out_of_the_blue(self, mac: bytes, address: bytes, renewing: bool) -> None:
        if renewing:
            answer = self.send(mac, {dhcp.KIND: b"\3"}, ciaddr=address)
        else:
            answer = self.send(mac, {dhcp.KIND: b"\3", dhcp.WANTED: address})
        assert answer is not None
        assert answer.kind in (dhcp.ACK, dhcp.NAK)

    @rule(mac=clients)
    def bootp(self, mac: bytes) -> None:
        message = dhcp.Message(dhcp.REQUEST, 1, mac)
        reply = self.server.from_guest(dhcp.encode(message)[0], self.now)
        if reply is not None:
            self.was_given(mac, dhcp.decode(reply.payload).yiaddr, float("inf"))

    @rule(mac=clients, address=addresses)
    def release(self, mac: bytes, address: bytes) -> None:
        assert self.send(mac, {dhcp.KIND: b"\7"}, ciaddr=address) is None
        self.gone(mac, address)

    @rule(mac=clients, address=addresses)
    def decline(self, mac: bytes, address: bytes) -> None:
        assert self.send(mac, {dhcp.KIND: b"\4", dhcp.WANTED: address}) is None
        self.gone(mac, address)

    def gone(self, mac: bytes, address: bytes) -> None:
        if self.live.get(address, (b"",))[0] == mac:
            del self.live[address]

    @rule(seconds=st.sampled_from([1.0, 61.0, 101.0, 601.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_table_agrees(self) -> None:
        bound = {
            (lease.address, lease.mac)
            for lease in self.server.leases.values()
            if lease.state is State.BOUND and lease.live(self.now)
        }
        told = {(a, mac) for a, (mac, until) in self.live.items() if self.now < until}
        assert bound == told


Guests.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestGuests = Guests.TestCase
