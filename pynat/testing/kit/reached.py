"""Into a guest, from its router: pings, connections, datagrams; its network, changed meanwhile.

All of it are commands of the control socket (docs/control.md), so no port of the host is needed. A
guest without such a socket says in `_ask` and `_stream` how its network is asked.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from pynat.control.client import ask, stream, wait_for
from pynat.control.datagram_socket import DatagramSocket, check_port
from pynat.control.protocol import Answer, Refused
from pynat.testing.guests.boot import GuestSilent
from pynat.testing.kit.observed import TIMEOUT, Observed

_BY_ITSELF = 5.0  # seconds in which most guests have sent something with their address
_LOOK = 5.0  # seconds of guest time, then it is asked anew
_SLOW = ("ping", "wait")  # they take guest time, which may stand still


class Page(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@contextlib.contextmanager
def _while_it_runs(command: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, ConnectionRefusedError):
        raise GuestSilent(f"{command}: the guest has ended, and its network with it") from None


class Reached(Observed):
    """control: the path of the network's control socket."""

    control: Path
    _cable: int

    def _ask(self, command: str, **words: object) -> Answer:
        with _while_it_runs(command):
            return (wait_for if command in _SLOW else ask)(self.control, command, **words)

    def _stream(self, command: str, **words: object) -> tuple[Answer, Any]:
        """The answer, and what has become of the socket; what is read from it has a timeout."""
        with _while_it_runs(command):
            answer, connection = stream(self.control, command, **words)
        connection.settimeout(TIMEOUT)
        return answer, connection

    # ------------------------------------------------------------------ into the guest
    def ping(self, count: int = 4, size: int = 56, timeout: float = 10.0) -> list[float]:
        """Send echo requests to the guest: the round trip of each that it answers, in seconds.

        timeout: seconds of guest time, as the round trips are.
        """
        found = self._ask("ping", count=count, size=size, timeout=timeout)
        return [one["seconds"] for one in found["replies"]]

    def wait_listen(self, port: int, timeout: float = TIMEOUT) -> None:
        """Until the guest takes connections at this port: it has answered a SYN with SYN-ACK.

        One that has not said yet which address it uses is asked only after some seconds.
        """
        __tracebackhide__ = True
        with contextlib.suppress(GuestSilent):  # whoever asks earlier finds that nobody answers ARP
            self.wait(self.uses_an_address, "", min(timeout, _BY_ITSELF))
        self.wait(lambda: self._listens(port), f"nobody listens at port {port}", timeout)

    def _listens(self, port: int) -> bool | None:
        try:
            self._ask("wait", **{"for": f"listen:{port}", "timeout": _LOOK})
        except Refused as refused:
            if not str(refused).startswith("timeout"):
                raise
            return None
        return True

    def connect(self, port: int, timeout: float = 10.0) -> socket.socket:
        """A connection to the guest, without a port of the host; for a `with` block.

        timeout: seconds of guest time until the guest has to take it up; what is read from it is
        waited for in seconds of ours. Raises Refused where it does not.
        """
        connection: socket.socket = self._stream("connect", port=port, timeout=timeout)[1]
        return connection

    def udp(self, port: int | None = None, own: int | None = None) -> DatagramSocket:
        """A socket for datagrams to and from this port of the guest's, without a port of the host;
        for a `with` block: `send(data)`, `recv()`.

        own: the port of the router's at which the guest sees it, and may send to first, too. With
        `own` alone it hears every port of the guest's: `recvfrom()`, `sendto(data, port)`. Raises
        ConnectionRefusedError in `recv()` where the guest says that nobody listens.
        """
        check_port(port)
        more = {} if own is None else {"own": own}
        answer, connection = self._stream("udp", **more)
        return DatagramSocket(connection, answer["port"], port)

    def http(self, path: str = "/", port: int = 80) -> Page:
        """What the guest's web server answers."""
        web = HTTPConnection("guest")
        with self.connect(port) as web.sock:
            web.request("GET", path)
            answer = web.getresponse()
            return Page(answer.status, dict(answer.getheaders()), answer.read())

    # ------------------------------------------------------------------ its network
    def impair(self, rule: str) -> int:
        """From now on, as `impair` in TOML; the number is for `unimpair`."""
        return int(self._ask("impair add", rule=rule)["rules"][0]["number"])

    def unimpair(self, number: int | None = None) -> None:
        """Take a rule of a bad wire back, or all of them."""
        if number is None:
            self._ask("impair clear")
        else:
            self._ask("impair remove", number=number)

    def link_down(self) -> None:
        """Pull the network cable: nothing passes until `link_up`."""
        self._cable = self.impair("drop")

    def link_up(self) -> None:
        """Plug the network cable in again."""
        self.unimpair(self._cable)

    def fault(self, fault: str) -> int:
        """From now on, as `faults` in TOML; the number is for `unfault`."""
        return int(self._ask("fault set", fault=fault)["faults"][0]["number"])

    def unfault(self, number: int | None = None) -> None:
        """Take a fault back, or all of them."""
        more: dict[str, Any] = {} if number is None else {"number": number}
        self._ask("fault clear", **more)
