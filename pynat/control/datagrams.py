"""Datagrams between a control client and the guest, at a port of the router's that is the client's.

After the answer to `udp` the socket carries them both ways, as `datagram_socket.py` has it. As with
any socket, those that come while the client does not read are lost.
"""

from __future__ import annotations

from collections.abc import Callable

from pynat.control.conversation import Client, Conversation
from pynat.control.datagram_socket import framed, whole
from pynat.control.protocol import MAX_DATAGRAM, Refused
from pynat.engine import Engine
from pynat.inprocess.hosts import ReceivedDatagram
from pynat.wire.addresses import Address, end_text


class Datagrams(Conversation):
    """guest: whom the client's datagrams are for, asked for each of them."""

    is_stream = True

    def __init__(self, engine: Engine, guest: Callable[[], bytes], ours: Address) -> None:
        self._engine = engine
        self._guest = guest
        self._ours = ours
        self._client: Client | None = None
        self._received = bytearray()  # of the client, up to what is no whole datagram
        self._has_room = True

    def begin(self, client: Client, now: float) -> None:
        router = self._engine.router
        if router.destinations.is_claimed(self._ours):
            client.refuse(f"own {self._ours[1]}: another control client has this port")
            return
        if router.in_process.serves_udp(self._ours):
            client.refuse(f"own {self._ours[1]}: the network's script serves this port")
            return
        self._client = client
        client.pause(False)
        router.destinations.claim(self._ours)
        router.in_process.serve_udp(self._ours, self._from_guest, self._refused)
        self._has_room = client.tell({"port": self._ours[1]})
        self._send()

    def data(self, data: bytes) -> None:
        self._received += data
        if self._client is not None:
            self._send()

    def _send(self) -> None:
        for payload, port in whole(self._received):
            if payload is not None and port and len(payload) <= MAX_DATAGRAM:
                self._carry(payload, port)
            else:
                right = f"expected port 1 to 65535 and at most {MAX_DATAGRAM} bytes"
                self._say(
                    f"what a control client sends is no datagram: {right}", self._engine.now()
                )
        self._engine.wake()

    def _carry(self, payload: bytes, port: int) -> None:
        try:
            guest = self._guest()
        except Refused as why:  # the guest has another net by now
            self._say(str(why), self._engine.now())
        else:
            self._engine.router.in_process.send((guest, port), self._ours, payload)

    def _from_guest(self, datagram: ReceivedDatagram) -> None:
        if self._has_room:
            self._tell(datagram.payload, datagram.four_tuple.guest[1])
            return
        self._say("the control client does not read; datagrams are lost", datagram.now)

    def _refused(self, guest: Address) -> None:
        if self._has_room:
            self._tell(None, guest[1])

    def _tell(self, payload: bytes | None, port: int) -> None:
        if self._client is not None:
            self._has_room = self._client.send(framed(payload, port))

    def _say(self, what: str, now: float) -> None:
        text = f"udp {end_text(self._ours)}: {what}"
        self._engine.notices.limited("udp client", text, now)

    def room(self) -> None:
        self._has_room = True

    def stop(self) -> None:
        if self._client is not None:
            self._engine.router.destinations.release(self._ours)
            self._engine.router.in_process.forget_udp(self._ours)
        self._client = None
