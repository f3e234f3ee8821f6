"""Several NICs in one Bochs, each with a network of its own, all at work at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import DONE, READY, Boot, Machine, linux_image
from pynat.testing.servers import HttpServer, pseudo_random, sha256
from tests.live.frames import verify_capture
from tests.live.network import ETHMOD, HANGS, capture, nic

pytestmark = [pytest.mark.boots, pytest.mark.linux, pytest.mark.timeout(HANGS)]

MODELS = ("e1000", "ne2k-pci", "e1000")  # Bochs 2.7 takes one ne2k in a PCI slot
SIZE = 300_000
LONGEST = 65_507  # bytes of a ping, in 45 fragments; an NE2000's ring takes 8 frames

# The names eth0.. depend on the drivers' order, so each NIC is known by its address.
SCRIPT = """
get() {{
  wget -q -O /tmp/$1 http://192.168.$1.1:{port}/bytes/$1/{size} && sha256sum /tmp/$1
}}
all() {{
  for net in $NETS; do get $net & done
  wait
}}
KEEP_ROUTES=yes; export KEEP_ROUTES
for nic in $(ls /sys/class/net | grep eth); do check $nic nic_up $nic; done
NETS="{nets}"
check all all
long() {{ ping -c 1 -W 60 -s {longest} 192.168.$1.1; }}  # ping -c 2 waits 1 s for the last reply
for net in $NETS; do check ping$net long $net; done
for net in $NETS; do check again$net long $net; done
"""


def test_all_get_work_done(artifacts: Path, bochs: Bochs, web: HttpServer) -> None:
    nics = tuple(nic(artifacts, model, number=number) for number, model in enumerate(MODELS))
    nets = [16 + number for number in range(len(MODELS))]
    script = "mount -t sysfs sys /sys\n" + SCRIPT.format(
        port=web.port, size=SIZE, longest=LONGEST, nets=" ".join(map(str, nets))
    )
    image = linux_image(artifacts / "linux.iso", script, nic_models=MODELS)
    with Boot(Machine(image, nics), artifacts, bochs) as boot:
        boot.wait_for(READY, 150)
        boot.wait_for(DONE, 120)
        checks = boot.results()
    leases = "".join(check.output for check in checks.values())
    for net in nets:
        assert f"IP=192.168.{net}.2 ROUTER=192.168.{net}.1" in leases
        assert f"{sha256(pseudo_random(net, SIZE))}  /tmp/{net}" in checks["all"].output
        for ping in (checks[f"ping{net}"].output, checks[f"again{net}"].output):
            assert "1 packets received" in ping, ping
    if ETHMOD == "pynat":
        for number in range(len(MODELS)):
            assert verify_capture(capture(artifacts, number))["tcp"] > SIZE // 1460
