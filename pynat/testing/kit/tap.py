"""Linux's own stack as the guest, in a namespace of its own; needs root, or a user namespace."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from pynat.bochs.folder import own_folder
from pynat.children import dies_with_us
from pynat.config.toml_text import Tables
from pynat.serve.joined import join, joined
from pynat.testing.guests.boot import GuestSilent
from pynat.testing.kit.awaited import check_still_awaited
from pynat.testing.kit.observed import CAPTURE, FINDINGS, TIMEOUT
from pynat.testing.kit.without_machine import WithoutMachine
from pynat.testing.namespace import Namespace

DEVICE = "tap0"
LOG = "pynat.log"
_POLL = 0.02  # seconds
_GRACE = 15.0  # seconds that the network has to end
T = TypeVar("T")


class TapGuest(WithoutMachine):
    """`run("ping", "-c", "1", "192.168.16.1")` runs a program as the guest's.

    configure: give the device its address, as a DHCP client would. A `timeout` is in seconds.
    """

    def __init__(self, folder: Path, tables: Tables, *, configure: bool = True) -> None:
        super().__init__(folder)
        own = {"capture": str(folder / CAPTURE)}
        self._tables: Tables = {"lint": {"enabled": True, "json": str(folder / FINDINGS)}}
        join(self._tables, {**tables, **own})
        self._configure = ["--configure"] if configure else []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            self.control = stack.enter_context(own_folder()) / "control.sock"  # a short name
            tables = {**self._tables, "control": str(self.control)}
            script = joined("", tables, self.folder, who="the test's keywords")
            self.namespace = stack.enter_context(Namespace())
            log = stack.enter_context((self.folder / LOG).open("wb"))
            tap = self._started(script, log)
            stack.callback(_end, tap)
            ready = tap.stdout.readline() if tap.stdout else ""
            if not ready.startswith("ready"):
                raise GuestSilent(f"pynat tap did not start: {self.log.strip()}")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()

    def power_off(self) -> None:
        """The network ends: what the linter says only then is in `lint`."""
        self._stack.close()

    @property
    def log(self) -> str:
        path = self.folder / LOG
        return path.read_text(errors="replace") if path.is_file() else ""

    def _started(self, script: Path, log: IO[bytes]) -> subprocess.Popen[str]:
        where = ["--netns", str(self.namespace.path), "--config", str(script)]
        network = [sys.executable, "-m", "pynat", "tap", DEVICE, *where, *self._configure]
        command = [*dies_with_us(), *network]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """A program in the guest's namespace, its output captured."""
        return self.namespace.run(*words, **options)

    def wait(self, look: Callable[[], T | None], what: str, timeout: float = TIMEOUT) -> T:
        __tracebackhide__ = True
        end = time.monotonic() + timeout
        while (found := look()) is None:
            check_still_awaited()
            if time.monotonic() > end:
                raise GuestSilent(f"{what}: not within {timeout:g} s")
            time.sleep(_POLL)
        return found


def _end(tap: subprocess.Popen[str]) -> None:
    tap.terminate()
    try:
        tap.communicate(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        tap.kill()
        tap.communicate()
