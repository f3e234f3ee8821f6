"""Linux's own stack and busybox's udhcpc on a network that goes wrong on purpose.

They cope, as a test of the faults; and the linter has nothing against how they do, as one of its
rules (the network's end looks at that).
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.netns.network import DEVICE, GUEST, HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

FAR = "192.0.2.77"
CONFIGURES = f"""#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
echo "$1 $ip"
ip addr flush dev {DEVICE}
ip addr add "$ip/${{mask:-24}}" dev {DEVICE}
ip route replace default via {ROUTER}
"""


def config(*faults: str) -> str:
    written = ", ".join(f'"{one}"' for one in faults)
    return f'faults = [{written}]\n[dns]\nnames = {{"a.test" = "192.0.2.7"}}\n'


def udhcpc(folder: Path, *options: str) -> tuple[str, ...]:
    script = folder / "bound"
    script.write_text(CONFIGURES)
    script.chmod(0o755)
    always = ("-f", "-T", "2", "-t", "5", "-i", DEVICE, "-s", str(script))
    return ("busybox", "udhcpc", *always, *options)


@pytest.mark.parametrize(
    "faults",
    [
        ["dhcp silent 2"],
        ["dhcp silent request 1"],
        ["dhcp slow 1"],
        ["dhcp nak 1"],
        ["dhcp oversized 576"],
        ["dhcp overload"],
        ["dhcp minimal"],
        ["dhcp shuffled"],
        ["dhcp wrong-chaddr 1"],
        ["dhcp wrong-xid 1"],
        ["dhcp without router", "dhcp t1 0", "dhcp t2 0"],
    ],
    ids="+".join,
)
def test_udhcpc_gets_its_address(tmp_path: Path, faults: list[str]) -> None:
    with TapNetwork(tmp_path, config(*faults), options=(), captured=True) as network:
        said = network.guest.run(*udhcpc(tmp_path, "-q", "-n")).stdout
        assert f"lease of {GUEST} obtained" in said
        assert "1 received" in network.guest.run("ping", "-c", "1", ROUTER).stdout
    unmet = [
        number for number in range(1, 1 + len(faults)) if f"fault {number}, " not in network.log
    ]
    assert unmet == []


def test_udhcpc_renews_and_is_moved(tmp_path: Path) -> None:
    """By each renewal: udhcpc sends from a socket of its own, where an ACK is lost that comes
    before it has closed that. It then asks again, from its old address.
    """
    with (
        TapNetwork(tmp_path, config("dhcp moved"), options=(), captured=True) as network,
        network.guest.running(*udhcpc(tmp_path)) as client,
    ):
        assert client.stdout is not None
        told = [client.stdout.readline()]
        client.send_signal(signal.SIGUSR1)  # to renew at once
        told.append(client.stdout.readline())
    assert told[0] == f"bound {GUEST}\n"
    moved = re.findall(r"REQUEST.* gets ([\d.]+)", network.log)
    assert told[1] == f"renew {moved[-1]}\n"
    assert moved[-1] != GUEST


def test_udhcpc_declines_an_address_that_is_taken(tmp_path: Path) -> None:
    with TapNetwork(tmp_path, config("arp conflict 1"), options=(), captured=True) as network:
        said = network.guest.run(*udhcpc(tmp_path, "-q", "-n", "-a", "-A", "1")).stdout
        assert "lease of 192.168.16.3 obtained" in said


def test_linux_heeds_a_narrow_path(tmp_path: Path) -> None:
    with TapNetwork(
        tmp_path, config(f"icmp {FAR} fragmentation-needed 1280"), captured=True
    ) as network:
        ping = ("ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1400", FAR)
        said = network.guest.run(*ping, check=False).stdout
        assert "Frag needed and DF set (mtu = 1280)" in said
        assert "mtu 1280" in network.guest.run("ip", "route", "get", FAR).stdout


@pytest.mark.parametrize(
    "fault", ["truncated", "silent 1", "wrong-id 1", "slow 1", "wrong-port 1", "wrong-address 1"]
)
def test_dig_gets_its_answer(tmp_path: Path, fault: str) -> None:
    with TapNetwork(tmp_path, config(f"dns * {fault}"), captured=True) as network:
        dig = ("dig", "+tries=3", "+time=2", f"@{ROUTER}", "a.test")
        assert "192.0.2.7" in network.guest.run(*dig).stdout
    assert "fault 1, dns" in network.log


def test_linux_follows_the_router_to_its_other_mac(tmp_path: Path) -> None:
    with TapNetwork(tmp_path, config("arp failover 1"), captured=True) as network:
        ping = ("ping", "-c", "15", "-i", "0.2", "-W", "1", ROUTER)
        said = network.guest.run(*ping, check=False).stdout
        assert " 0% packet loss" in said
        shown = network.guest.run("ip", "neigh", "show", ROUTER, "dev", DEVICE).stdout
        assert "lladdr 52:55:00:a8:10:00" in shown
