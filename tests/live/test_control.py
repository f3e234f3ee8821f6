"""A guest that is shut in, fetches by a name that leads to this machine and from a program that is
started for it, while `pynat ctl` looks on."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.control import places
from pynat.control.client import ask
from pynat.testing.guests import Boot, Machine, Nic, ipxe_image
from pynat.testing.servers import HttpServer
from tests.live.network import ETHMOD, HANGS, ROUTER

pytestmark = [
    pytest.mark.boots,
    pytest.mark.stack("iPXE"),
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="no other back end has these"),
]

PROGRAM = "192.168.16.100"
# SIGTERM is not blocked in a program that the engine's thread starts
ANSWER = r"""read request
status=$(grep SigBlk /proc/self/status | tr -d '\t')
body="#!ipxe
imgfetch http://files.test/report?$status ||"
printf 'HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body"
cat >/dev/null
"""


def test_a_guest_that_is_shut_in(artifacts: Path, bochs: Bochs, web: HttpServer) -> None:
    program = artifacts / "answer.sh"
    program.write_text(ANSWER)
    config = artifacts / "net.toml"
    config.write_text(
        f"""
        restricted = true
        guestfwd = ["tcp:{PROGRAM}:80-cmd:sh {program}"]
        [host_aliases]
        "files.test:80" = "127.0.0.1:{web.port}"
        """
    )
    script = f"""
dhcp net0 && imgfetch http://{ROUTER}:{web.port}/report?not=allowed ||
imgfree ||
chain --autofree http://{PROGRAM}/ ||
imgfetch http://files.test/slow/20 ||
"""
    image = ipxe_image(artifacts / "ipxe.iso", script)
    with Boot(Machine(image, (Nic(script=config),)), artifacts, bochs) as boot:
        boot.wait_until(lambda: "SigBlk:" in str(web.reports.all()), "no report", 120)
        (report,) = web.reports.all()
        assert "not" not in report
        assert int(str(report).split("SigBlk:")[1].split("'")[0], 16) == 0
        (path,) = places.found(boot.run.pid)
        boot.wait_until(lambda: _is_slow(path), "no slow flow", 60)
        assert ask(path, "stats")["drops"]["restricted"] >= 1
        _add_a_way_in(path, artifacts / "guest.sock")
        assert ask(path, "leases")["leases"][0]["address"] == "192.168.16.2"
        assert ask(path, "info")["pid"] == boot.run.pid
    assert not places.found(boot.run.pid)


def _is_slow(path: Path) -> bool:
    """The guest has asked for something that takes a while."""
    flows = [flow for flow in ask(path, "flows")["flows"] if flow["protocol"] == "tcp"]
    return any(
        flow["remote"] == "198.18.0.1:80"
        and flow["state"] == "ESTABLISHED"
        and flow["bytes_from_guest"] > 20
        and flow["bytes_from_host"] == 0
        for flow in flows
    )


def _add_a_way_in(path: Path, way: Path) -> None:
    ask(path, "forward add", rule=f"unix:{os.path.relpath(way)}-:80")
    with socket.socket(socket.AF_UNIX) as program:
        program.connect(os.path.relpath(way))
    ask(path, "forward remove", number=0)
    assert not way.exists()
