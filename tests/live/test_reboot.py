"""A guest that serves through forwards, and reboots while a connection of its own is open.

After the reboot it connects anew from the same port to the same server: the old connection must
be gone for the server, and the new one must work at once.
"""

from __future__ import annotations

import errno
import re
import socket
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.testing.guests import DONE, READY, Boot, Machine, Nic, linux_image
from tests.live.network import ETHMOD, HANGS, ROUTER

pytestmark = [
    pytest.mark.boots,
    pytest.mark.linux,
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="the configuration is pynat's"),
]

# A model without VMX: Bochs's BIOS locks that for good, and faults when it is started again.
REBOOTABLE = "athlon64_clawhammer"
# Echoes on TCP port 80 and UDP port 9.
SERVE = r"""#!/bin/perl
my $any = pack("S n C4 x8", 2, 80, 0, 0, 0, 0);
socket(L, 2, 1, 0); setsockopt(L, 1, 2, 1); bind(L, $any) && listen(L, 5) or die;
socket(U, 2, 2, 0); bind(U, pack("S n C4 x8", 2, 9, 0, 0, 0, 0)) or die;
if (fork) { while (my $from = recv(U, my $data, 65536, 0)) { send(U, $data, 0, $from) } }
while (accept(C, L)) { while (sysread(C, my $data, 65536)) { syswrite(C, $data) } close(C) }
"""
# From port 4000 to ADDRESS PORT; does what the server says.
DANCE = r"""#!/bin/perl
my ($address, $port) = @ARGV;
socket(S, 2, 1, 0); setsockopt(S, 1, 2, 1);
bind(S, pack("S n C4 x8", 2, 4000, 0, 0, 0, 0)) or die "bind: $!";
connect(S, pack("S n C4 x8", 2, $port, split(/\./, $address))) or die "connect: $!";
syswrite(S, "hello"); sysread(S, my $what, 100);
system("/bin/busybox", "reboot", "-f") if $what eq "reboot";  # exec would close S
print "told $what\n";
"""


def test_forwards_and_a_reboot(artifacts: Path, bochs: Bochs) -> None:
    config = artifacts / "net.toml"
    config.write_text('forwards = ["tcp:127.0.0.1:0-:80", "udp:127.0.0.1:0-:9"]\n')
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(HANGS / 3)
        script = f"""
check dhcp nic_up eth0
serve &
check dance dance {ROUTER} {server.getsockname()[1]}
"""
        image = linux_image(
            artifacts / "linux.iso",
            script,
            programs=("perl",),
            files={"bin/serve": SERVE, "bin/dance": DANCE},
        )
        machine = Machine(image, (Nic(script=config),), cpu=REBOOTABLE)
        with Boot(machine, artifacts, bochs) as boot:
            boot.wait_for(READY, 150)
            before = server.accept()[0]
            with before:
                assert before.recv(100) == b"hello"
                log = (artifacts / "bochs.log").read_text()
                assert_echoes(forwarded(log, 80), forwarded(log, 9))
                before.sendall(b"reboot")
                after = server.accept()[0]
                with after:
                    assert after.recv(100) == b"hello"
                    with pytest.raises(ConnectionResetError) as gone:
                        before.recv(100)
                    assert gone.value.errno == errno.ECONNRESET
                    after.sendall(b"nothing more")
            boot.wait_for(DONE, 60)
            assert "told nothing more" in boot.results()["dance"].output


def forwarded(log: str, guest_port: int) -> int:
    """The port of this machine that leads there."""
    found = re.search(rf"forward \d: .*127\.0\.0\.1:(\d+)-.*:{guest_port}$", log, re.MULTILINE)
    assert found is not None, log
    return int(found[1])


def assert_echoes(tcp: int, udp: int) -> None:
    """From the host through both forwards to the guest and back."""
    data = bytes(range(256)) * 400
    with socket.create_connection(("127.0.0.1", tcp), timeout=60) as stream:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
        with stream.makefile("rb") as file:
            assert file.read() == data
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        program.settimeout(60)
        program.connect(("127.0.0.1", udp))
        program.send(data[:5000])
        assert program.recv(65_536) == data[:5000]
