"""A real path behind the engine's host: this namespace, a router, and a far host.

    10.9.1.2 (here) --- 10.9.1.1 router 10.9.2.1 --- MTU 1280 --- 10.9.2.2 far host

The router knows 198.51.100.0/24 to be unreachable and forbids 198.51.101.0/24. Both answer every
probe (no limit on ICMP), and both send UDP datagrams to port 7 back.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pynat.testing.namespace import Namespace

HERE, NEAR, FAR = "10.9.1.2", "10.9.1.1", "10.9.2.2"
UNREACHABLE, PROHIBITED = "198.51.100.7", "198.51.101.7"
GROUP = "239.1.2.3"
NARROW = 1280  # bytes, MTU of the second link
ECHO_PORT = 7

_ECHO = f"""
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", {ECHO_PORT}))
try:
    group = socket.inet_aton("{GROUP}") + socket.inet_aton("0.0.0.0")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
except OSError:
    pass  # no way to a multicast group from here
print("ready", flush=True)
while True:
    data, peer = sock.recvfrom(65535)
    sock.sendto(data, peer)
"""


@contextlib.contextmanager
def path() -> Iterator[None]:
    with Namespace() as near, Namespace() as far:
        _ip("link", "add", "up0", "type", "veth", "peer", "name", "down0", "netns", str(near.path))
        _ip("addr", "add", f"{HERE}/24", "dev", "up0")
        _ip("link", "set", "up0", "up")
        _ip("route", "add", "default", "via", NEAR)
        for words in (
            f"link add up1 mtu {NARROW} type veth peer name down1 mtu {NARROW} netns {far.path}",
            f"addr add {NEAR}/24 dev down0",
            "addr add 10.9.2.1/24 dev up1",
            "link set down0 up",
            "link set up1 up",
            "route add unreachable 198.51.100.0/24",
            "route add prohibit 198.51.101.0/24",
            f"route add {GROUP} dev down0",
        ):
            near.run("ip", *words.split())
        for words in (
            f"addr add {FAR}/24 dev down1",
            "link set down1 up",
            "route add default via 10.9.2.1",
        ):
            far.run("ip", *words.split())
        for namespace in (near, far):
            namespace.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/icmp_ratemask")
        near.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        with _echo(near), _echo(far):
            try:
                yield
            finally:
                _ip("link", "delete", "up0")


def forget_mtus() -> None:
    """What this kernel has learned about paths."""
    _ip("route", "flush", "cache")


def ping_sockets(allowed: bool) -> None:
    """Without them root has raw sockets."""
    Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0" if allowed else "1 0")


@contextlib.contextmanager
def _echo(namespace: Namespace) -> Iterator[None]:
    command = namespace.command(sys.executable, "-c", _ECHO)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            server.terminate()


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True, text=True)
