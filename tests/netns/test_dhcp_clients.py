"""DHCP clients of Linux, on a wire that loses each twentieth frame, among peers that misbehave.

Each configures the device by itself. TapNetwork holds what the linter says against docs/lint.md.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from pynat.config.peers import zoo
from pynat.faults.servers import generated
from pynat.faulty_host import PAGE_SIZE
from tests.netns.network import DEVICE, HANGS, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

LOSSY = """
zoo = true
seed = 3
impair = ["loss 5%"]
[dhcp]
lease = 600
"""
HARD = ("reorder", "overlap", "noack", "badsynack", "dupack", "finagain")
ADDRESSES = {
    faulty_host.name.removesuffix(".test"): str(faulty_host.address) for faulty_host in zoo()
}
# What they write is theirs alone, and behind a read-only /sys networkd waits for no udev.
OWN_FILES = "mount -t tmpfs none /run && mount -t sysfs -o ro none /sys"
DHCPCD = f"""
{OWN_FILES} && mount -t tmpfs none /var/lib && mkdir /run/dhcpcd /var/lib/dhcpcd &&
echo 'nohook resolv.conf, hostname' >/run/dhcpcd.conf &&
exec dhcpcd --nobackground --debug --ipv4only --config /run/dhcpcd.conf {DEVICE} 2>&1
"""
# A namespace of somebody who is not root has no other user to whom it could change.
NETWORKD = f"""
{OWN_FILES} && mkdir -p /run/systemd/network &&
sed 's/^\\(systemd-network:[^:]*\\):[0-9]*:[0-9]*/\\1:0:0/' /etc/passwd >/run/passwd &&
mount --bind /run/passwd /etc/passwd &&
printf '[Match]\\nName={DEVICE}\\n[Network]\\nDHCP=ipv4\\nLinkLocalAddressing=no\\n' \\
    >/run/systemd/network/10-{DEVICE}.network &&
SYSTEMD_LOG_LEVEL=debug exec /lib/systemd/systemd-networkd 2>&1
"""


def lines_until(words: str, client: Popen[str]) -> Iterator[str]:
    assert client.stdout is not None
    said = []
    for line in client.stdout:
        yield line
        said.append(line)
        if words in line:
            return
    raise AssertionError(f"it has ended without {words!r}; it said:\n{''.join(said[-30:])}")


@pytest.mark.parametrize(
    ("stack", "script", "done", "gone"),
    [
        ("dhcpcd", DHCPCD, "adding default route", "deleting default route"),
        ("systemd networkd", NETWORKD, "DHCPv4 address and routes set", "DHCPv4 client: FREE"),
    ],
    ids=["dhcpcd", "networkd"],
)
def test_it_configures_the_device_and_gives_it_back(
    tmp_path: Path, stack: str, script: str, done: str, gone: str
) -> None:
    page = len(generated(0, PAGE_SIZE).replace(b"\r\n", b"\n"))
    with (
        TapNetwork(tmp_path, LOSSY, options=(), stack=stack, captured=True) as network,
        network.guest.running("unshare", "--mount", "sh", "-c", script) as client,
    ):
        log = list(lines_until(done, client))
        for name in HARD:
            curl = ("curl", "-sS", "--max-time", "300", "--http1.0", f"http://{ADDRESSES[name]}/")
            assert len(network.guest.run(*curl).stdout) == page, name
        client.send_signal(signal.SIGTERM)
        log += lines_until(gone, client)
    assert log
