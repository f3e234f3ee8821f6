"""A network namespace without a name: it lives as long as its owner, and leaves no trace. What
still runs in it then, as a daemon's helper does, is killed.

A small process keeps it. Programs are run in it with nsenter(1); `pynat tap --netns` takes
`path`. Sealed tests and benchmarks have their guests in such ones.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from pynat.children import dies_with_us

_KEEPER = ("--net", "sh", "-c", "ip link set lo up && echo up && exec cat")


class Namespace:
    def __init__(self, unshare: Sequence[str] = ("unshare",)) -> None:
        """unshare: the command that makes it, without `--net` and what comes after that."""
        self._unshare = unshare

    def __enter__(self) -> Self:
        self._keeper = subprocess.Popen(
            (*self._unshare, *_KEEPER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != "up\n":
            self.__exit__()
            raise OSError("the kernel gives no new network namespace (is this root?)")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._others() if self._keeper.poll() is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._keeper.communicate()  # cat ends with its input

    def _others(self) -> Iterator[int]:
        """Processes in it, but for the keeper; none while it is the one that we are in."""
        own = self.path.readlink()
        if own == Path("/proc/self/ns/net").readlink():
            return
        for process in Path("/proc").glob("[0-9]*"):
            number = int(process.name)
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                if (process / "ns/net").readlink() == own and number != self._keeper.pid:
                    yield number

    @property
    def path(self) -> Path:
        return Path(f"/proc/{self._keeper.pid}/ns/net")

    def command(self, *words: str) -> list[str]:
        """The command line that runs `words` in here, for as long as who starts it lives."""
        return [*dies_with_us(), "nsenter", f"--net={self.path}", *words]

    def run(
        self, *words: str, timeout: float = 300, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Its output is captured, errors with it."""
        return subprocess.run(
            self.command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=check,
            **options,
        )

    @contextlib.contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Until the block is left."""
        with subprocess.Popen(
            self.command(*words), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def counters(self, device: str) -> tuple[int, int]:
        """Packets that the namespace has received and sent through `device`."""
        for line in Path(f"/proc/{self._keeper.pid}/net/dev").read_text().splitlines():
            name, _, figures = line.partition(":")
            if name.strip() == device:
                fields = figures.split()
                return int(fields[1]), int(fields[9])
        raise ValueError(f"no device {device}")
