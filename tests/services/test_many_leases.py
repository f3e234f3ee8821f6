"""What a message or a question costs does not grow with the number of guests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pynat.config.toml import read_toml
from pynat.log.notices import Notices
from pynat.services.dhcp import DhcpServer
from pynat.wire import dhcp
from tests.counting import instructions

FEW, MANY = 50, 4000
NET = int.from_bytes(bytes((10, 1, 0, 0)), "big")


class Unwalked(dict[bytes, Any]):
    """A table through which nobody may go as a whole."""

    def _walk(self) -> Iterator[Any]:
        raise AssertionError("somebody goes through all leases")

    __iter__ = keys = values = items = _walk  # type: ignore[assignment]


def mac(number: int) -> bytes:
    return b"\x52\x54" + number.to_bytes(4, "big")


def message(kind: int, number: int, **options: bytes) -> bytes:
    codes = {"wanted": dhcp.WANTED, "client": dhcp.CLIENT, "name": dhcp.HOSTNAME}
    given = {codes[name]: value for name, value in options.items()}
    whole = dhcp.Message(
        dhcp.REQUEST, number, mac(number), options={dhcp.KIND: bytes((kind,))} | given
    )
    return dhcp.encode(whole)[0]


def served(count: int, *, used: int = 0) -> DhcpServer:
    """Guests that all have one name and one identifier, and two addresses asked for by each.

    used: addresses of the first ones without a lease, at which ARP has seen somebody else.
    """
    others = {(NET + 2 + count + i).to_bytes(4, "big"): b"\2" * 6 for i in range(used)}
    config = read_toml('network.net = "10.1.0.0/16"\ndhcp.lease = 1000', "test.toml")
    server = DhcpServer(
        config, Notices(lambda level, text: None), lambda address, now: others.get(address)
    )
    for number in range(count):
        for _ in range(2):
            assert server.from_guest(message(dhcp.DISCOVER, number, client=b"\0x"), 0.0)
        wanted = (NET + 2 + number).to_bytes(4, "big")
        asked = message(dhcp.ASK, number, wanted=wanted, client=b"\0x", name=b"box")
        assert server.from_guest(asked, 0.0)
    assert len(server.leases) == count
    server.guests.table = Unwalked(server.guests.table)
    return server


def steps(call: Callable[[DhcpServer], object], server: DhcpServer) -> int:
    """What C code walks through, Unwalked sees."""
    count = instructions(lambda: call(server))
    assert count > 20
    return count


CALLS: dict[str, Callable[[DhcpServer], object]] = {
    "discover": lambda server: server.from_guest(message(1, 9999, client=b"\0x"), 0.0),
    "discover again": lambda server: server.from_guest(message(1, 7), 0.0),
    "discover when all are over": lambda server: server.from_guest(message(1, 9999), 1001.0),
    "renewal": lambda server: server.from_guest(
        message(3, 7, wanted=(NET + 9).to_bytes(4, "big"), name=b"box"), 0.0
    ),
    "release": lambda server: server.guests.release(server.leases[(NET + 9).to_bytes(4, "big")], 1),
    "name": lambda server: server.guests.named("box", 0.0),
    "address": lambda server: server.guests.name_of((NET + 9).to_bytes(4, "big"), 0.0),
    "held by": lambda server: server.guests.held_by(mac(7), 0.0),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_message_takes_as_many_steps_with_many_leases_as_with_few(
    call: Callable[[DhcpServer], object],
) -> None:
    few, many = (steps(call, served(count)) for count in (FEW, MANY))
    assert many < 1.5 * few + 200


def test_addresses_in_use_are_passed_over_a_few_at_a_time() -> None:
    few, many = (steps(CALLS["discover"], served(FEW, used=used)) for used in (100, 3000))
    assert many < 1.5 * few + 200
    server = served(FEW, used=3000)
    answers = (server.from_guest(message(1, 9999), 0.0) for _ in range(100))
    assert next(answer for answer in answers if answer) is not None


def test_a_full_table_takes_as_many_steps_for_each_new_guest() -> None:
    """Leases that are over make room one by one."""
    server = served(4096)
    counted = [
        steps(lambda server, n=n: server.from_guest(message(1, n), 2000.0), server)  # type: ignore[misc]
        for n in range(10_000, 10_050)
    ]
    assert max(counted) < 1.5 * min(counted) + 200


def discover(number: int, client: bytes) -> bytes:
    """With option 61 in as many pieces as it takes (RFC 3396)."""
    pieces = (client[at : at + 255] for at in range(0, len(client), 255))
    options = b"".join(bytes((dhcp.CLIENT, len(piece))) + piece for piece in pieces)
    header = message(dhcp.DISCOVER, number)[: dhcp.HEADER.size]
    kind = bytes((dhcp.KIND, 1, dhcp.DISCOVER))
    return header + dhcp.COOKIE + kind + options + b"\xff"


def test_identifiers_of_any_length_are_told_apart_and_none_is_kept_that_is_long() -> None:
    server = served(0)
    given = {}
    for number, client in enumerate((bytes(60_000) + b"a", bytes(60_000) + b"b", bytes(255))):
        reply = server.from_guest(discover(number, client), 0.0)
        assert reply is not None
        given[client] = dhcp.decode(reply.payload).yiaddr
    assert len(set(given.values())) == 3
    assert max(len(server.leases[address].client) for address in given.values()) <= 255
    for number, (client, address) in enumerate(given.items(), 100):  # other MACs, once it is free
        reply = server.from_guest(discover(number, client), 100.0)
        assert reply is not None
        assert dhcp.decode(reply.payload).yiaddr == address
