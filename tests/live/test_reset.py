"""A kernel without DHCP whose machine is reset while it has a connection.

Its old connection is gone for the server before the new one comes, and the new one works; the
linter holds nothing of the old one against the new kernel, which begins with the same numbers.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.log.comments import RESET
from pynat.testing.guests import Boot, Machine, Nic, compiled_kernel, kernel_image
from tests.linting import findings
from tests.live.network import ETHMOD, HANGS
from tests.live.test_example_kernel import SOURCE
from tests.live.test_reboot import REBOOTABLE, forwarded

pytestmark = [
    pytest.mark.boots,
    pytest.mark.stack("examples/kernel"),
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="the configuration is pynat's"),
]

# In the place of dhcp.c: an address of its own, probed for and announced.
STATIC = """
#include "kernel.h"
enum { ADDRESS = 0xc0a81003, PROBES = 3, ANNOUNCEMENTS = 2 };
void dhcp_input(struct packet *p) { (void)p; }
void dhcp_tick(void) {
    static u32 asked, next;
    if (asked == PROBES + ANNOUNCEMENTS || !due(next)) return;
    if (asked++ >= PROBES) my_ip = ADDRESS, my_mask = 0xffffff00, my_router = 0xc0a81001;
    arp_ask(ADDRESS), next = ticks + (asked < PROBES ? 1500 : 2500);
}
"""
# Waits for a byte of the server's: what to do.
OBEY = """
static void do_obey(char *port) {
    struct tcp *t = tcp_connect(my_router, parse_number((const char **)&port));
    int byte;
    if (!t) return;
    tcp_write(t, '!');
    while ((byte = tcp_read(t)) < 0 && t->state != CLOSED) net_poll();
    print("told %c\\n", byte);
    if (byte == 'r') outb(0xcf9, 2), outb(0xcf9, 6);
    tcp_close(t);
}
"""


@pytest.fixture(scope="module")
def kernel(module_artifacts: Path) -> Path:
    source = module_artifacts / "source"
    shutil.copytree(SOURCE, source)
    (source / "dhcp.c").write_text(STATIC)
    main = (source / "main.c").read_text()
    main = main.replace("static const struct {", OBEY + "\nstatic const struct {", 1)
    main = main.replace('{"ping", do_ping}', '{"ping", do_ping}, {"obey", do_obey}', 1)
    (source / "main.c").write_text(main)
    return compiled_kernel(source, module_artifacts / "kernel")


@pytest.mark.parametrize("model", ["e1000", "ne2k-pci"])
def test_a_reset_of_the_machine(model: str, kernel: Path, artifacts: Path, bochs: Bochs) -> None:
    config, capture = artifacts / "net.toml", artifacts / "net.pcapng"
    config.write_text(f'capture = "{capture}"\nforwards = ["tcp:127.0.0.1:0-192.168.16.3:7"]\n')
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(120)
        words = f"obey={server.getsockname()[1]} echo=7 poweroff"
        image = kernel_image(artifacts / "kernel.iso", kernel, words)
        with Boot(
            Machine(image, (Nic(model, script=config),), cpu=REBOOTABLE), artifacts, bochs
        ) as boot:
            before = server.accept()[0]
            with before:
                assert before.recv(1) == b"!"
                before.sendall(b"r")
                with pytest.raises(ConnectionResetError):
                    before.recv(1)
            after = server.accept()[0]
            with after:
                assert after.recv(1) == b"!"
                after.sendall(b"-")
            boot.wait_for("echo: port", 60)
            log = (artifacts / "bochs.log").read_text(errors="replace")
            with socket.create_connection(("127.0.0.1", forwarded(log, 7))) as program:
                program.settimeout(HANGS / 3)
                program.sendall(b"still there")
                program.shutdown(socket.SHUT_WR)
                with program.makefile("rb") as file:
                    assert file.read() == b"still there"
            assert boot.wait(60).ending is Ending.POWER_OFF
    log = (artifacts / "bochs.log").read_text(errors="replace")
    assert log.count("guest reset") == 1
    assert not findings(log)
    assert "the guest was reset after 1 bytes from the guest" in log
    assert RESET.encode() in capture.read_bytes()
