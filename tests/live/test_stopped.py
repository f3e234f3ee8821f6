"""Bochs stands still in the middle of a transfer, as under SIGSTOP or a debugger, and goes on."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import Boot, Machine, ipxe_image
from pynat.testing.servers import HttpServer, TcpServer
from tests.live.network import ROUTER, nic

pytestmark = [pytest.mark.boots, pytest.mark.stack("iPXE"), pytest.mark.timeout(200)]

BODY = b"#!ipxe\n".ljust(300_000, b"#")
CPU = 4_000_000


class Halting:
    """Sends half of a body, and the rest when it is let."""

    def __init__(self) -> None:
        self.halfway = threading.Event()
        self.goes_on = threading.Event()

    def talk(self, connection: socket.socket) -> None:
        connection.recv(4096)
        half = len(BODY) // 2
        head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        connection.sendall(head + BODY[:half])
        self.halfway.set()
        self.goes_on.wait(60)
        connection.sendall(BODY[half:])


def test_a_transfer_goes_on_after_a_stop(artifacts: Path, bochs: Bochs, web: HttpServer) -> None:
    halting = Halting()
    with TcpServer(halting.talk) as server:
        script = f"""
dhcp net0 && imgfetch http://{ROUTER}:{server.port}/halting ||
imgstat halting && imgfetch http://{ROUTER}:{web.port}/report?it=came ||
"""
        image = ipxe_image(artifacts / "ipxe.iso", script)
        with Boot(Machine(image, (nic(artifacts),), ips=CPU), artifacts, bochs) as boot:
            boot.wait_until(halting.halfway.is_set, "no transfer", 120)
            os.kill(boot.run.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, boot.run.pid, os.WSTOPPED | os.WNOWAIT)
            halting.goes_on.set()  # what is sent now waits in the kernel
            os.kill(boot.run.pid, signal.SIGCONT)
            assert web.reports.wait_for(lambda report: report == {"it": "came"}, 120)
