"""U-Boot in QEMU as the guest, on a network device of Linux that has no address of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.netns.network import DEVICE, GUEST_MAC, ROOT, TapNetwork
from tests.netns.on_card import CARD

FIRMWARE = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
PROMPT = b"=> "
MEMORY = 0x41000000  # where files can go
_QEMU = (
    *("qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a53", "-bios", str(FIRMWARE)),
    *("-display", "none", "-serial", "stdio", "-monitor", "none"),
    *("-netdev", f"dgram,id=net,local.type=fd,local.str={CARD}"),
    *("-device", f"virtio-net-pci,netdev=net,mac={GUEST_MAC},romfile="),
)


class UBoot:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read_to(self, words: bytes) -> str:
        """What it says until then."""
        assert self._process.stdout is not None
        said = bytearray()
        while not said.endswith(words):
            piece = self._process.stdout.read(1)
            assert piece, f"it has ended without {words!r}; it said:\n{said.decode()}"
            said += piece
        return said.decode()

    def do(self, command: str) -> str:
        """What it answers."""
        self.type(command + "\n")
        return self.read_to(b"\n" + PROMPT)

    def type(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()


@contextlib.contextmanager
def booted(network: TapNetwork) -> Iterator[UBoot]:
    """At its prompt, until the block is left."""
    command = (sys.executable, "-m", "tests.netns.on_card", DEVICE, *_QEMU)
    with subprocess.Popen(
        network.guest.command(*command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
    ) as process:
        try:
            guest = UBoot(process)
            guest.read_to(b"stop autoboot")
            guest.type("\n")
            guest.read_to(PROMPT)
            yield guest
        finally:
            process.kill()
