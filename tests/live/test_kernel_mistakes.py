"""Mistakes that first stacks make: the kernel of examples/kernel makes each, the linter names it.

`make MISTAKE=n` builds the kernel with one of them; `MISTAKE(n)` stands in its source where it is
made. Drops are named as well as findings.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

import pytest

from pynat.bochs.find import Bochs
from pynat.control.client import wait_for
from pynat.control.protocol import Refused
from pynat.testing.guests import Boot, Machine, Nic, compiled_kernel, kernel_image
from pynat.testing.kit import BootOptions, Guest
from pynat.testing.servers import HttpServer
from tests.live.network import ETHMOD, HANGS
from tests.live.test_example_kernel import SOURCE

pytestmark = [
    pytest.mark.boots,
    pytest.mark.mistakes,
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="others have no linter"),
]

GET = "get=http://{web}/bytes/1/20000"
PINGS = "ping=192.168.16.1 sleep=6 ping=192.168.16.1"
NEVER = "TFTP001"  # the kernel has no TFTP
LONGEST = 80  # seconds of guest time; a boot takes ten of them
PLACE = re.compile(r"\bMISTAKE\((\d+)\)")
SAID = re.compile(r"(?:lint|dropped): ([A-Z]+\d+) ")


class Mistake(NamedTuple):
    """also: what may be found with it, as it comes of the same mistake, or was asked for."""

    what: str
    code: str
    words: str = GET
    config: str = ""
    also: Set[str] = frozenset()
    hermetic: bool = False


MISTAKES = {
    1: Mistake("the type in host order", "ETH004"),
    2: Mistake("padding that is not zero", "ETH021"),
    3: Mistake("no sender MAC in ARP", "ARP004", also={"ARP024"}),
    4: Mistake("ARP's operation in host order", "ARP003"),
    5: Mistake("ARP for another hardware", "ARP002"),
    6: Mistake("never asks by ARP, sends to all", "IP009"),
    7: Mistake("neither probes nor announces", "ARP028"),
    8: Mistake("asks by ARP ten times a second", "ARP022", "ping=192.168.16.9", also={"ARP005"}),
    9: Mistake("no header checksum", "IP005"),
    10: Mistake("total length in host order", "IP004"),
    11: Mistake("time to live 0", "IP031"),
    12: Mistake("identification always the same", "IP030", "ping=192.168.16.1"),
    13: Mistake("forgets the router", "ARP009", "ping=192.0.2.1"),
    14: Mistake("version and header length swapped", "IP002"),
    15: Mistake("the reserved flag set", "IP037"),
    16: Mistake("carries are not added", "IP005"),
    17: Mistake("the sum is not complemented", "IP005"),
    18: Mistake("the source in host order", "IP007", also={"ARP028", "IP034"}),
    19: Mistake("ICMP's checksum over the header only", "ICMP002", "ping=192.168.16.1"),
    20: Mistake("UDP's length in host order", "UDP001"),
    21: Mistake("UDP's checksum without the pseudo-header", "UDP002"),
    22: Mistake("UDP without a checksum", "UDP020"),
    23: Mistake("UDP's length without the header", "UDP001"),
    24: Mistake("the cookie in host order", "DHCP004"),
    25: Mistake("another xid in the REQUEST", "DHCP030"),
    26: Mistake("a REQUEST without the server", "DHCP033"),
    27: Mistake("a REQUEST without the address", "DHCP033", also={"DHCP010"}),
    28: Mistake("options without an end", "DHCP021"),
    29: Mistake("a reply instead of a request", "DHCP008"),
    30: Mistake("no length of the MAC address", "DHCP003"),
    31: Mistake("takes 300 bytes only", "DHCP022"),
    32: Mistake(
        "DISCOVER twice a second",
        "DHCP036",
        GET,
        'faults = ["dhcp silent 8"]',
        also={"NET030", "ARP031"},
    ),
    33: Mistake("secs is always 0", "DHCP037", GET, 'faults = ["dhcp silent 3"]', also={"NET030"}),
    34: Mistake("never renews", "DHCP041", "sleep=50 ping=192.168.16.1", "[dhcp]\nlease = 60"),
    35: Mistake("renews as if it selected", "DHCP034", "sleep=50", "[dhcp]\nlease = 60"),
    36: Mistake("a message below 300 bytes", "DHCP020"),
    37: Mistake("a message type of two bytes", "DHCP006"),
    38: Mistake(
        "uses the address before it has the ACK",
        "DHCP044",
        "ping=192.168.16.1",
        'faults = ["dhcp silent request 1"]',
        also={"DHCP023", "NET030", "ARP028"},
    ),
    39: Mistake(
        "uses the address of another",
        "ARP029",
        "ping=192.168.16.1 sleep=3 ping=192.168.16.1",
        'faults = ["arp conflict"]',
    ),
    40: Mistake("no recursion desired", "DNS024", "dns=a.test"),
    41: Mistake("the id always the same", "DNS020", "dns=a.test dns=b.test dns=c.test dns=d.test"),
    42: Mistake("no question", "DNS002", "dns=a.test"),
    43: Mistake("no end of the name", "DNS003", "dns=a.test"),
    44: Mistake(
        "repeats at once",
        "DNS022",
        "dns=a.test dns=a.test",
        'faults = ["dns * silent"]',
        also={"NET030"},
    ),
    45: Mistake("does not take the answer", "DNS025", "dns=a.test"),
    46: Mistake("a checksum without the pseudo-header", "TCP001"),
    47: Mistake("the data offset in the wrong half", "TCP003"),
    48: Mistake("no MSS", "TCP030"),
    49: Mistake("an MSS above the MTU", "TCP032"),
    50: Mistake(
        "the SYN is not counted in the acknowledgement", "TCP044", also={"TCP008", "TCP066"}
    ),
    51: Mistake("the SYN is not counted in the number", "TCP045", also={"TCP115", "TCP005"}),
    52: Mistake("an acknowledgement number without ACK", "TCP023"),
    53: Mistake("the FIN is not counted", "TCP082", GET, 'impair = ["drop from-guest tcp fin"]'),
    54: Mistake(
        "never backs off", "TCP072", GET, 'impair = ["drop from-guest tcp data"]', also={"TCP066"}
    ),
    55: Mistake(
        "no least time-out", "TCP071", GET, 'impair = ["drop from-guest tcp data first 4"]'
    ),
    56: Mistake(
        "sends into a closed window",
        "TCP051",
        "get=http://zerowindow.test/a-long-name-of-a-page",
        "zoo = true",
        also={"TCP015"},
    ),
    57: Mistake("every connection begins at 1", "TCP039", " ".join([GET] * 4)),
    58: Mistake("always the same port", "TCP041", " ".join([GET] * 4)),
    59: Mistake(
        "acknowledges acknowledgements",
        "TCP088",
        f"get=http://smallwindow.test/{'a' * 300}",
        "zoo = true",
    ),
    60: Mistake("an urgent pointer without URG", "TCP024"),
    61: Mistake("reserved bits", "TCP021"),
    62: Mistake("data without ACK", "TCP022", also={"TCP012", "TCP066"}),
    63: Mistake(
        "no duplicate acknowledgement",
        "TCP087",
        "get=http://{web}/bytes/1/200000",
        'impair = ["drop to-guest tcp data every 7"]',
    ),
    64: Mistake("a source port below 1024", "TCP028"),
    65: Mistake(  # a server that hears it out and says nothing
        "resets instead of closing",
        "TCP061",
        "get=http://192.168.16.9/",
        """guestfwd = ["tcp:192.168.16.9:80-cmd:sh -c 'timeout 1 cat >/dev/null'"]""",
    ),
    66: Mistake("the receive ring is not given back", "ETH026", "get=http://{web}/bytes/1/200000"),
    67: Mistake("the card takes no broadcasts", "DHCP039"),
    68: Mistake("a ping is answered by a ping", "ICMP026", "sleep=5", hermetic=True),
    69: Mistake("ARP is not answered", "ARP021", PINGS, hermetic=True),
    70: Mistake("what waits for ARP is thrown away", "ARP041", PINGS, hermetic=True),
}


@pytest.fixture(scope="module")
def right(module_artifacts: Path) -> Path:
    """The kernel without mistakes, with its object files beside it."""
    return compiled_kernel(SOURCE, module_artifacts / "kernel").parent


def places() -> dict[int, set[str]]:
    """The files in which each mistake is made."""
    found: dict[int, set[str]] = {}
    for path in SOURCE.glob("*.c"):
        for number in PLACE.findall(path.read_text()):
            found.setdefault(int(number), set()).add(path.stem)
    return found


def test_the_table_has_them_all() -> None:
    assert places().keys() == MISTAKES.keys()


def with_mistake(number: int, right: Path, artifacts: Path) -> Path:
    made = artifacts / "kernel"
    shutil.copytree(right, made)
    for name in places()[number]:
        (made / f"{name}.o").unlink()
    (made / "kernel.elf").unlink()
    return compiled_kernel(SOURCE, made, mistake=number)


# One of each layer; the mistakes of e1000.c are none of these cards.
ON_NE2K = {
    2: "isa",
    8: "pci",
    12: "isa",
    19: "pci",
    22: "isa",
    30: "pci",
    41: "isa",
    46: "pci",
    55: "isa",
}
BOOTS = [
    *((number, "e1000") for number in MISTAKES),
    *((n, f"ne2k-{on}") for n, on in ON_NE2K.items()),
]


@pytest.mark.parametrize(("number", "nic"), BOOTS)
def test_it_is_named_and_nothing_but_what_comes_of_it(
    number: int, nic: str, right: Path, artifacts: Path, bochs: Bochs, web: HttpServer
) -> None:
    mistake = MISTAKES[number]
    net = artifacts / "net.toml"
    net.write_text(mistake.config)
    options = BootOptions(
        kernel=with_mistake(number, right, artifacts),
        nic=nic,
        append=mistake.words.format(web=f"192.168.16.1:{web.port}") + " poweroff",
        net=net,
        hermetic=mistake.hermetic,
    )
    folder = artifacts / "boot"  # what is said there needs no explanation in docs/lint.md
    with Guest(options, folder, bochs=bochs) as guest:
        why = until_it_ends(guest)
    found = guest.lint.counts.keys()
    assert mistake.code in found, f"{mistake.what}: {why}"
    assert found <= mistake.also | {mistake.code}, "\n".join(map(str, guest.lint))


def until_it_ends(guest: Guest) -> str:
    """The kernel's words are over, and it switches itself off; or it never comes so far."""
    over = (Refused, FileNotFoundError, ConnectionRefusedError)  # it was over before we asked
    with pytest.raises(over) as refused:  # which says one or the other
        wait_for(guest.control, "wait", **{"for": f"finding:{NEVER}", "timeout": LONGEST})
    return str(refused.value)


def test_a_card_without_room_is_told_of_in_time_and_nothing_else(
    right: Path, artifacts: Path, bochs: Bochs, web: HttpServer
) -> None:
    """In guest time; and what it does not get is not delivered in the capture either."""
    kernel = with_mistake(66, right, artifacts)
    words = f"get=http://192.168.16.1:{web.port}/bytes/1/200000"
    image = kernel_image(artifacts / "kernel.iso", kernel, words)
    config, capture = artifacts / "net.toml", artifacts / "net.pcapng"
    config.write_text(f'capture = "{capture}"\n')

    def is_lost() -> bool:
        return capture.exists() and b"not delivered: sent at " in capture.read_bytes()

    with Boot(Machine(image, (Nic(script=config),)), artifacts / "boot", bochs) as boot:
        boot.wait_until(is_lost, "nothing is lost", 30)
    log = (artifacts / "boot" / "bochs.log").read_text(errors="replace")
    assert set(SAID.findall(log)) == {"ETH026"}
    ago, *_ = re.findall(r"takes no frames since [\d.]+ s, ([\d.]+) s ago", log)
    assert 1 < float(ago) < 2
