"""Stacks that are in programs of ours, as the guest over a TAP device or in virtual time: lwIP and
gVisor's netstack.

Each does what the words of its command say, and prints a line for each (lwip/guest.c).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pynat.config.peers import zoo
from pynat.faults.servers import generated
from pynat.faulty_host import PAGE_SIZE
from pynat.testing.namespace import Namespace
from tests.netns.gvisor import build as gvisor
from tests.netns.lwip import build as lwip
from tests.netns.network import DEVICE, GUEST, ROUTER, TapNetwork

WITHOUT_IPV6 = ("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")


@dataclass(frozen=True)
class Stack:
    name: str  # as docs/lint.md has it
    program: Callable[[], Path]
    settings: tuple[str, ...] = ()

    @functools.cached_property
    def _built(self) -> Path:
        """Asked for once: each time apt needs a second, where it keeps no index."""
        return self.program()

    def command(self, wanted: Iterable[str], device: str = DEVICE) -> list[str]:
        """device: or a seed, for a guest in virtual time."""
        return [str(self._built), device, *self.settings, *" ".join(wanted).split()]

    def network(self, folder: Path, config: str) -> AbstractContextManager[TapNetwork]:
        return alone(folder, config, self.name)


@contextlib.contextmanager
def alone(folder: Path, config: str, stack: str) -> Iterator[TapNetwork]:
    """A network for this stack: Linux has no address at its device."""
    with Namespace() as guest:
        guest.run(*WITHOUT_IPV6)
        with TapNetwork(
            folder, config, options=(), guest=guest, stack=stack, captured=True
        ) as network:
            yield network


LWIP = Stack("lwIP", lwip.guest_program)
GVISOR = Stack("gVisor", gvisor.guest_program, (f"{GUEST}/24", ROUTER))  # it has no DHCP
STACKS = [
    pytest.param(LWIP, marks=pytest.mark.lwip, id="lwip"),
    pytest.param(GVISOR, marks=pytest.mark.gvisor, id="gvisor"),
]

ZOO = """
zoo = true
[peers]
"192.0.2.8" = "zerowindow for 2s"
"""
ADDRESSES = {
    faulty_host.name.removesuffix(".test"): str(faulty_host.address) for faulty_host in zoo()
}
ADDRESSES["closed"] = "192.0.2.8"
HEAD = (
    f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {PAGE_SIZE}\r\n\r\n".encode()
)
SLOW = {"late"}
HARD = {
    *("late", "closed", "shrink", "tinymss", "plain", "reorder", "duplicate", "overlap"),
    *("wrap", "lateack", "noack", "dupack", "badsynack", "nomss", "unknown", "illegal", "shifted"),
    *("dataoptions", "crossedack", "dsack", "finagain"),
    # not oldstamps: both send timestamps, and neither has PAWS
}


def among_peers() -> dict[str, str]:
    """What comes is right each time; `push` goes where nothing comes back."""
    page = HEAD + generated(0, PAGE_SIZE)
    wanted = {f"get {ADDRESSES[name]}": f"{len(page)} {sum(page)}" for name in sorted(HARD)}
    wanted |= {f"push {ADDRESSES[name]} 9 4000": "no answer" for name in sorted(HARD - SLOW)}
    return wanted | {f"get {ADDRESSES['refuse']}": "refused"}
