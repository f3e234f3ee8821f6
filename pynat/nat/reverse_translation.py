"""How the guest names the hosts of one flow, so that answers come from where it sent to.

Mostly a host has one name: its address, or the router's for the loopback. Through an alias it has
another one; the last that the guest used for it counts. A server that answers from another port
(TFTP does) is still known by its address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pynat.wire.addresses import Address

Key = TypeVar("Key")
Name = TypeVar("Name")

MAX_ALIASES = 64  # hosts with another name, of one flow


class ReverseTranslation:
    def __init__(self, usual: Callable[[bytes], bytes]) -> None:
        """`usual`: how the guest names a host's address without an alias."""
        self._usual = usual
        self._ports: dict[Address, Address] = {}
        self._addresses: dict[bytes, bytes] = {}

    def sent(self, name: Address, host: Address) -> None:
        """The guest has sent to `name`, which is `host`."""
        if name == (self._usual(host[0]), host[1]):
            if self._ports:
                self._ports.pop(host, None)
                self._addresses.pop(host[0], None)
        else:
            _remember(self._ports, host, name)
            _remember(self._addresses, host[0], name[0])

    def of(self, host: Address) -> Address:
        named = self._ports.get(host)
        if named is not None:
            return named
        return self._addresses.get(host[0]) or self._usual(host[0]), host[1]


def _remember(table: dict[Key, Name], key: Key, name: Name) -> None:
    table.pop(key, None)
    if len(table) >= MAX_ALIASES:
        del table[next(iter(table))]  # the one used longest ago
    table[key] = name
