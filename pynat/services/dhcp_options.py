"""The options of a DHCP answer: which, and in which order (RFC 2132, RFC 3397)."""

from __future__ import annotations

from pynat.config import Config
from pynat.wire import dhcp
from pynat.wire.dhcp import Message

FOREVER = 2**32 - 1  # seconds; a lease of this length never ends (RFC 2131 section 3.3)


def echoed(message: Message) -> dict[int, bytes]:
    """What goes back as it came: the client identifier (RFC 6842), relay data (RFC 3046)."""
    return {
        code: message.options[code] for code in (dhcp.CLIENT, dhcp.RELAY) if code in message.options
    }


def in_order(options: dict[int, bytes], message: Message) -> dict[int, bytes]:
    """What makes the lease, then what the client asked for in its order, then the rest.

    The mask must come before the router (RFC 2132 section 3.3); what comes last is left out
    first where room is short.
    """
    first = [dhcp.KIND, dhcp.SERVER, dhcp.LEASE, dhcp.T1, dhcp.T2, dhcp.CLIENT, dhcp.MASK]
    asked = message.options.get(dhcp.PARAMETERS, b"")
    return {code: options[code] for code in [*first, *asked, *options] if code in options}


def lease(seconds: int) -> dict[int, bytes]:
    """The lease and when to renew it: at a half, and from anybody at 7/8 (RFC 2131 4.4.5)."""
    t1, t2 = (FOREVER, FOREVER) if seconds == FOREVER else (seconds // 2, seconds * 7 // 8)
    times = {dhcp.LEASE: seconds, dhcp.T1: t1, dhcp.T2: t2}
    return {code: value.to_bytes(4, "big") for code, value in times.items()}


def configured(config: Config) -> dict[int, bytes]:
    network, settings = config.network, config.dhcp
    options = {
        dhcp.MASK: network.net.netmask.packed,
        dhcp.ROUTER: network.router.packed,
        dhcp.DNS: network.dns.packed,
        dhcp.BROADCAST_ADDRESS: network.net.broadcast_address.packed,
        dhcp.MTU: network.mtu.to_bytes(2, "big") if network.mtu != 1500 else b"",
        dhcp.BOOTFILE: settings.bootfile.encode(),
        dhcp.SERVER_NAME: settings.server_name.encode(),
        dhcp.DOMAIN: settings.domain.encode(),
        dhcp.HOSTNAME: settings.hostname.encode(),
        dhcp.SEARCH: b"".join(map(_domain, settings.search)),
    }
    return {code: value for code, value in options.items() if value}


def _domain(name: str) -> bytes:
    """As DNS writes it, without compression, which RFC 3397 allows but does not ask for."""
    labels = name.encode().split(b".")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
