"""Peers that misbehave (pynat.faulty_host, docs/peers.md): services of the hosts within the
process.

    Ways ---Inner---> TcpTable ---parameters---> Flow ---items---> segments.py ---> guest
                          | TcpConnect ...
                          +---> InnerHosts ---Connection---> peer_stream.py

What a peer does as a program is its service's. What its TCP does is a matter of its flows'
parameters, and what is wrong with single segments is done to those that leave, between the flow and
the guest: the flow itself stays an ordinary one, which repairs what is spoilt. Datagrams are
answered at once, or after a time. Nobody else knows that a peer can misbehave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from pynat import rules
from pynat.config import Config, IpAddress
from pynat.faults.active import LateReply
from pynat.faults.segments import LazyAcks, SegmentMangler
from pynat.faults.servers import answer, service_at
from pynat.faults.stream import FaultyStream
from pynat.faulty_host import PROPER, FaultyHost, Mangling
from pynat.inprocess.connection import Connection
from pynat.inprocess.hosts import ReceivedDatagram, Services
from pynat.log.notices import FLOW_RATE
from pynat.nat.guest_output import GuestOutput
from pynat.nat.messages import Destination, GuestDatagram, InProcessAddress
from pynat.nat.tcp.acks import Acks
from pynat.nat.tcp.parameters import Parameters
from pynat.wire.addresses import Address, FourTuple, end_text

MAX_LATE = 256  # datagrams that wait for their time


class Destinations(Protocol):
    """Where addresses lead."""

    def serve(self, at: Address) -> None: ...
    def withdraw(self, at: Address) -> None: ...


class FaultyHosts:
    def __init__(
        self,
        config: Config,
        outlet: GuestOutput,
        ways: Destinations,
        name: Callable[[str, IpAddress], None],
    ) -> None:
        """name: has the DNS know one more; those of the configuration it knows."""
        self.services = Services()
        self._tcp = config.tcp
        self._outlet = outlet
        self._ways = ways
        self._name = name
        self._peers: dict[Address, FaultyHost] = {}
        self._parameters: dict[Address, Parameters] = {}
        self._late = 0  # answers that wait for their time
        for peer in config.peers:
            self._serve(peer)

    def __iter__(self) -> Iterator[FaultyHost]:
        return iter(self._peers.values())

    def set(self, peer: FaultyHost) -> None:
        """In the place of what the host did; connections that are open go on as they were."""
        self._serve(peer)
        if peer.name:
            self._name(peer.name, peer.address)

    def _serve(self, peer: FaultyHost) -> None:
        at = (peer.address.packed, peer.port)
        self._peers[at] = peer
        self._parameters[at] = self._parameters_of(peer)
        self.services.tcp[at] = lambda connection, now: self._connected(peer, connection, now)
        self.services.udp[at] = lambda datagram: self._asked(peer, datagram)
        self._ways.serve(at)

    def remove(self, peer: FaultyHost) -> None:
        at = (peer.address.packed, peer.port)
        del self._peers[at], self._parameters[at], self.services.tcp[at], self.services.udp[at]
        self._ways.withdraw(at)

    # ------------------------------------------------------------------ TCP
    def parameters(self, to: Destination) -> Parameters | None:
        """Of flows that lead there."""
        if not isinstance(to, InProcessAddress):
            return None
        return self._parameters.get(to) or self._parameters.get((to.address, 0))

    def _parameters_of(self, peer: FaultyHost) -> Parameters:
        manner = peer.behaviour.manner

        def between(four_tuple: FourTuple) -> SegmentMangler:
            named = replace(peer, port=four_tuple.remote[1])
            return SegmentMangler(manner, named, self._outlet.notices.remarks.add_here)

        return Parameters(
            replace(self._tcp, **manner.tcp),
            manner.segment,
            manner.closed,
            LazyAcks if manner.lazy else Acks,
            between if manner != PROPER else None,
        )

    def _connected(self, peer: FaultyHost, connection: Connection, now: float) -> None:
        (guest, remote), behaviour = connection.four_tuple, peer.behaviour
        ends = f"{end_text(guest)} > {end_text(remote)}"
        named = replace(peer, port=remote[1])
        text = f"tcp {ends}: {named} does on purpose: {behaviour.text}"
        self._outlet.notices.limited("tcp flow", text, now, rate=FLOW_RATE)
        service = service_at(remote[1], behaviour)
        FaultyStream(connection, behaviour, service, self._outlet.timers).open(now)

    # ------------------------------------------------------------------ UDP
    def _asked(self, peer: FaultyHost, datagram: ReceivedDatagram) -> None:
        behaviour, now = peer.behaviour, datagram.now
        if behaviour.refuses is not None:
            datagram.refuse(behaviour.refuses)
            return
        service = service_at(datagram.four_tuple.remote[1], behaviour)
        said = None if behaviour.silent else answer(service, datagram.payload, now)
        if said is None:
            return
        times = 2 if Mangling.DUPLICATE in behaviour.manner.twists else 1
        if behaviour.accepts_after:
            self._answer_late(peer, datagram, [said] * times)
            return
        for _ in range(times):
            datagram.reply(said)

    def _answer_late(
        self, peer: FaultyHost, datagram: ReceivedDatagram, answers: list[bytes]
    ) -> None:
        if self._late >= MAX_LATE:
            text = f"{MAX_LATE} answers of {peer} wait already"
            self._outlet.notices.drop(rules.net.PEER_ANSWERS, text, datagram.now)
            return
        self._late += 1
        late = LateReply(lambda _: self._send_late(datagram, answers))
        self._outlet.timers.set(late, datagram.now + peer.behaviour.accepts_after)

    def _send_late(self, datagram: ReceivedDatagram, answers: list[bytes]) -> None:
        """To a flow that may have idled away."""
        self._late -= 1
        guest, remote = datagram.four_tuple
        for said in answers:
            datagram.emit(GuestDatagram(remote, guest, said))
