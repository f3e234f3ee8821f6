"""What a turn costs does not grow with what is idle: counted in Python's own instructions."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from pynat.config import Config
from pynat.config.toml import read_toml
from pynat.impair.wire import ImpairedWire
from pynat.services.leases import State
from pynat.testing.lab import Lab, introduce
from pynat.wire import dhcp
from tests.counting import instructions
from tests.frames import ROUTER, ping, udp
from tests.nat.test_tcp_idle import Connection

FEW, MANY = 10, 150
ELSEWHERE = "192.0.2.7"


def idle_flows(count: int) -> Lab:
    lab = _introduced(Config())
    for number in range(count):
        Connection(lab, 20_000 + number)
        lab.from_guest(udp(ELSEWHERE, 9, b"x", sport=20_000 + number))
    return lab


def leases(count: int) -> Lab:
    lab = _introduced(Config())
    guests, first = lab.router.dhcp.guests, int(lab.config.network.guest) + 1
    for number in range(count):
        address, mac = IPv4Address(first + number).packed, number.to_bytes(6, "big")
        guests.bind(address, dhcp.Message(dhcp.REQUEST, 1, mac), lab.now + 1000)
        assert guests.table[address].state is State.BOUND
    return lab


def forwards(count: int) -> Lab:
    rules = ", ".join(f'"tcp:127.0.0.1:{20_000 + number}-:80"' for number in range(count))
    return _introduced(read_toml(f"forwards = [{rules}]", "net.toml"))


def names(count: int) -> Lab:
    names = "\n".join(f'"{number}.test" = "192.0.2.{number % 250}"' for number in range(count))
    return _introduced(read_toml(f"[dns.names]\n{names}", "net.toml"))


def allowed(count: int) -> Lab:
    allow = ", ".join(f'"10.0.{number}.0/24:{number + 1}"' for number in range(count))
    return _introduced(
        read_toml(f'restricted = true\nallow = [{allow}, "{ELSEWHERE}"]', "net.toml")
    )


def _introduced(config: Config) -> Lab:
    lab = Lab(config)
    introduce(lab)
    return lab


@pytest.mark.parametrize("made", [idle_flows, leases, forwards, names, allowed])
def test_a_turn_costs_the_same_with_few_and_with_many(made: Callable[[int], Lab]) -> None:
    few, many = (_costs(made(count)) for count in (FEW, MANY))
    assert many == pytest.approx(few, rel=0.05)


def _costs(lab: Lab) -> list[int]:
    """Of a segment, a datagram, a new flow, a ping, a turn for nothing, and time that passes."""
    busy = Connection(lab, 5000)
    lab.from_guest(udp(ELSEWHERE, 9, b"x"))
    lab.wait(5)
    return [
        instructions(busy.speak),
        instructions(lambda: lab.from_guest(udp_frame)),
        instructions(lambda: lab.from_guest(new_flow)),
        instructions(lambda: lab.from_guest(ping_frame)),
        instructions(lab.turn),
        instructions(lambda: lab.wait(0.01)),
    ]


udp_frame, ping_frame = udp(ELSEWHERE, 9, b"x"), ping(ROUTER)
new_flow = udp(ELSEWHERE, 9, b"x", sport=5001)


@pytest.mark.parametrize("rule", ["from-guest loss 1%", "arp drop", "tcp delay 1s", "dns drop"])
def test_a_frame_costs_the_same_with_few_and_with_many_rules_for_others(rule: str) -> None:
    few, many = (_costs_of_a_frame(rule, count) for count in (FEW, MANY))
    assert few == many


def _costs_of_a_frame(rule: str, count: int) -> int:
    """To the guest."""
    wire = ImpairedWire(1, *[lambda *_: None] * 4)
    for _ in range(count):
        wire.add(rule)

    def carry() -> None:
        wire.put(udp_frame, 0.0, to_guest=True)
        assert wire.pop_due(0.0, 1, to_guest=True) == [(0.0, udp_frame)]

    carry()
    return instructions(carry)


def test_all_is_counted_the_first_time() -> None:
    def call() -> int:
        return sum(number + 1 for number in range(100))

    first, again = (instructions(call) for _ in range(2))
    assert first == again > 300
