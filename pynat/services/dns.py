"""The DNS forwarder at the router's address (RFC 1035; RFC 5625 says how a proxy should behave).

    from the guest: ask() ---> names that we know: answered at once
                         \\--> everything else: Resolve for the host's resolvers, bytes unchanged
    from the host:  Resolved ---> the answer, bytes unchanged, or SERVFAIL

A restricted guest is told REFUSED for every other name: nothing of it leaves the process. In a
hermetic network the names that we know are all there are: every other one is NXDOMAIN.

Names that we know are those of the configuration, `host.internal`, `gateway.internal` and
`host.docker.internal` (the router), and what guests call themselves when they ask for an address
by DHCP, or what the configuration calls them (with `dhcp.domain` behind it or without). So are the
addresses of the guest's net backwards: one without a name is NXDOMAIN at once, because no resolver
of the host can know better. `localhost` and all below it is the loopback (RFC 6761 6.3), and so
backwards (RFC 6303 4.2, 4.3).

At most MAX_QUESTIONS questions are outstanding; the next one gets SERVFAIL. While one is
outstanding the guest waits, so guest time is held. The host side answers each Resolve within its
time-out, so there is no timer here. Each ask() gets exactly one answer, save UDP messages that are
no query. A UDP answer is at most what the guest takes (512 or its EDNS size) and one packet; a
longer one is cut and marked, and the guest asks again by TCP.

Left out: a cache (the guest and the host's resolver have one), DNSSEC validation.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from pynat import rules
from pynat.config import Config, IpAddress, Network
from pynat.errors import Malformed
from pynat.log.notices import Level, Notices
from pynat.nat.guest_output import GuestOutput
from pynat.nat.messages import Resolve, Resolved
from pynat.nat.unreachable import shortage
from pynat.wire import dns, ip, udp
from pynat.wire.addresses import Address
from pynat.wire.dns import Query

Answer = Callable[[bytes, float], None]  # takes a message, and the time
Lookup = Callable[[str, float], tuple[IpAddress, ...] | None]  # None: it does not know the name

MAX_QUESTIONS = 512  # questions outstanding
TTL = 60  # seconds; names of the configuration last as long as the simulator runs
ROUTER_NAMES = ("gateway.internal", "host.internal", "host.docker.internal")
HEADERS = 28  # bytes of IP and UDP in a packet
LOCALHOST = "localhost"
_LOOPBACKS = [ip_address(text) for text in ("127.0.0.1", "::1")]
_LOOPBACK = {dns.kind_of(one.packed): one.packed for one in _LOOPBACKS}
_LOOPBACK_NAMES = [one.reverse_pointer for one in _LOOPBACKS]


class GuestNames(Protocol):
    """Who has which address now."""

    def named(self, name: str, now: float) -> bytes | None: ...

    def name_of(self, address: bytes, now: float) -> str: ...


class NameServer(Protocol):
    """A name server, whatever it answers."""

    def ask(self, query: bytes, *, tcp: bool, now: float, answer: Answer) -> None: ...
    def too_long(self, head: bytes, size: int, longest: int, now: float) -> bytes: ...


def by_udp(output: GuestOutput, source: Address, guest: Address) -> Answer:
    """Sends a message from there to the guest."""

    def answer(message: bytes, now: float) -> None:
        payload = udp.encode(*source, *guest, message)
        output.send_packet(source[0], guest[0], ip.UDP, payload, now)

    return answer


class DnsForwarder:
    def __init__(
        self,
        config: Config,
        notices: Notices,
        guests: GuestNames,
        ask_host: Callable[[Resolve], None],
        program: Lookup | None = None,
    ) -> None:
        """program: is asked for each name first."""
        network = config.network
        self._guests = guests
        self._domain = f".{config.dhcp.domain.lower()}" if config.dhcp.domain else ""
        router = (network.router,)
        self._names = dict.fromkeys(ROUTER_NAMES, router) | self._reserved(config) | config.names
        self._pointers = _pointers(self._names)
        self._point_to(network)
        self._network = network
        self._restricted = config.restricted
        self._hermetic = config.hermetic
        self._longest = network.mtu - HEADERS
        self._program = program
        self._ask_host = ask_host
        self._notices = notices
        self._pending: dict[int, tuple[Query, bool, Answer]] = {}
        self._last_id = 0

    def _point_to(self, network: Network) -> None:
        for address in (network.router, network.dns):
            self._pointers.setdefault(address.reverse_pointer, ROUTER_NAMES[0])

    def adopt(self, network: Network) -> None:
        for name in ROUTER_NAMES:
            if self._names[name] == (self._network.router,):
                self._names[name] = (network.router,)
        self._point_to(network)
        self._network = network

    def _reserved(self, config: Config) -> dict[str, tuple[IpAddress, ...]]:
        """Host names of the configuration's leases, with the domain first: it is what PTR says."""
        found: dict[str, tuple[IpAddress, ...]] = {}
        for suffix in (self._domain, ""):
            for lease in config.dhcp.static.values():
                if lease.hostname:
                    found.setdefault(lease.hostname.lower() + suffix, (lease.address,))
        return found

    def name(self, name: str, address: IpAddress) -> None:
        """One more name that we know."""
        self._names[name] = (address,)
        self._pointers.setdefault(address.reverse_pointer, name)

    @property
    def pending(self) -> int:
        """How many questions wait for the host."""
        return len(self._pending)

    # ------------------------------------------------------------ from the guest
    def ask(self, query: bytes, *, tcp: bool, now: float, answer: Answer) -> None:
        """`answer` is called at once or from a later from_host()."""
        header = query[:4].ljust(4, b"\0")
        flags = int.from_bytes(header[2:], "big")
        is_query = len(query) >= dns.HEADER.size and not flags & dns.QR
        if not is_query and not tcp:  # to answer an answer could go on for ever
            text = f"{len(query)} bytes, flags {flags:#06x}; a query has at least 12 and QR clear"
            self._notices.drop(rules.dns.NO_QUERY, f"{text} (RFC 1035 4.1.1)", now)
        elif not is_query:
            answer(dns.refusal(query, dns.FORMERR), now)
        elif flags & dns.OPCODE:
            answer(dns.refusal(query, dns.NOTIMP), now)
        else:
            try:
                question = dns.decode(query)
            except Malformed as error:
                self._notices.drop(error.rule, error.detail, now)
                answer(dns.refusal(query, dns.FORMERR), now)
                return
            if question.version:  # of EDNS
                answer(dns.reply(question, dns.BADVERS), now)
                return
            self._answer(question, query, tcp, now, answer)

    def too_long(self, head: bytes, size: int, longest: int, now: float) -> bytes:
        """The answer to a message that is not even read."""
        text = f"a question of {size} bytes by TCP, at most {longest} are read"
        self._notices.drop(rules.dns.LENGTH, text, now)
        return dns.refusal(head, dns.FORMERR)

    def _answer(self, question: Query, query: bytes, tcp: bool, now: float, answer: Answer) -> None:
        ours = self._our_answer(question, now)
        if ours is not None:
            answer(self._fitting(ours, question, tcp), now)
        else:
            self._forward(question, query, tcp, now, answer)

    def _forward(
        self, question: Query, query: bytes, tcp: bool, now: float, answer: Answer
    ) -> None:
        if self._restricted:
            self._notices.drop(
                rules.net.RESTRICTED, f"{question}: only names of the configuration", now
            )
            answer(dns.reply(question, dns.REFUSED), now)
            return
        if self._hermetic:
            self._notices.limited("dns hermetic", f"no such name here: {question}", now)
            answer(dns.reply(question, dns.NXDOMAIN), now)
            return
        if len(self._pending) >= MAX_QUESTIONS:
            text = f"more than {MAX_QUESTIONS} questions wait for the host's resolvers"
            self._notices.limited("dns questions", text, now, Level.ERROR)
            answer(dns.reply(question, dns.SERVFAIL), now)
            return
        self._last_id += 1
        self._pending[self._last_id] = (question, tcp, answer)
        self._ask_host(Resolve(self._last_id, query, tcp))

    def reset_guest(self) -> None:
        """Nobody waits for the answers any more."""
        for number, (question, tcp, _) in self._pending.items():
            self._pending[number] = (question, tcp, _unasked)

    # ------------------------------------------------------------ the host
    def from_host(self, event: Resolved, now: float) -> None:
        question, tcp, answer = self._pending.pop(event.query_id)
        if event.answer is None or len(event.answer) < dns.HEADER.size:
            if event.errno:
                text = f"{question}: {shortage(event.errno)}"
                self._notices.drop(rules.net.HOST_SOCKETS, text, now, Level.ERROR)
            else:
                text = f"no resolver of the host has answered: {question}"
                self._notices.limited("dns time-out", text, now)
            answer(dns.reply(question, dns.SERVFAIL), now)
        else:
            answer(self._fitting(event.answer, question, tcp), now)

    def _fitting(self, answer: bytes, question: Query, tcp: bool) -> bytes:
        longest = min(max(dns.MIN_UDP_SIZE, question.size), self._longest)
        if tcp or len(answer) <= longest:
            return answer
        return dns.truncated(answer, question)

    # ------------------------------------------------------------ names that we know
    def _named(self, name: str, now: float) -> tuple[IpAddress, ...] | None:
        """Its addresses, none for a name that has none; None where it is not ours to know."""
        if self._program is not None and (found := self._program(name, now)) is not None:
            return found
        return self._names.get(name)

    def _our_answer(self, question: Query, now: float) -> bytes | None:
        if question.klass not in (dns.IN, dns.ANY):
            return None
        wants = {question.kind} if question.kind != dns.ANY else {dns.A, dns.PTR, dns.AAAA}
        if (addresses := self._named(question.name, now)) is not None:
            records = [(dns.kind_of(one.packed), one.packed) for one in addresses]
            records = [record for record in records if record[0] in wants]
            return dns.reply(question, records=records, ttl=TTL)
        if pointer := self._pointers.get(question.name):
            records = [(dns.PTR, dns.labels(pointer))] if dns.PTR in wants else []
            return dns.reply(question, records=records, ttl=TTL)
        if guest := self._guests.named(question.name.removesuffix(self._domain), now):
            records = [(dns.A, guest)] if dns.A in wants else []
            return dns.reply(question, records=records)
        if (local := _local(question.name)) is not None:
            records = [(kind, data) for kind, data in local.items() if kind in wants]
            return dns.reply(question, records=records, ttl=TTL)
        address = dns.pointed_at(question.name)
        if address is not None and (name := self._guests.name_of(address.packed, now)):
            records = [(dns.PTR, dns.labels(name + self._domain))] if dns.PTR in wants else []
            return dns.reply(question, records=records)
        if address is not None and (address in self._network.net or address.is_loopback):
            return dns.reply(question, dns.NXDOMAIN)
        return None


def _unasked(_message: bytes, _now: float) -> None:
    """Who has asked is gone."""


def _pointers(names: dict[str, tuple[IpAddress, ...]]) -> dict[str, str]:
    """The first name of each address, by the name that asks for it."""
    pointers: dict[str, str] = {}
    for name, addresses in names.items():
        for address in addresses:
            pointers.setdefault(address.reverse_pointer, name)
    return pointers


def _local(name: str) -> dict[int, bytes] | None:
    """What every name server knows of the loopback."""
    if name == LOCALHOST or name.endswith(f".{LOCALHOST}"):
        return _LOOPBACK
    return {dns.PTR: dns.labels(LOCALHOST)} if name in _LOOPBACK_NAMES else None
