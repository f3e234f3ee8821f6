"""Bochs ended in the middle of a transfer leaves no process, no connection, a whole capture."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import Boot, Machine, ipxe_image
from pynat.testing.servers import TcpServer, pseudo_random
from tests.live.frames import is_whole, verify_capture
from tests.live.network import ETHMOD, ROUTER, capture, nic

pytestmark = [pytest.mark.boots, pytest.mark.timeout(200)]

MIDDLE = 300_000  # bytes sent when Bochs is ended
CPU = 4_000_000


class Endless:
    """An HTTP body that does not end before the client does."""

    def __init__(self) -> None:
        self.in_the_middle = threading.Event()
        self.disconnected = threading.Event()

    def talk(self, connection: socket.socket) -> None:
        data = pseudo_random(9, 10_000)
        sent = 0
        try:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                connection.sendall(data)
                sent += len(data)
                if sent > MIDDLE:
                    self.in_the_middle.set()
        except ConnectionError:
            self.disconnected.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ended_by(number: signal.Signals, artifacts: Path, bochs: Bochs) -> None:
    endless = Endless()
    with TcpServer(endless.talk) as server:
        script = f"dhcp net0 && imgfetch http://{ROUTER}:{server.port}/endless ||"
        image = ipxe_image(artifacts / "ipxe.iso", script)
        machine = Machine(image, (nic(artifacts),), ips=CPU)
        with Boot(machine, artifacts, bochs) as boot:
            assert endless.in_the_middle.wait(120), boot.last_lines()
            group = boot.run.pid
            os.killpg(group, number)
            outcome = boot.wait(20)
            assert outcome.wall < 150
            assert endless.disconnected.wait(10), "the connection to the server is still open"
            assert not _members(group)
    if ETHMOD == "pynat":
        assert is_whole(capture(artifacts))
        assert verify_capture(capture(artifacts))["tcp"] > 100


def _members(group: int) -> list[int]:
    """Processes of a process group that are no zombies."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(folder.name))
    return found
