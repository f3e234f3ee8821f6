"""The nets of those whose guests come here: where their addresses are."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from pynat.config.entries import Layout
from pynat.config.tables import Network

USUAL_PREFIXES = (24, 16, 8)

_SLIRP = IPv4Network("10.0.2.0/24")
_VNET = IPv4Network("192.168.10.0/24")
LAYOUTS = {
    Layout.PYNAT: Network(),
    Layout.SLIRP: Network(_SLIRP, router=_SLIRP[2], dns=_SLIRP[3], guest=_SLIRP[15]),
    Layout.VNET: Network(_VNET, router=_VNET[1], dns=_VNET[2], guest=_VNET[15]),
}


def network_of(guest: IPv4Address, gateway: IPv4Address, base: Network) -> Network | None:
    """`base` with addresses at which this guest finds its gateway; None where there are none."""
    for known in LAYOUTS.values():
        ours = (known.router, known.dns)
        if gateway in ours and _are_hosts(known.net, guest):
            first = known.guest if guest in ours else guest
            return replace(base, net=known.net, router=known.router, dns=known.dns, guest=first)
    nets = (IPv4Network((gateway, bits), strict=False) for bits in USUAL_PREFIXES)
    net = next((net for net in nets if guest in net), None)
    if net is None or not _are_hosts(net, guest, gateway):
        return None
    return replace(base, net=net, router=gateway, dns=gateway, guest=guest)


def _are_hosts(net: IPv4Network, *addresses: IPv4Address) -> bool:
    ends = (net.network_address, net.broadcast_address)
    return all(
        one in net
        and one not in ends
        and 0 < one.packed[0] < 224
        and not one.is_loopback
        and not one.is_link_local
        for one in addresses
    )


def addresses_in(layout: Layout, net: IPv4Network) -> dict[str, IPv4Address]:
    """Our addresses and the first guest's keep their places in another net."""
    base = LAYOUTS[layout]
    start, last = int(base.net.network_address), 2**32 - 1
    return {
        name: IPv4Address(min(int(net.network_address) + int(getattr(base, name)) - start, last))
        for name in ("router", "guest", "dns")
    }
