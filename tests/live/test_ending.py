"""Bochs ended in the middle of a transfer leaves no process, no connection, a whole capture."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.testing.guests import Boot, Machine, ipxe_image
from pynat.testing.servers import TcpServer, pseudo_random
from tests.live.frames import is_whole, verify_capture
from tests.live.network import ETHMOD, HANGS, ROUTER, capture, nic

pytestmark = [pytest.mark.boots, pytest.mark.stack("iPXE"), pytest.mark.timeout(HANGS)]

MIDDLE = 200_000  # bytes captured when Bochs is ended
GRACE = 10.0  # seconds
DISPLAY = 'rfb, options="timeout=0"'  # the display `term` swallows SIGTERM
CPU = 4_000_000


class Endless:
    """An HTTP body that does not end before the client does."""

    def __init__(self) -> None:
        self.sending = threading.Event()
        self.disconnected = threading.Event()

    def talk(self, connection: socket.socket) -> None:
        data = pseudo_random(9, 10_000)
        try:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                connection.sendall(data)
                self.sending.set()
        except ConnectionError:
            self.disconnected.set()

    def is_in_the_middle(self, path: Path) -> bool:
        enough = ETHMOD != "pynat" or (path.is_file() and path.stat().st_size > MIDDLE)
        return self.sending.is_set() and enough


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ended_by(number: signal.Signals, artifacts: Path, bochs: Bochs) -> None:
    endless = Endless()
    path = capture(artifacts)
    with TcpServer(endless.talk) as server:
        script = f"dhcp net0 && imgfetch http://{ROUTER}:{server.port}/endless ||"
        image = ipxe_image(artifacts / "ipxe.iso", script)
        machine = Machine(image, (nic(artifacts),), ips=CPU, display=DISPLAY)
        with Boot(machine, artifacts, bochs) as boot:
            boot.wait_until(lambda: endless.is_in_the_middle(path), "no transfer", 120)
            os.kill(boot.run.pid, number)
            outcome = boot.wait(GRACE)
            assert outcome.ending is not Ending.TIMEOUT
            assert endless.disconnected.wait(10), "the connection to the server is still open"
            assert not Path(f"/proc/{boot.run.pid}").exists()
    assert not _running_on(artifacts)
    if ETHMOD == "pynat":
        assert is_whole(path)
        assert verify_capture(path)["tcp"] > MIDDLE // 1600


def _running_on(folder: Path) -> list[str]:
    """Command lines of processes that name `folder`."""
    lines: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            lines.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return [line for line in lines if str(folder) in line]
