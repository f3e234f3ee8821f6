"""DHCP, ARP, ping and traceroute by the programs of Debian."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pynat.testing.sealed import UNREACHABLE
from tests.netns.network import DEVICE, EACH_DEVICE, GUEST, HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)
DEVICES = EACH_DEVICE

UDHCPC_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
echo "router=$router dns=$dns lease=$lease mtu=$mtu hostname=$hostname"
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
"""
FLOOD = 2000


def test_busybox_gets_its_lease(tmp_path: Path) -> None:
    script = tmp_path / "bound"
    script.write_text(UDHCPC_SCRIPT)
    script.chmod(0o755)
    config = '[network]\nmtu = 1400\n[dhcp]\nhostname = "linux"\nlease = 600\n'
    with TapNetwork(tmp_path, config, options=()) as network:
        client = ("busybox", "udhcpc", "-f", "-q", "-n", "-O", "mtu", "-i", DEVICE, "-s")
        said = network.guest.run(*client, str(script)).stdout
        assert f"router={ROUTER} dns={ROUTER} lease=600 mtu=1400 hostname=linux" in said
        assert f"lease of {GUEST} obtained" in said
        assert "1 received" in network.guest.run("ping", "-c", "1", ROUTER).stdout


def test_arp(network: TapNetwork) -> None:
    network.guest.run("ip", "neigh", "flush", "dev", DEVICE)
    network.guest.run("ping", "-c", "1", ROUTER)
    shown = network.guest.run("ip", "neigh", "show", ROUTER, "dev", DEVICE).stdout
    assert "lladdr 52:55:00:a8:10:01" in shown


def assert_answered(network: TapNetwork, address: str, size: int = 56) -> None:
    """One at a time: after a first answer ping waits two round trips for the others, no longer."""
    said = network.guest.run("ping", "-c", "1", "-W", "20", "-s", str(size), address).stdout
    assert "1 packets transmitted, 1 received, 0% packet loss" in said


@pytest.mark.parametrize("size", [0, 56, 1472, 1473, 3000, 65507])
def test_ping_of_every_size(network: TapNetwork, size: int) -> None:
    for _ in range(2):
        assert_answered(network, ROUTER, size)


def test_a_flood_of_pings_loses_none(network: TapNetwork) -> None:
    said = network.guest.run("ping", "-f", "-q", "-c", str(FLOOD), ROUTER).stdout
    assert f"{FLOOD} packets transmitted, {FLOOD} received, 0% packet loss" in said


def test_ping_goes_to_hosts_as_well(network: TapNetwork, far_host: str) -> None:
    for _ in range(2):
        assert_answered(network, far_host)


@pytest.mark.parametrize("method", ["-U", "-I"])
def test_traceroute_to_the_router(network: TapNetwork, method: str) -> None:
    assert hops(network, method, ROUTER) == [ROUTER]


@pytest.mark.parametrize("method", ["-U", "-I"])
def test_the_router_is_the_first_hop(network: TapNetwork, far_host: str, method: str) -> None:
    assert hops(network, method, far_host) == [ROUTER, far_host]


def hops(network: TapNetwork, method: str, host: str) -> list[str]:
    """The address that answered for each TTL."""
    command = ("traceroute", method, "-n", "-q", "1", "-N", "1", "-w", "1", "-m", "5")
    said = network.guest.run(*command, host).stdout
    return re.findall(r"^ ?\d+  (\S+)", said, re.MULTILINE)


def test_a_net_without_a_route_is_told_by_icmp(network: TapNetwork) -> None:
    nowhere = UNREACHABLE[0].replace("0/24", "9")
    said = network.guest.run("ping", "-c", "1", "-W", "5", nowhere, check=False).stdout
    assert f"From {ROUTER} icmp_seq=1 Destination Host Unreachable" in said


def test_tshark_reads_the_capture(
    make_network: Callable[[str], TapNetwork], tmp_path: Path
) -> None:
    network = make_network("")
    path = network.capture
    began = time.time()
    network.guest.run("ping", "-c", "3", "-i", "0.01", ROUTER)
    fields = ("-e", "frame.time_epoch", "-e", "frame.packet_flags_direction", "-e", "icmp.type")
    done = subprocess.run(
        ("tshark", "-r", path, "-Y", "icmp", "-T", "fields", *fields),
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    assert sorted(row[1:] for row in rows) == [["0x00000001", "8"]] * 3 + [["0x00000002", "0"]] * 3
    assert all(began - 1 < float(row[0]) < time.time() + 1 for row in rows)
