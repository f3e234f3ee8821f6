"""A Linux guest on e1000: one boot, many checks, with Bochs's default clock (sync=none)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending, Outcome
from pynat.testing.guests import DONE, READY, Boot, Check, Machine, linux_image
from pynat.testing.servers import DnsStub, HttpServer, TcpSink, UdpEcho, pseudo_random, sha256
from tests.live.conftest import RECORDS
from tests.live.frames import verify_capture
from tests.live.network import ETHMOD, HANGS, ROUTER, capture, nic

pytestmark = [pytest.mark.boots, pytest.mark.linux, pytest.mark.timeout(HANGS)]

SIZE = 4_000_000
IDLE = 30  # seconds of guest time
LONGEST = 65_507  # bytes of UDP or ping, in 45 fragments
DATAGRAMS = (1, 100, 1472, LONGEST)  # bytes; 1,472 fill a frame
UNREACHABLE = "203.0.113.5"
ECONNREFUSED, EHOSTUNREACH = 111, 113

# A datagram to ADDRESS PORT of SIZE bytes; prints what came back, or the error number.
UDP_PERL = """#!/bin/perl
my ($address, $port, $size) = @ARGV;
socket(S, 2, 2, 0) or die;
setsockopt(S, 0, 11, pack("i", 1));  # IP_RECVERR: ICMP errors become errors of recv
connect(S, pack("S n C4 x8", 2, $port, split(/\\./, $address))) or die;
my $data = join("", map { chr(65 + $_ % 26) } 1 .. $size);
syswrite(S, $data);
my $bits = ""; vec($bits, fileno(S), 1) = 1;
select($bits, undef, undef, 10) or die "nothing came\\n";
my $got = sysread(S, my $back, 70000);
print defined $got ? ($back eq $data ? "same $got\\n" : "other $got\\n") : "errno ".($!+0)."\\n";
"""


@dataclass(frozen=True)
class Ran:
    checks: dict[str, Check]
    outcome: Outcome
    folder: Path
    idle: float  # seconds of wall time that IDLE seconds of sleep took


@pytest.fixture(scope="module")
def ran(module_artifacts: Path, bochs: Bochs, web: HttpServer, dns: DnsStub) -> Iterator[Ran]:
    folder = module_artifacts
    at = f"http://{ROUTER}:{web.port}"
    with TcpSink() as sink, UdpEcho() as echo:
        datagrams = "".join(
            f"check udp{size} udp {ROUTER} {echo.port} {size}\n" for size in DATAGRAMS
        )
        script = f"""
check dhcp nic_up eth0
check ping ping -c 4 {ROUTER}
long() {{ ping -c 1 -W 60 -s {LONGEST} {ROUTER}; }}  # ping -c 2 waits 1 s for the last reply
twice() {{ long; long; }}
check long-pings twice
check download wget -q -O /tmp/data {at}/bytes/4/{SIZE}
check downloaded sha256sum /tmp/data
check upload sh -c 'nc {ROUTER} {sink.port} </tmp/data'
{datagrams}
check quick nslookup -type=a quick.test
check late nslookup -type=a late.test
check unknown nslookup -type=a unknown.test
check refused nc {ROUTER} 1
check unreachable nc {UNREACHABLE} 80
check udp-refused udp {ROUTER} 1 10
check udp-unreachable udp {UNREACHABLE} 9 10
check half-close sh -c 'echo hello | nc {ROUTER} {sink.port}'
check slow wget -q -O- {at}/slow/2
mark idles
sleep {IDLE}
mark idled
"""
        image = linux_image(
            folder / "linux.iso", script, programs=("perl",), files={"bin/udp": UDP_PERL}
        )
        with Boot(Machine(image, (nic(folder),)), folder, bochs) as boot:
            boot.wait_for(READY, 150)
            boot.wait_for(DONE, 180)
            idle = boot.wait_for("@@ idled", 0) - boot.wait_for("@@ idles", 0)
            outcome = boot.wait(20)
        yield Ran(boot.results(), outcome, folder, idle)


def test_powers_off(ran: Ran) -> None:
    assert ran.outcome.ending is Ending.POWER_OFF


def test_dhcp(ran: Ran) -> None:
    check = ran.checks["dhcp"]
    assert check.rc == 0, check.output
    assert f"IP=192.168.16.2 ROUTER={ROUTER}" in check.output


def test_ping_router(ran: Ran) -> None:
    check = ran.checks["ping"]
    assert "4 packets transmitted, 4 packets received" in check.output
    assert check.seconds < 4


def test_the_longest_ping(ran: Ran) -> None:
    assert ran.checks["long-pings"].output.count("1 packets received") == 2


def test_download(ran: Ran) -> None:
    assert ran.checks["download"].rc == 0, ran.checks["download"].output
    assert ran.checks["downloaded"].output.split()[0] == sha256(pseudo_random(4, SIZE))


def test_upload_and_its_answer(ran: Ran) -> None:
    expected = sha256(pseudo_random(4, SIZE))
    assert ran.checks["upload"].output == f"{expected} {SIZE}"


@pytest.mark.parametrize("size", DATAGRAMS)
def test_udp_echo(ran: Ran, size: int) -> None:
    assert ran.checks[f"udp{size}"].output == f"same {size}"


@pytest.mark.parametrize("name", ["quick", "late"])
def test_dns(ran: Ran, name: str) -> None:
    check = ran.checks[name]
    assert check.rc == 0, check.output
    assert f"Address: {RECORDS[f'{name}.test']}" in check.output


@pytest.mark.skipif(ETHMOD != "pynat", reason="only pynat holds the guest's time")
def test_late_dns_answer_costs_the_guest_no_more_than_it_took(ran: Ran) -> None:
    assert ran.checks["late"].seconds < 0.8


def test_unknown_name(ran: Ran) -> None:
    assert "NXDOMAIN" in ran.checks["unknown"].output


def test_refused(ran: Ran) -> None:
    check = ran.checks["refused"]
    assert check.output.endswith("Connection refused")
    assert check.seconds < 1


def test_unreachable(ran: Ran) -> None:
    assert ran.checks["unreachable"].output.endswith("No route to host")


@pytest.mark.parametrize(
    ("name", "errno"), [("udp-refused", ECONNREFUSED), ("udp-unreachable", EHOSTUNREACH)]
)
def test_udp_errors(ran: Ran, name: str, errno: int) -> None:
    assert ran.checks[name].output == f"errno {errno}"


def test_half_close(ran: Ran) -> None:
    assert ran.checks["half-close"].output == f"{sha256(b'hello' + bytes([10]))} 6"


@pytest.mark.skipif(ETHMOD != "pynat", reason="only pynat holds the guest's time")
def test_a_server_that_takes_2_seconds_costs_the_guest_2_seconds(ran: Ran) -> None:
    check = ran.checks["slow"]
    assert check.output == "at last"
    assert check.seconds < 2.5  # less than 2 where Bochs is slower than its clock


def test_an_idle_guest_runs_free_when_its_connections_are_closed(ran: Ran) -> None:
    assert ran.idle < IDLE / 4


@pytest.mark.skipif(ETHMOD != "pynat", reason="the capture is pynat's")
def test_every_frame_to_the_guest_is_right(ran: Ran) -> None:
    kinds = verify_capture(capture(ran.folder))
    assert kinds["tcp"] > SIZE // 1460
    assert min(kinds[kind] for kind in ("arp", "udp", "icmp")) >= 1
    assert kinds["fragment"] >= 3 * (LONGEST // 1480)
    assert re.search(r"pynat: from guest \d+ frames", (ran.folder / "bochs.log").read_text())
