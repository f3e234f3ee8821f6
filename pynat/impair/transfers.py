"""Which datagrams belong to a transfer of TFTP: its server answers from a port of its own.

A client is known by its request to port 69. What passes between the port that it sent that from
and the host that it sent it to belongs to the transfer, until nothing has for `LATELY`.
"""

from __future__ import annotations

from pynat.impair.frame_view import FrameView

LATELY = 60.0  # seconds
MAX_CLIENTS = 256  # that are remembered; the one that was longest silent makes room
_REQUESTS = 69
_OTHERS = {"dhcp", "dns"}  # a client may use one port for everything

Client = tuple[bytes, int, bytes]  # its address and port, the server's address


class Transfers:
    def __init__(self) -> None:
        self._clients: dict[Client, float] = {}  # when the last datagram passed, that one last

    def look(self, view: FrameView, now: float) -> None:
        """Has the frame say that it belongs to one."""
        route = view.route()
        if route is None or view.kinds & _OTHERS:
            return
        (source, sport), (destination, dport) = route
        from_client, to_client = (source, sport, destination), (destination, dport, source)
        if dport == _REQUESTS:
            self._passes(from_client, now)
        elif self._clients and (client := self._known((from_client, to_client), now)) is not None:
            view.kinds.add("tftp")
            self._passes(client, now)

    def _known(self, clients: tuple[Client, Client], now: float) -> Client | None:
        for client in clients:
            when = self._clients.get(client)
            if when is not None and now - when < LATELY:
                return client
        return None

    def _passes(self, client: Client, now: float) -> None:
        self._clients.pop(client, None)
        if len(self._clients) >= MAX_CLIENTS:
            del self._clients[next(iter(self._clients))]
        self._clients[client] = now
