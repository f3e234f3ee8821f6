"""What takes time, or does not end with one answer: a ping, a wait, a connection to the guest.

A conversation begins where another command would be answered at once. Until it has answered, the
client's next requests wait; one that becomes a stream never comes back to requests.
"""

from __future__ import annotations

from typing import Protocol

from pynat.control.protocol import Answer


class Client(Protocol):
    """Whom a conversation is held with."""

    def answer(self, answer: Answer) -> None:
        """The end of it: the next request may come."""

    def refuse(self, why: str) -> None:
        """The same, with an error."""

    def tell(self, answer: Answer) -> bool:
        """A line, and more may follow; whether there is room. `Conversation.room` tells of it."""

    def send(self, data: bytes) -> bool:
        """Bytes as they are; whether there is room for more."""

    def pause(self, paused: bool) -> None:
        """Whether its bytes are to wait."""

    def finish(self, *, broken: bool) -> None:
        """Nothing more comes; unless it is broken, the client may go on sending."""


class Conversation:
    """Times are seconds of guest time."""

    is_stream = False  # what the client sends is no request

    def begin(self, client: Client, now: float) -> None:
        raise NotImplementedError

    def data(self, data: bytes) -> None:
        """What the client sends, where this is a stream."""

    def eof(self) -> None:
        """The client sends nothing more, where this is a stream."""

    def room(self) -> None:
        """The client has taken what it was sent."""

    def stop(self) -> None:
        """The client has gone."""
