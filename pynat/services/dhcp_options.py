"""The options of a DHCP answer: which, and in which order (RFC 2132, RFC 3397, RFC 3442)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from pynat.config import Config
from pynat.wire import dhcp
from pynat.wire.dhcp import Message


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
    t1, t2 = (seconds, seconds) if seconds == dhcp.FOREVER else (seconds // 2, seconds * 7 // 8)
    times = {dhcp.LEASE: seconds, dhcp.T1: t1, dhcp.T2: t2}
    return {code: value.to_bytes(4, "big") for code, value in times.items()}


def configured(config: Config) -> dict[int, bytes]:
    """What every client gets. An empty value leaves out what it would get by itself."""
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
        dhcp.NTP: b"".join(server.packed for server in settings.ntp),
        dhcp.ROUTES: _routes(config),
        dhcp.SEARCH: b"".join(map(_domain, settings.search)),
    }
    sent = {code: value for code, value in (options | settings.options).items() if value}
    return sent | {code: b"" for code in settings.options if code not in options | sent}


def on_request(config: Config) -> dict[int, bytes]:
    """What only a client gets that asks for it by option 55."""
    server = config.dhcp.next_server or config.network.router
    options = {dhcp.MTU: config.network.mtu.to_bytes(2, "big")}
    if config.dhcp.bootfile:
        options[dhcp.SERVER_NAME] = str(server).encode()  # some boot ROMs look nowhere else
    return options


def for_client(config: Config, message: Message) -> dict[int, bytes]:
    """What depends on who asks: its own name, and the next step of a chain of boot loaders."""
    options = {}
    lease = config.dhcp.static.get(message.mac)
    if lease is not None and lease.hostname:
        options[dhcp.HOSTNAME] = lease.hostname.encode()
    if config.dhcp.ipxe_bootfile and b"iPXE" in message.options.get(dhcp.USER_CLASS, b""):
        options[dhcp.BOOTFILE] = config.dhcp.ipxe_bootfile.encode()
    return options


def _routes(config: Config) -> bytes:
    """RFC 3442: who takes these ignores option 3, so the default route is one of them."""
    if not config.dhcp.routes:
        return b""
    default = (IPv4Network("0.0.0.0/0"), config.network.router)
    own = () if any(net == default[0] for net, _ in config.dhcp.routes) else (default,)
    return b"".join(_route(net, gateway) for net, gateway in (*config.dhcp.routes, *own))


def _route(net: IPv4Network, gateway: IPv4Address) -> bytes:
    """The prefix length, the bytes of the net that it makes significant, the gateway."""
    significant = net.network_address.packed[: (net.prefixlen + 7) // 8]
    return bytes((net.prefixlen,)) + significant + gateway.packed


def _domain(name: str) -> bytes:
    """As DNS writes it, without compression, which RFC 3397 allows but does not ask for."""
    labels = name.encode().split(b".")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
