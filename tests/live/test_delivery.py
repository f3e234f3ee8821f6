"""What a guest holds acknowledged reaches servers that read slowly, however Bochs ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.testing.guests import Boot, Machine, linux_image
from pynat.testing.servers import TcpServer
from tests.live.network import ETHMOD, ROUTER, nic

pytestmark = [
    pytest.mark.boots,
    pytest.mark.linux,
    pytest.mark.timeout(300),
    pytest.mark.skipif(ETHMOD != "pynat", reason="other back ends lose it"),
]

SIZE = 1_000_000
SENT = Path("/bin/busybox").read_bytes()[:SIZE]  # the guest has it, too
SMALL = 16_384  # bytes of a server's receive buffer
PIECE = 2000  # bytes of one of its reads
DISPLAY = 'rfb, options="timeout=0"'  # the display `term` swallows SIGTERM
STATES = {"FIN-WAIT-2": "05", "ESTABLISHED": "01"}  # in /proc/net/tcp
ENDS = {"FIN-WAIT-2": "end of file", "ESTABLISHED": "reset"}  # as the server sees it


class SlowReader:
    """Reads nothing before it is told to, then small pieces."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.done = threading.Event()
        self.got = bytearray()
        self.end = ""

    def talk(self, connection: socket.socket) -> None:
        self.go.wait()
        pause = threading.Event()
        try:
            while piece := connection.recv(PIECE):
                self.got += piece
                pause.wait(0.001)
            self.end = "end of file"
        except ConnectionResetError:
            self.end = "reset"
        self.done.set()


def script(ports: dict[str, int], then: str) -> str:
    """The guest sends to the one port and closes; to the other it goes on to be connected."""
    remote = {state: f":{port:04X} {STATES[state]} 00000000:" for state, port in ports.items()}
    return f"""
check dhcp nic_up eth0
head -c {SIZE} /bin/busybox | nc {ROUTER} {ports["FIN-WAIT-2"]} &
(head -c {SIZE} /bin/busybox; touch /tmp/all; sleep 10000) | nc {ROUTER} {ports["ESTABLISHED"]} &
until grep -q '{remote["FIN-WAIT-2"]}' /proc/net/tcp; do sleep 1; done
until [ -e /tmp/all ]; do sleep 1; done
sleep 3  # for nc to have what is in the pipe
until grep -q '{remote["ESTABLISHED"]}' /proc/net/tcp; do sleep 1; done
mark acknowledged
{then}
"""


@pytest.mark.parametrize("ending", ["power-off", "SIGINT", "SIGTERM"])
def test_slow_readers_get_it_all(ending: str, artifacts: Path, bochs: Bochs) -> None:
    readers = {state: SlowReader() for state in STATES}
    with ExitStack() as stack:
        servers = {
            state: stack.enter_context(TcpServer(reader.talk, receive_buffer=SMALL))
            for state, reader in readers.items()
        }
        ports = {state: server.port for state, server in servers.items()}
        text = script(ports, "true" if ending == "power-off" else "sleep 10000")
        image = linux_image(artifacts / "linux.iso", text)
        machine = Machine(image, (nic(artifacts),), display=DISPLAY)
        with Boot(machine, artifacts, bochs) as boot:
            boot.wait_for("@@ acknowledged", 200)
            if ending != "power-off":
                os.kill(boot.run.pid, signal.Signals[ending])
            for reader in readers.values():
                reader.go.set()
            assert boot.wait(30).ending is not Ending.TIMEOUT
        for state, reader in readers.items():
            assert reader.done.wait(30)
            assert len(reader.got) == SIZE, state
            assert reader.got == SENT, state
            assert reader.end == ENDS[state], state
