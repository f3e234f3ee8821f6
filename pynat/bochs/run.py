"""Start Bochs with our plugin in reach, wait for it, and never leave it behind.

A headless Bochs runs in a session of its own and draws on a display that nobody sees and
that opens no port. It dies with the thread that started it (PR_SET_PDEATHSIG), so that
thread has to live as long as the run.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pynat.bochs import debugger
from pynat.bochs.bochsrc import Line, log_of, rewritten, setting
from pynat.bochs.find import PLUGIN_PATH_VARIABLE, Bochs, BochsError, plugin_path
from pynat.bochs.folder import own_folder
from pynat.bochs.outcome import Ending, Outcome, judge, tail
from pynat.children import dies_with_us
from pynat.config import LINGER

__all__ = ["BochsRun", "Ending", "Outcome"]

BOCHSRC_VARIABLE = "PYNAT_BOCHSRC"  # tells `pynat ctl info`: Bochs may be given a copy
MAX_LOGS = 1000  # of runs at once that would have one name for it
GRACE = 3.0  # seconds that each politer signal gets before the next one
LAST_GRACE = GRACE + LINGER  # the same before SIGKILL, which would cost what is under way
_LIMITS = {signal.SIGTERM: LAST_GRACE, signal.SIGKILL: None}
_OPTION = re.compile(r"\w+:")


class BochsRun:
    """One run of Bochs, a context manager: leaving it ends Bochs.

    log: where Bochs writes its log; without it, what extra or the bochsrc says, else bochs.log,
        or a name with a number where another run writes that one.
    debug: whether somebody at the terminal debugs the guest in Bochs's debugger.
    extra: flags and bochsrc options for Bochs's command line.
    instead: lines in place of those of the bochsrc, by their places.
    stdout: file for what Bochs prints (port 0xe9, com1 on /dev/stdout); without it that is
        thrown away when headless, else it goes to our own stdout.
    """

    def __init__(
        self,
        bochs: Bochs,
        bochsrc: Path,
        *,
        headless: bool = True,
        log: Path | None = None,
        extra: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        stdout: Path | None = None,
        debug: bool = False,
        instead: Mapping[str, str] | None = None,
    ) -> None:
        self.bochs = bochs
        self.bochsrc = bochsrc
        self.headless = headless
        self.log = (log or log_of(bochsrc, extra) or Path("bochs.log")).absolute()
        self._may_rename_log = log is None
        self.extra = list(extra)
        self.stdout = stdout
        self.instead = instead or {}
        self._display = ""
        # A debugger reads its prompt from stdin; at the end of file it leaves Bochs in good
        # order, so that Ctrl-C ends a Bochs with an active one too.
        self._alone = headless or (debugger.is_on(bochs, bochsrc, self.extra) and not debug)
        self._copies: dict[Path, Path] = {}  # of the bochsrc, where it cannot be used as it is
        self._environment = dict(os.environ if environment is None else environment)
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Path | None = None
        self._asked: Ending | None = None
        self._began = 0.0
        self._outcome: Outcome | None = None

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.terminate()

    @property
    def pid(self) -> int:
        return self._started().pid

    def start(self) -> None:
        if self._process is not None:
            raise ValueError("this run has been started before")
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(own_folder())
            self.log, held = _claim(self.log, rename=self._may_rename_log)
            stack.callback(os.close, held)
            self._process = self._spawn(folder)
            self._stack = stack.pop_all()  # the folder lives as long as the run

    def _spawn(self, folder: Path) -> subprocess.Popen[bytes]:
        command = self._command(folder)
        with contextlib.ExitStack() as files:
            output: IO[bytes] | int | None = None
            errors: IO[bytes] | None = None
            if self.headless:
                self._errors = folder / "stderr"
                errors = files.enter_context(self._errors.open("wb"))
                output = subprocess.DEVNULL
            if self.stdout is not None:
                output = files.enter_context(self.stdout.open("wb"))
            self._began = time.monotonic()
            return subprocess.Popen(
                command,
                env=self._variables(),
                stdin=subprocess.DEVNULL if self._alone else None,
                stdout=output,
                stderr=errors,
                start_new_session=self.headless,
            )

    def wait(self, timeout: float | None = None) -> Outcome:
        """How it ended; after `timeout` seconds Bochs is ended and that is the outcome."""
        try:
            self._started().wait(timeout)
        except subprocess.TimeoutExpired:
            return self._end(Ending.TIMEOUT)
        return self._finished()

    def pause(self, seconds: float) -> None:
        """Until it ends, and no longer than that."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started().wait(seconds)

    def poll(self) -> Outcome | None:
        """How it ended, None while it runs."""
        return None if self._started().poll() is None else self._finished()

    def interrupt(self) -> Outcome:
        """End Bochs after a Ctrl-C, which a Bochs that is not headless had from the terminal."""
        if not self.headless:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._asked = Ending.QUIT
                self._started().wait(GRACE)
        return self._end(Ending.QUIT)

    def terminate(self) -> Outcome:
        """End Bochs, politely at first. Does nothing to a run that has ended."""
        return self._end(Ending.KILLED)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ValueError("this run has not been started")
        return self._process

    def _end(self, why: Ending) -> Outcome:
        process = self._started()
        for number in _polite_signals(self._display):
            if process.poll() is not None:
                break
            self._asked = why
            with contextlib.suppress(ProcessLookupError):
                self._send(process, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LIMITS.get(number, GRACE))
        return self._finished()

    def _send(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        if self.headless:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)

    def _finished(self) -> Outcome:
        if self._outcome is None:
            process = self._started()
            wall = time.monotonic() - self._began
            errors = (tail(self._errors) if self._errors else None) or ""
            log = tail(self.log) or None
            if log is None:
                with contextlib.suppress(OSError):
                    self.log.unlink()
            ending, message = judge(process.returncode, log, errors, self._asked)
            for original, copy in self._copies.items():
                message = message.replace(str(copy), str(original))
            self._outcome = Outcome(ending, message, process.returncode, wall, self.log)
            self._stack.close()
        return self._outcome

    def _command(self, folder: Path) -> list[str]:
        cut = next((i for i, word in enumerate(self.extra) if _OPTION.match(word)), None)
        flags = self.extra if cut is None else self.extra[:cut]
        options = [] if cut is None else list(self.extra[cut:])
        self._copies = rewritten(self.bochsrc, self._change, folder)
        bochsrc = self._copies.get(self.bochsrc, self.bochsrc)
        command = [*dies_with_us(), str(self.bochs.executable), "-q", "-f", str(bochsrc)]
        command += debugger.flags_for(self.bochs, bochsrc, self.extra, folder)
        command += flags
        if self._alone:  # nobody can answer "A PANIC has occurred. Do you want to:"
            options.insert(0, "panic: action=fatal")
        if self.headless:
            self._display = _unseen_display(self.bochs)
            options.append(f"display_library: {self._display}")
            if _has_sound(self.bochs) and not setting(self.bochsrc, "sound", options):
                options.insert(0, "sound: waveoutdrv=dummy")
            if not setting(self.bochsrc, "speaker", options):  # its complaints fill the log
                options.insert(0, "speaker: enabled=0")
        return [*command, *options, f'log: "{self.log}"']

    def _change(self, line: Line, text: str) -> str:
        if self.headless and line.name == "display_library":
            return f"# {text}"  # one that this Bochs does not have would end it
        return self.instead.get(line.place, text)

    def _variables(self) -> dict[str, str]:
        variables = {
            **self._environment,
            PLUGIN_PATH_VARIABLE: plugin_path(self.bochs, self._environment),
            BOCHSRC_VARIABLE: str(self.bochsrc.absolute()),
        }
        if self.headless:
            variables["TERM"] = "xterm"  # the display `term` wants any valid one
            variables["SDL_VIDEODRIVER"] = "dummy"
        return variables


def _claim(log: Path, *, rename: bool) -> tuple[Path, int]:
    """An empty log, which must not tell how an old run ended, and a descriptor that holds it.

    rename: whether another name will do, where another run writes this one.
    """
    others = (log.with_name(f"{log.stem}-{number}{log.suffix}") for number in range(2, MAX_LOGS))
    for path in itertools.chain([log], others if rename else []):
        held = _hold(path)
        if held is not None:
            return path, held
    raise BochsError(f"another run writes its log to {log}; name another with --log")


def _hold(log: Path) -> int | None:
    """None if another run does."""
    problem = "it is not a file" if log.exists() and not log.is_file() else ""
    if not problem:
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            held = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            problem = error.strerror or str(error)
    if problem:
        raise BochsError(f"Bochs cannot write its log {log}: {problem}; name another with --log")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    os.ftruncate(held, 0)
    return held


def _unseen_display(bochs: Bochs) -> str:
    """A display that needs no screen and opens no port (rfb listens on all addresses)."""
    for name in ("nogui", "term", "sdl2"):
        if name in bochs.displays:
            return name
    raise BochsError(
        f"{bochs} has no display to run without a screen; install its nogui or term"
        " (Debian: apt-get install bochs-term)"
    )


def _has_sound(bochs: Bochs) -> bool:
    """Its own choice of a driver is a sound card's, without which Bochs 2.7 may crash."""
    return any(bochs.plugin_dir.glob("libbx_sound*.so"))


def _polite_signals(display: str) -> tuple[signal.Signals, ...]:
    """What ends Bochs, the gentlest first: a clean exit shuts its devices and our plugin down.

    SIGINT is one, except where a debugger is compiled in but not in use (Debian's 3.0), which
    swallows it. The display `term` swallows SIGTERM, and to it SIGHUP is the clean exit.
    """
    gentlest = signal.SIGHUP if display == "term" else signal.SIGINT
    return gentlest, signal.SIGTERM, signal.SIGKILL
