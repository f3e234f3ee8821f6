"""TFTP clients that others wrote, in a Linux guest: files go both ways unharmed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pynat.testing.servers import pseudo_random
from tests.netns.network import HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

PAUSES = 3  # of a client on a busy machine, each longer than a time-out
SIZE = 3_000_000  # bytes; more than 65,535 blocks would be slow, the sans-IO tests have those


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    (root / "boot").mkdir()
    (root / "boot" / "x").write_bytes(pseudo_random(1, SIZE))
    return root


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[TapNetwork]:
    config = f'[tftp]\nroot = "{root}"\nwrite = true\n'
    with TapNetwork(tmp_path_factory.mktemp("network"), config, captured=True) as network:
        yield network
    assert "engine fault" not in network.log, network.log


GET = {
    "busybox": ("busybox", "tftp", "-g", "-b", "1468", "-l", "{local}", "-r", "{remote}", ROUTER),
    "busybox, large blocks": (
        *("busybox", "tftp", "-g", "-b", "65464"),
        *("-l", "{local}", "-r", "{remote}", ROUTER),
    ),
    "tftp-hpa": ("tftp", "-m", "binary", ROUTER, "-c", "get", "{remote}", "{local}"),
    "atftp": ("atftp", "-g", "-l", "{local}", "-r", "{remote}", ROUTER),
    "atftp, windows": (
        *("atftp", "-g", "--option", "windowsize 16", "--option", "blksize 1468"),
        *("-l", "{local}", "-r", "{remote}", ROUTER),
    ),
    "curl": ("curl", "-sS", "-o", "{local}", f"tftp://{ROUTER}/{{remote}}"),
}
PUT = {
    "busybox": ("busybox", "tftp", "-p", "-b", "1468", "-l", "{local}", "-r", "{remote}", ROUTER),
    "tftp-hpa": ("tftp", "-m", "binary", ROUTER, "-c", "put", "{local}", "{remote}"),
    "atftp": ("atftp", "-p", "-l", "{local}", "-r", "{remote}", ROUTER),
    "curl": ("curl", "-sS", "-T", "{local}", f"tftp://{ROUTER}/{{remote}}"),
}


def run(network: TapNetwork, command: tuple[str, ...], local: Path, remote: str) -> None:
    words = [word.format(local=local, remote=remote) for word in command]
    done = network.guest.run(*words, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{network.log}"


@pytest.mark.parametrize("client", GET)
def test_a_client_reads(network: TapNetwork, tmp_path: Path, client: str) -> None:
    before = len(network.log)
    run(network, GET[client], tmp_path / "got", "boot/x")
    assert (tmp_path / "got").read_bytes() == pseudo_random(1, SIZE)
    repeated = re.findall(r"(\d+) packets repeated", network.log[before:])
    assert sum(map(int, repeated)) <= PAUSES


@pytest.mark.parametrize("client", PUT)
def test_a_client_writes(network: TapNetwork, root: Path, tmp_path: Path, client: str) -> None:
    (tmp_path / "put").write_bytes(pseudo_random(2, SIZE))
    run(network, PUT[client], tmp_path / "put", f"{client}.bin")
    network.settle()
    assert (root / f"{client}.bin").read_bytes() == pseudo_random(2, SIZE)


def test_a_client_is_told_why(network: TapNetwork, tmp_path: Path) -> None:
    command = ("curl", "-sS", f"tftp://{ROUTER}/boot/y")
    done = network.guest.run(*command, check=False)
    assert done.returncode == 68, done.stderr  # CURLE_TFTP_NOTFOUND
    network.settle()
    assert 'tftp 192.168.16.2: "boot/y" not found (file not found in' in network.log


def test_text(network: TapNetwork, root: Path, tmp_path: Path) -> None:
    (root / "t").write_bytes(b"a\nb\rc\n")
    command = ("tftp", "-m", "netascii", ROUTER, "-c", "get", "{remote}", "{local}")
    run(network, command, tmp_path / "got", "t")
    assert (tmp_path / "got").read_bytes() == b"a\nb\rc\n"
