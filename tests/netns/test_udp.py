"""Datagrams of every size, and what becomes of those to nobody."""

from __future__ import annotations

import socket

import pytest

from pynat.testing.servers import UdpEcho
from tests.netns.network import EACH_DEVICE, HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)
DEVICES = EACH_DEVICE


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 8000, 65_507])
def test_datagrams_of_every_size_come_back(network: TapNetwork, size: int) -> None:
    with UdpEcho() as server:
        assert network.client("datagram", ROUTER, server.port, size) == "same"


def test_datagrams_that_are_sent_as_one_come_one_by_one(network: TapNetwork) -> None:
    with UdpEcho() as server:
        assert network.client("datagrams", ROUTER, server.port, 1000, 4500) == "same"
        assert [len(one) for one in server.received.all()] == [1000, 1000, 1000, 1000, 500]


def test_a_closed_port_is_refused(network: TapNetwork) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert network.client("ask_udp", ROUTER, port) == "ECONNREFUSED"
