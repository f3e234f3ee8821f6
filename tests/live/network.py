"""The network that a guest's NIC is put into."""

from __future__ import annotations

import os
from pathlib import Path

from pynat.testing.guests import Nic

ETHMOD = os.environ.get("PYNAT_TEST_ETHMOD", "pynat")
ARTIFACTS = Path("build/artifacts").absolute()
HANGS = 1200  # seconds until a test that hangs is ended; waits for a guest have limits of their own
ROUTER = "192.168.16.1"
ROUTER_MAC = bytes.fromhex("525500a81001")


def nic(folder: Path, model: str = "e1000", *, number: int = 0) -> Nic:
    """A NIC in 192.168.(16 + number).0/24, captured in `capture(folder, number)`."""
    net = f"192.168.{16 + number}"
    config = folder / f"net{number}.conf"
    if ETHMOD == "slirp":
        config.write_text(
            f"# slirp config\nnet = {net}.0\nmask = 255.255.255.0\nhost = {net}.1\n"
            f"dhcpstart = {net}.2\ndns = {net}.3\n"
        )
    else:
        config.write_text(f'capture = "{capture(folder, number)}"\n[network]\nnet = "{net}.0/24"\n')
    return Nic(model, ETHMOD, config, mac=0x56 + number)


def capture(folder: Path, number: int = 0) -> Path:
    return folder / f"net{number}.pcapng"
