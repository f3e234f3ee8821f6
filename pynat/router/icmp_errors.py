"""ICMP errors to the guest, and when none may be sent (RFC 792, RFC 1122 3.2.2, RFC 1812 4.3.2).

Never about an ICMP error, a fragment but the first, or a packet to or from anything that is not
one host. Rate-limited by a token bucket in guest time, as RFC 1812 4.3.2.8 asks.
"""

from __future__ import annotations

from pynat.wire import ip, versions
from pynat.wire.addresses import is_host

MAX_BURST = 50  # errors at once
MAX_RATE = 100.0  # a second


class IcmpErrorLimiter:
    def __init__(self, broadcast: bytes) -> None:
        self._broadcast = broadcast
        self._tokens = float(MAX_BURST)
        self._since = 0.0

    def why_not(self, quote: bytes) -> str | None:
        """Why no error may be sent about the packet that `quote` begins; None if one may."""
        about = versions.outline(quote)
        if about is None:
            return "about what is no packet"
        _, source, destination, _, _, is_later = about
        if is_later:
            return "about a fragment that is not the first"
        if ip.carries_error(about, quote):
            return "about an ICMP error"
        if not is_host(destination) or destination == self._broadcast:
            return "about a broadcast or multicast"
        if not is_host(source) or source == self._broadcast:
            return "to a source that is not one host"
        return None

    def admit(self, now: float) -> bool:
        self._tokens = min(MAX_BURST, self._tokens + (now - self._since) * MAX_RATE)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
