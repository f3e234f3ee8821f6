"""What one flow has sent lately, as the guest sent it, so that ICMP errors quote exactly that.

The kernel tells of an error with the destination and the beginning of what was lost, but in a
header of its own. A guest's stack looks for its own identification and checksum in the quote
(RFC 5508 3.2, RFC 5927 4.1), and traceroute for the probe. An error about one that is not kept is
quoted without options and identification.

A UDP flow keeps `MAX_UDP_QUOTES` quotes of up to 548 bytes, a ping `MAX_ECHO_QUOTES`: at the
default limits of flows 20 MB in all, if a guest does nothing else but fill them.
"""

from __future__ import annotations

from collections import deque

from pynat.wire import versions

MAX_UDP_QUOTES = 8
MAX_ECHO_QUOTES = 16  # as many as traceroute has under way with one identifier


class QuotedPackets(deque[tuple[object, bytes]]):
    """Each with what an error will name it by, such as its destination, and its quote."""

    def __init__(self, lately: int) -> None:
        super().__init__(maxlen=lately)

    def pop_quote(self, key: object, payload: bytes) -> bytes | None:
        """The quote of the latest one whose data agree; it is given out once.

        payload: what the kernel knows of what came behind 8 bytes of UDP or ICMP header.
        """
        for entry in reversed(self):
            if entry[0] == key and _agree(entry[1], payload):
                self.remove(entry)
                return entry[1]
        return None


def _agree(quote: bytes, payload: bytes) -> bool:
    """As far as both go."""
    outline = versions.outline(quote)
    known = quote[outline.body + 8 :] if outline else b""
    return known.startswith(payload[: len(known)]) or payload.startswith(known)
