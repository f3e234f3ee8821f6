"""Linux's own stack meets the peers that misbehave: what a right stack makes of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pynat.config.peers import zoo
from pynat.faults.servers import generated
from pynat.faulty_host import PAGE_SIZE
from tests.netns.network import HANGS, ROUTER, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

ADDRESSES = {
    faulty_host.name.removesuffix(".test"): str(faulty_host.address) for faulty_host in zoo()
}
WHOLE = (
    *("late", "smallwindow", "shrink", "tinymss", "plain", "reorder", "duplicate", "overlap"),
    *("wrap", "lateack", "noack", "dupack", "badsynack", "simultaneous", "nomss", "unknown"),
    *("illegal", "shifted", "dataoptions", "resettext", "crossedack", "dsack", "oldstamps"),
    "finagain",
)
CURL = ("curl", "-sS", "--max-time", "300", "--http1.0")

ENDS = {  # curl's exit codes: 7 could not connect, 28 time-out, 52 nothing, 56 receiving failed
    "refuse": 7,
    "unreachable": 7,
    "blackhole": 28,
    "neverclose": 0,  # the length says where the page ends
    "halfclose": 52,
    "discard": 28,
}


@pytest.fixture
def network(make_network: Callable[[str], TapNetwork]) -> TapNetwork:
    return make_network("zoo = true\n")


@pytest.mark.parametrize("wire", ["", 'seed = 3\nimpair = ["loss 5%"]\n'], ids=["no loss", "loss"])
def test_whole_pages_come_from_those_that_only_make_it_hard(
    make_network: Callable[[str], TapNetwork], wire: str
) -> None:
    network = make_network(f"zoo = true\n{wire}")
    wanted = generated(0, PAGE_SIZE).decode().replace("\r\n", "\n")  # as `text` has it
    for name in WHOLE:
        page = network.guest.run(*CURL, f"http://{ADDRESSES[name]}/").stdout
        assert page == wanted, name


def test_a_hermetic_network_has_them_and_nobody_else(
    make_network: Callable[[str], TapNetwork],
) -> None:
    network = make_network("hermetic = true\nzoo = true\n")
    page = network.guest.run(*CURL, f"http://{ADDRESSES['reorder']}/").stdout
    assert len(page) == len(generated(0, PAGE_SIZE).replace(b"\r\n", b"\n"))
    for elsewhere in ("192.0.2.1", ROUTER):
        ended = network.guest.run(*CURL, "--verbose", f"http://{elsewhere}/", check=False)
        assert ended.returncode == 7  # at once
        unreachable = elsewhere != ROUTER
        assert ("Network is unreachable" in ended.stdout) == unreachable, ended.stdout
    asked = network.guest.run("dig", f"@{ROUTER}", "example.org", check=False).stdout
    assert "NXDOMAIN" in asked


def test_how_the_others_end(network: TapNetwork) -> None:
    for name, code in ENDS.items():
        ended = network.guest.run(
            *CURL, "--max-time", "2", f"http://{ADDRESSES[name]}/", check=False
        ).returncode
        assert ended == code, name
