"""What the guest measures: a perl program in the Linux guest, and what it prints read back."""

from __future__ import annotations

import re
from dataclasses import dataclass

MIB = 1 << 20
SIZE = 16 * MIB
SMALL_REQUESTS = 30
PINGS = 12

# bench down|up|small ADDRESS PORT COUNT: prints the guest's clock before and after.
PERL = r"""#!/bin/perl
my ($what, $address, $port, $count) = @ARGV;
$| = 1;
sub now { my $b = "\0" x 16; syscall(228, 1, $b); my ($s, $n) = unpack("qq", $b); $s + $n / 1e9 }
sub dial {
  socket(S, 2, 1, 0) or die "socket: $!";
  connect(S, pack("S n C4 x8", 2, $port, split(/\./, $address))) or die "connect: $!";
}
sub drain { my $all = 0; while (my $n = sysread(S, my $piece, 65536)) { $all += $n } $all }
my $block = "x" x 65536;
print "@@ bench $what begin\n";
my $began = now();
if ($what eq "down") { dial(); my $all = drain(); $all == $count or die "$all bytes" }
elsif ($what eq "up") {
  dial();
  for (my $left = $count; $left > 0;) {
    $left -= syswrite(S, $block, $left < 65536 ? $left : 65536);
  }
  shutdown(S, 1);
  drain() > 64 or die "no answer";
}
else {
  for (1 .. $count) {
    dial();
    syswrite(S, "GET /small HTTP/1.0\r\n\r\n");
    drain() > 1000 or die "short answer";
    close(S);
  }
}
printf "@@ bench %s end %.6f\n", $what, now() - $began;
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """Seconds for one piece of work, by the guest's clock and by the host's."""

    guest: float
    wall: float


def script(router: str, source: int, sink: int, web: int) -> str:
    return f"""
check dhcp nic_up eth0
bench down {router} {source} {SIZE}
bench up {router} {sink} {SIZE}
bench small {router} {web} {SMALL_REQUESTS}
check ping ping -c {PINGS} {router}
"""


def figures(seen: list[tuple[float, str]]) -> dict[str, Figure]:
    """From the serial output's lines with the wall time at which each was seen."""
    found: dict[str, Figure] = {}
    began: dict[str, float] = {}
    for when, line in seen:
        match line.split():
            case ["@@", "bench", name, "begin"]:
                began[name] = when
            case ["@@", "bench", name, "end", seconds]:
                found[name] = Figure(float(seconds), when - began[name])
    return found


def ping_times(text: str) -> list[float]:
    """Of the guest's pings, in milliseconds."""
    times = [float(time) for time in re.findall(r"time=([\d.]+) ms", text)]
    if len(times) < PINGS:
        raise ValueError(f"{len(times)} of {PINGS} pings were answered")
    return times
