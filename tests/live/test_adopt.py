"""A guest with addresses of another net compiled in: 386BSD's 192.168.1.x behind 192.168.1.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import Boot, Machine, Nic, ipxe_image
from pynat.testing.servers import HttpServer
from tests.live.network import ETHMOD

pytestmark = [pytest.mark.boots, pytest.mark.stack("iPXE"), pytest.mark.timeout(200)]

SLOW_CPU = 8_000_000  # iPXE waits busily, so its seconds cost this many instructions


@pytest.mark.parametrize("adopt", [True, False])
def test_a_guest_of_another_net(
    adopt: bool, artifacts: Path, bochs: Bochs, web: HttpServer
) -> None:
    at = f"http://192.168.1.1:{web.port}/report?step=adopt{adopt}"
    script = f"""
set net0/ip 192.168.1.10
set net0/netmask 255.255.255.0
set net0/gateway 192.168.1.1
ifopen net0
imgfetch {at} ||
shell
"""
    config = artifacts / "net.toml"
    config.write_text(f"network.adopt = {str(adopt).lower()}\n")
    image = ipxe_image(artifacts / "ipxe.iso", script)
    machine = Machine(image, (Nic("e1000", ETHMOD, config),), ips=SLOW_CPU)
    log = artifacts / "bochs.log"
    told = 'write network.net = "192.168.1.0/24" into the file that script= names'
    with Boot(machine, artifacts, bochs) as boot:
        if adopt:
            reported = {"step": f"adopt{adopt}"}
            boot.wait_until(lambda: reported in web.reports.all(), "no report", 100)
        else:
            boot.wait_until(lambda: told in log.read_text(errors="replace"), "not told", 100)
            # Nobody answers, so it asks for its gateway four times within a second.
            boot.wait_until(lambda: "ARP022" in log.read_text(errors="replace"), "not asked", 100)
    assert (told in log.read_text(errors="replace")) == (not adopt)
