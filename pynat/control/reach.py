"""The commands that reach into the guest, or wait for what it does: their arguments, checked."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from pynat.config import ROUTER_PORTS, Transport
from pynat.control.conversation import Conversation
from pynat.control.datagrams import Datagrams
from pynat.control.protocol import MAX_DATAGRAM, Refused
from pynat.control.reaching import Connect, Ping
from pynat.control.watching import Condition, Listening, Wait, Watch, counted, leased
from pynat.engine import Engine
from pynat.rules import BY_CODE, nearest
from pynat.wire.addresses import Address, address_text

TIMEOUT = 10.0  # seconds of guest time
MAX_TIMEOUT = 86_400.0
MAX_PINGS, MAX_PING = 1000, MAX_DATAGRAM  # requests; bytes of data in one (RFC 792 in RFC 791)
FIRST_PORT, PORTS = 49_152, 16_384  # RFC 6335 6: from here on they are nobody's


class ReachCommands:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls = 0

    def ping(
        self, guest: object = None, count: object = 4, size: object = 56, timeout: object = TIMEOUT
    ) -> Conversation:
        count, size = _whole("count", count, 1, MAX_PINGS), _whole("size", size, 0, MAX_PING)
        return Ping(self._engine, self._guest(guest), count, size, _seconds(timeout))

    def connect(
        self, port: object, guest: object = None, timeout: object = TIMEOUT
    ) -> Conversation:
        return Connect(self._engine, *self._ends(port, guest), _seconds(timeout))

    def udp(self, guest: object = None, own: object = None) -> Conversation:
        if guest is not None:
            self._guest(guest)
        return Datagrams(self._engine, lambda: self._guest(guest), self._own(own))

    def _own(self, named: object) -> Address:
        """A port of the router's that no service has, for UDP."""
        router = self._engine.router
        address = router.net.network.router.packed
        if named is None:
            return next(at for at in self._fresh(address) if not router.in_process.serves_udp(at))
        port = _whole("own", named, 1, 65_535)
        if port in ROUTER_PORTS[Transport.UDP]:
            taken = ", ".join(map(str, ROUTER_PORTS[Transport.UDP]))
            raise Refused(f"own {port}: the router itself serves {taken}; expected another port")
        return address, port

    def _fresh(self, router: bytes) -> Iterator[Address]:
        """The router's ports that are nobody's, one after the other."""
        while True:
            self._calls += 1
            yield router, FIRST_PORT + self._calls % PORTS

    def watch(self) -> Conversation:
        return Watch(self._engine)

    def wait(self, guest: object = None, timeout: object = TIMEOUT, **what: Any) -> Conversation:
        named = str(what["for"])
        return Wait(self._engine, named, _seconds(timeout), self._condition(named, guest))

    def _condition(self, what: str, guest: object) -> Condition:
        kind, _, of = what.partition(":")
        match kind:
            case "lease" if not of:
                wanted = None if guest is None else address_text(self._guest(guest))
                return Condition(lambda: _has(leased(self._engine), wanted))
            case "card" if not of:
                return Condition(self._engine.is_card_ready)
            case "listen":
                return Listening(self._engine, *self._ends(of, guest))
            case "finding" if of in BY_CODE:
                return Condition(lambda: counted(self._engine)[of] > 0)
            case "finding":
                raise Refused(f"{of} is no code of a rule; {nearest(of)}")
        raise Refused(f"wait for {what!r}: expected card, lease, listen:PORT or finding:CODE")

    def _ends(self, port: object, guest: object) -> tuple[Address, Address]:
        """The guest's, and one of the router's."""
        if isinstance(port, str) and port.isascii() and port.isdigit() and len(port) <= 5:
            port = int(port)
        wanted = _whole("port", port, 1, 65_535)
        router = self._engine.router.net.network.router.packed
        return (self._guest(guest), wanted), next(self._fresh(router))

    def _guest(self, named: object) -> bytes:
        """Without a name the guest that has a lease, or would be given the first one."""
        if named is None:
            first = next(iter(leased(self._engine)), None)
            return ip_address(first).packed if first else self._first()
        try:
            address = ip_address(str(named))
        except ValueError:
            raise Refused(f"guest {named!r}: expected an address") from None
        net = self._engine.router.net.network.net
        if address not in net:
            raise Refused(f"guest {named!r}: expected an address in {net}")
        return address.packed

    def _first(self) -> bytes:
        return self._engine.router.net.network.guest.packed


def _has(leases: dict[str, str], wanted: str | None) -> bool:
    return bool(leases) if wanted is None else wanted in leases


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(f"{name} {value!r}: expected a whole number from {low} to {high}")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_TIMEOUT:
        return float(value)
    raise Refused(f"timeout {value!r}: expected seconds of guest time, at most {MAX_TIMEOUT:g}")
