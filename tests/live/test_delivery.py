"""What a guest holds acknowledged reaches a server that reads slowly, however Bochs ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
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

LAST = 250_000
SENT = "".join(f"{number}\n" for number in range(1, LAST + 1)).encode()  # 1.6 MB
SMALL = 16_384  # bytes of the server's receive buffer
PIECE = 2000  # bytes of one of its reads
DISPLAY = 'rfb, options="timeout=0"'  # the display `term` swallows SIGTERM
ACKNOWLEDGED = {"FIN-WAIT-2": "05", "ESTABLISHED": "01"}  # states in /proc/net/tcp


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


def script(port: int, state: str, then: str) -> str:
    after = "sleep 10000" if state == "ESTABLISHED" else "true"
    remote = f":{port:04X}"
    return f"""
check dhcp nic_up eth0
(seq {LAST}; touch /tmp/all; {after}) | nc {ROUTER} {port} &
until [ -e /tmp/all ]; do sleep 1; done
sleep 3  # for nc to have what is in the pipe
until grep -q '{remote} {ACKNOWLEDGED[state]} 00000000:' /proc/net/tcp; do sleep 1; done
mark acknowledged
{then}
"""


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("power-off", "FIN-WAIT-2"),
        ("power-off", "ESTABLISHED"),
        ("SIGINT", "FIN-WAIT-2"),
        ("SIGTERM", "ESTABLISHED"),
    ],
)
def test_a_slow_reader_gets_it_all(ending: str, state: str, artifacts: Path, bochs: Bochs) -> None:
    reader = SlowReader()
    powers_off = ending == "power-off"
    with TcpServer(reader.talk, receive_buffer=SMALL) as server:
        text = script(server.port, state, "true" if powers_off else "sleep 10000")
        image = linux_image(artifacts / "linux.iso", text)
        machine = Machine(image, (nic(artifacts),), display=DISPLAY)
        with Boot(machine, artifacts, bochs) as boot:
            boot.wait_for("@@ acknowledged", 200)
            if not powers_off:
                os.kill(boot.run.pid, signal.Signals[ending])
            reader.go.set()
            assert boot.wait(30).ending is not Ending.TIMEOUT
        assert reader.done.wait(30)
    assert len(reader.got) == len(SENT)
    assert reader.got == SENT
    assert reader.end == ("end of file" if state == "FIN-WAIT-2" else "reset")
