"""What `pynat tap` says and does at its start and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pynat.testing.namespace import Namespace
from pynat.testing.servers import TcpSink, TcpSource, sha256
from tests.netns.network import DEADLINE, DEVICE, GUEST, GUEST_MAC, HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

HASH = sha256(b"hello guest\n")


def tap(*arguments: str) -> subprocess.CompletedProcess[str]:
    """For one that ends by itself: it cannot start."""
    command = (sys.executable, "-X", "dev", "-m", "pynat", "tap", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


@contextlib.contextmanager
def tap_without_end(*arguments: str, before: tuple[str, ...] = ()) -> Iterator[None]:
    """Serving while the block runs."""
    command = (*before, sys.executable, "-m", "pynat", "tap", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("ready")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_asked_to_end(tmp_path: Path, number: signal.Signals) -> None:
    dev_mode = ("-X", "dev")
    with (
        TapNetwork(tmp_path, python=dev_mode) as network,
        TcpSource(b"hello guest\n") as server,
    ):
        assert network.ready == (
            f"ready: {DEVICE} in {network.guest.path}, guest {GUEST}, router {ROUTER}\n"
        )
        assert network.client("fetch", ROUTER, server.port) == f"{HASH} 12"
        network.end(number)
        assert network.exit_code == 0
        assert network.summary.startswith("done: from the guest ")
        assert "Warning" not in network.log
        assert "Traceback" not in network.log


def test_the_device_is_up_and_has_the_guests_mac(tmp_path: Path) -> None:
    with TapNetwork(tmp_path, "[network]\nmtu = 1400\n") as network:
        shown = network.guest.run("ip", "addr", "show", DEVICE).stdout
        assert "UP" in shown
        assert "mtu 1400" in shown
        assert GUEST_MAC in shown
        assert f"inet {GUEST}/24" in shown
        route = network.guest.run("ip", "route", "show", "default").stdout
        assert route.split()[:5] == ["default", "via", ROUTER, "dev", DEVICE]


def test_flows_that_send_at_once_fit_its_queue(tmp_path: Path) -> None:
    """A queue that overflows has every flow send again."""
    with TapNetwork(tmp_path) as network, contextlib.ExitStack() as servers:
        sinks = [servers.enter_context(TcpSink()) for _ in range(12)]
        with ThreadPoolExecutor(len(sinks)) as pool:
            list(pool.map(lambda one: network.client("push", ROUTER, one.port, 2, 1 << 20), sinks))
        shown = network.guest.run("ip", "-s", "-j", "link", "show", DEVICE).stdout
        assert json.loads(shown)[0]["stats64"]["tx"]["dropped"] == 0


def test_the_device_goes_with_the_engine(tmp_path: Path) -> None:
    with TapNetwork(tmp_path) as network:
        network.end()
        assert DEVICE not in network.guest.run("ip", "link").stdout


def test_a_tap_that_is_there_is_taken_over_and_left(tmp_path: Path) -> None:
    mac = "52:54:00:00:00:09"
    with Namespace() as guest:
        guest.run("ip", "tuntap", "add", "dev", DEVICE, "mode", "tap")
        guest.run("ip", "link", "set", DEVICE, "address", mac, "txqueuelen", "7")
        with TapNetwork(tmp_path, guest=guest):
            shown = guest.run("ip", "link", "show", DEVICE).stdout
            assert mac in shown
            assert "qlen 7" in shown
        assert mac in guest.run("ip", "link", "show", DEVICE).stdout


def test_the_deletion_of_the_device_ends_it(tmp_path: Path) -> None:
    with TapNetwork(tmp_path) as network:
        network.guest.run("ip", "link", "delete", DEVICE)
        network.process.wait(DEADLINE)
        assert "the TAP device is gone" in network.log


@pytest.fixture
def names() -> Iterator[None]:
    """Where ip-netns(8) keeps names can be written, as for root. The run has its own mounts."""
    if os.access("/run", os.W_OK):
        yield
        return
    subprocess.run(("mount", "-t", "tmpfs", "names", "/run"), check=True)
    yield
    subprocess.run(("umount", "--lazy", "/run"), check=True)


@pytest.mark.usefixtures("names")
def test_a_namespace_that_is_missing_is_made_and_removed() -> None:
    name = f"pynat-test-{os.getpid()}"
    with tap_without_end(DEVICE, "--netns", name, "--configure"):
        inside = subprocess.run(
            ("ip", "-n", name, "-o", "addr"), capture_output=True, text=True, check=True
        ).stdout
    assert f"inet {GUEST}/24" in inside
    assert "inet 127.0.0.1/8" in inside
    listed = subprocess.run(("ip", "netns"), capture_output=True, text=True, check=True).stdout
    assert name not in listed


def test_one_that_is_served_already_is_refused(tmp_path: Path) -> None:
    with TapNetwork(tmp_path) as network:
        done = tap(DEVICE, "--netns", str(network.guest.path))
    assert done.returncode == 1
    assert done.stderr == (
        f"pynat: TAP device {DEVICE}: Device or resource busy; another program serves it: end"
        " that one, or choose another name\n"
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["a-name-that-is-too-long"], "use 1 to 15 letters and digits"),
        (["tap/0"], "use 1 to 15 letters and digits"),
        (["lo"], "lo: Invalid argument; a device of this name is there and is no TAP"),
        (["tap0", "--netns", "/proc/1/nothing"], "No such file or directory; name one of"),
        (["tap0", "--netns", "/proc/self/exe"], "cannot enter it"),
        (["tap0", "--config", "/nothing.toml"], "/nothing.toml: no such file"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(arguments: list[str], error: str) -> None:
    done = tap(*arguments)
    assert done.returncode == 1
    assert error in done.stderr
    assert done.stderr.startswith("pynat: ")
    assert done.stderr.count("\n") == 1


# Setfcap alone is needed to have uid 0 in a user namespace if one is uid 0 outside of it.
NO_CAPABILITY = ("setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all", "--")


def test_without_the_right_to_it_the_remedy_is_told() -> None:
    command = (*NO_CAPABILITY, sys.executable, "-m", "pynat", "tap", DEVICE)
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 1
    assert "Operation not permitted; run this as root, or without root" in done.stderr


def test_without_root_in_a_user_namespace() -> None:
    """The guest is in a namespace that an ordinary user may make, the engine outside of it."""
    with (
        Namespace((*NO_CAPABILITY, "unshare", "--user", "--map-root-user")) as guest,
        TcpSource(b"hello guest\n") as server,
        tap_without_end(DEVICE, "--netns", str(guest.path), "--configure", before=NO_CAPABILITY),
    ):
        said = guest.run("nc", ROUTER, str(server.port)).stdout
        assert said == "hello guest\n"


def test_a_device_that_is_down_for_a_while(tmp_path: Path) -> None:
    with TapNetwork(tmp_path) as network:
        for state in ("down", "up"):
            network.guest.run("ip", "link", "set", DEVICE, state)
        network.guest.run("ip", "route", "replace", "default", "via", ROUTER)
        assert "1 received" in network.guest.run("ping", "-c", "1", ROUTER).stdout


@pytest.mark.usefixtures("names")
def test_a_namespace_that_is_there_stays() -> None:
    name = f"pynat-test-kept-{os.getpid()}"
    subprocess.run(("ip", "netns", "add", name), check=True)
    try:
        with tap_without_end(DEVICE, "--netns", name):
            pass
        shown = subprocess.run(("ip", "-n", name, "link"), capture_output=True, check=True).stdout
        assert DEVICE.encode() not in shown
    finally:
        subprocess.run(("ip", "netns", "delete", name), check=True)
