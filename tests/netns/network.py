"""`pynat tap` and a guest namespace, for one module of tests or one test."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from pynat.testing.namespace import Namespace
from tests.both_ways import of_file, read_late
from tests.linting import unexplained

DEVICE = "tap0"
ROUTER = "192.168.16.1"
GUEST = "192.168.16.2"
GUEST_MAC = "52:54:00:12:34:56"
PROGRAMS = (
    *("ip", "unshare", "nsenter", "busybox", "ping", "traceroute"),
    *("socat", "nc", "iperf3", "tshark", "curl", "dig", "atftp", "tftp"),
    *("dhcpcd", "/lib/systemd/systemd-networkd", "go", "qemu-system-aarch64"),
)
ROOT = Path(__file__).parents[2]
_LINT = "[lint]\nenabled = true\n"
OFFLOAD = "[tap]\noffload = true\n"
# Of a network: its configuration, and whether the linter looks at its frames.
EACH_DEVICE = {"frames": ("", True), "runs": (OFFLOAD, False), "runs that are cut": (OFFLOAD, True)}
DEADLINE = 60  # seconds, for a start or an end on a busy machine
HANGS = 600  # seconds until a test that hangs is ended: how fast is not asked here


def why_not() -> str | None:
    """Why this machine can be no guest."""
    if os.geteuid() != 0:
        return "not root"
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun is missing"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"missing: {', '.join(missing)}" if missing else None


class TapNetwork:
    """`guest` is the namespace behind the TAP device, `process` the engine."""

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        options: tuple[str, ...] = ("--configure",),
        guest: Namespace | None = None,
        python: tuple[str, ...] = ("-W", "default"),
        stack: str = "Linux",
        captured: bool = False,
        linted: bool = True,
    ) -> None:
        """stack: whose findings docs/lint.md explains; others are an error at the end.

        captured: in `capture`, which at the end is looked at both ways.
        """
        self._folder = folder
        self._config = config
        self._options = options
        self._guest = guest
        self._python = python
        self._guests_stack = stack
        self._captured = captured
        read_late.add(self.capture)
        self._linted = linted
        self.exit_code: int | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            if self._guest is None:
                self._guest = stack.enter_context(Namespace())
            self._start()
            self._stack = stack.pop_all()
        return self

    @property
    def guest(self) -> Namespace:
        assert self._guest is not None
        return self._guest

    def _start(self) -> None:
        config = self._folder / "net.toml"
        self.capture.parent.mkdir(exist_ok=True)
        capture = f'capture = "{self.capture}"\n' if self._captured else ""
        config.write_text(f"{capture}{self._config}\n{_LINT if self._linted else ''}")
        command = (sys.executable, *self._python, "-m", "pynat", "tap", DEVICE)
        where = ("--netns", str(self.guest.path), "--config", str(config))
        with self._log_file.open("w") as log:
            self.process = subprocess.Popen(
                (*command, *where, *self._options), stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()
        if not self.ready.startswith("ready"):
            self.process.communicate(timeout=DEADLINE)
            raise AssertionError(f"no ready line: {self.ready!r}\n{self.log}")

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            self.end()
        if error is None:
            assert not (lines := unexplained(self.log, self._guests_stack)), "\n".join(lines)
        if error is None and self._captured:
            different = of_file(self.capture)
            assert not different, "\n".join(different)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.summary, _ = self.process.communicate(timeout=DEADLINE)
        self.exit_code = self.process.returncode

    @property
    def capture(self) -> Path:
        return self._folder / "captured" / "net.pcapng"

    @property
    def _log_file(self) -> Path:
        return self._folder / "log"

    @property
    def log(self) -> str:
        return self._log_file.read_text()

    def descriptors(self) -> int:
        """How many the engine has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def memory(self) -> int:
        """Bytes of the engine that are in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def client(self, verb: str, *arguments: object, timeout: float = HANGS) -> str:
        """The line that a verb of tests/netns/client.py prints in the guest."""
        command = (sys.executable, "-m", "tests.netns.client", verb, *map(str, arguments))
        done = self.guest.run(*command, timeout=timeout, check=False, cwd=ROOT)
        assert done.returncode == 0, f"{done.stdout}\n--- the network's log:\n{self.log}"
        return done.stdout.strip()

    def ctl(self, *words: str) -> None:
        """Ask the engine."""
        command = (sys.executable, "-m", "pynat", "ctl", "--pid", str(self.process.pid), *words)
        subprocess.run(command, check=True, timeout=DEADLINE, stdout=subprocess.PIPE)

    def settle(self) -> None:
        """Wait until the engine has dealt with what the guest has sent, but for bulk flows."""
        self.guest.run("ping", "-c", "1", ROUTER)

    def dial_forward(self, guest_port: int) -> socket.socket:
        """Connect to the forward that leads there."""
        rule = rf"^forward .*127\.0\.0\.1:(\d+)-.*:{guest_port}$"
        found = re.search(rule, self.log, re.MULTILINE)
        assert found is not None, self.log
        return socket.create_connection(("127.0.0.1", int(found[1])), timeout=DEADLINE)
