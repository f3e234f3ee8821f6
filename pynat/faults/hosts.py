"""Peers that misbehave (pynat.faulty_host, docs/peers.md): services of the hosts within the
process.

    DestinationMap ---> TcpTable ---parameters---> Flow ---items---> segments.py ---> guest
                          | TcpConnect to an InProcessAddress
                          +---> InProcessHosts ---Connection---> stream.py

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
        output: GuestOutput,
        destinations: Destinations,
        name: Callable[[str, IpAddress], None],
    ) -> None:
        """name: has the DNS know one more; those of the configuration it knows."""
        self.services = Services()
        self._tcp = config.tcp
        self._output = output
        self._destinations = destinations
        self._name = name
        self._hosts: dict[Address, FaultyHost] = {}
        self._parameters: dict[Address, Parameters] = {}
        self._late = 0  # answers that wait for their time
        for faulty_host in config.peers:
            self._serve(faulty_host)

    def __iter__(self) -> Iterator[FaultyHost]:
        return iter(self._hosts.values())

    def set(self, faulty_host: FaultyHost) -> None:
        """In the place of what the host did; connections that are open go on as they were."""
        self._serve(faulty_host)
        if faulty_host.name:
            self._name(faulty_host.name, faulty_host.address)

    def _serve(self, faulty_host: FaultyHost) -> None:
        at = (faulty_host.address.packed, faulty_host.port)
        self._hosts[at] = faulty_host
        self._parameters[at] = self._parameters_of(faulty_host)
        self.services.tcp[at] = lambda connection, now: self._connected(
            faulty_host, connection, now
        )
        self.services.udp[at] = lambda datagram: self._asked(faulty_host, datagram)
        self._destinations.serve(at)

    def remove(self, faulty_host: FaultyHost) -> None:
        at = (faulty_host.address.packed, faulty_host.port)
        del self._hosts[at], self._parameters[at], self.services.tcp[at], self.services.udp[at]
        self._destinations.withdraw(at)

    # ------------------------------------------------------------------ TCP
    def parameters(self, to: Destination) -> Parameters | None:
        """Of flows that lead there."""
        if not isinstance(to, InProcessAddress):
            return None
        return self._parameters.get(to) or self._parameters.get((to.address, 0))

    def _parameters_of(self, faulty_host: FaultyHost) -> Parameters:
        misbehavior = faulty_host.misbehavior.tcp_misbehavior

        def between(four_tuple: FourTuple) -> SegmentMangler:
            named = replace(faulty_host, port=four_tuple.remote[1])
            return SegmentMangler(misbehavior, named, self._output.notices.comments.add_here)

        return Parameters(
            replace(self._tcp, **misbehavior.tcp),
            misbehavior.segment,
            misbehavior.closed,
            LazyAcks if misbehavior.lazy else Acks,
            between if misbehavior != PROPER else None,
        )

    def _connected(self, faulty_host: FaultyHost, connection: Connection, now: float) -> None:
        (guest, remote), misbehavior = connection.four_tuple, faulty_host.misbehavior
        ends = f"{end_text(guest)} > {end_text(remote)}"
        named = replace(faulty_host, port=remote[1])
        text = f"tcp {ends}: {named} does on purpose: {misbehavior.text}"
        self._output.notices.limited("tcp flow", text, now, rate=FLOW_RATE)
        service = service_at(remote[1], misbehavior)
        FaultyStream(connection, misbehavior, service, self._output.timers).open(now)

    # ------------------------------------------------------------------ UDP
    def _asked(self, faulty_host: FaultyHost, datagram: ReceivedDatagram) -> None:
        misbehavior, now = faulty_host.misbehavior, datagram.now
        if misbehavior.refuses is not None:
            datagram.refuse(misbehavior.refuses)
            return
        service = service_at(datagram.four_tuple.remote[1], misbehavior)
        said = None if misbehavior.silent else answer(service, datagram.payload, now)
        if said is None:
            return
        times = 2 if Mangling.DUPLICATE in misbehavior.tcp_misbehavior.manglings else 1
        if misbehavior.accepts_after:
            self._answer_late(faulty_host, datagram, [said] * times)
            return
        for _ in range(times):
            datagram.reply(said)

    def _answer_late(
        self, faulty_host: FaultyHost, datagram: ReceivedDatagram, answers: list[bytes]
    ) -> None:
        if self._late >= MAX_LATE:
            text = f"{MAX_LATE} answers of {faulty_host} wait already"
            self._output.notices.drop(rules.net.PEER_ANSWERS, text, datagram.now)
            return
        self._late += 1
        late = LateReply(lambda _: self._send_late(datagram, answers))
        self._output.timers.set(late, datagram.now + faulty_host.misbehavior.accepts_after)

    def _send_late(self, datagram: ReceivedDatagram, answers: list[bytes]) -> None:
        """To a flow that may have idled away."""
        self._late -= 1
        guest, remote = datagram.four_tuple
        for said in answers:
            datagram.emit(GuestDatagram(remote, guest, said))
