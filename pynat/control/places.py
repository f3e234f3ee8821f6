"""Where control sockets are, so that `pynat ctl` finds a running network without being told.

A folder of this user alone: $XDG_RUNTIME_DIR/pynat, or /tmp/pynat-UID where that is not set. A
socket's name is PID-CARD.sock.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from pynat.errors import ConfigError
from pynat.host import unix

MAX_ALIKE = 16  # cards of one process with one MAC address
BOCHSRC_VARIABLE = "PYNAT_BOCHSRC"  # pynat.bochs.run sets it
_NAME = re.compile(r"([0-9]+)-(.+)\.sock")


def folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if Path(runtime).is_absolute() and Path(runtime).is_dir():
        return Path(runtime, "pynat")
    return Path(f"/tmp/pynat-{os.geteuid()}")


def new_path(card: str) -> Path:
    """For a card of this process. Makes the folder, and clears it of dead processes' sockets.

    Raises ConfigError and OSError.
    """
    where = folder()
    where.mkdir(mode=0o700, exist_ok=True)
    _check(where)
    if where.stat().st_mode & 0o077:
        where.chmod(0o700)
    for path in where.glob("*.sock"):
        if not _is_running(pid_of(path)):
            unix.remove_dead(path)
    safe = re.sub(r"[^\w.:-]", "_", card)[:40]
    names = [safe, *(f"{safe}-{number}" for number in range(2, MAX_ALIKE))]
    paths = [where / f"{os.getpid()}-{name}.sock" for name in names]
    return next((path for path in paths if not unix.is_live(path)), paths[0])


def _check(where: Path) -> None:
    """Another user may have made it: names in it, and who listens there, are that user's."""
    status = where.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise ConfigError(f"{where} is not a folder of this user's; move it away")
    if status.st_mode & 0o022:
        raise ConfigError(f"{where}: others may write there; chmod 700 {where}")


def pid_of(path: Path) -> int | None:
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def found(pid: int | None = None) -> list[Path]:
    """The sockets to which somebody listens, maybe of one process only. Raises ConfigError."""
    where = folder()
    if not os.path.lexists(where):
        return []
    _check(where)
    paths = sorted(path for path in where.glob("*.sock") if path.lstat().st_uid == os.geteuid())
    return [path for path in paths if pid in (None, pid_of(path)) and unix.is_live(path)]


def bochsrc() -> str | None:
    """The file that this process, if it is Bochs, was started with."""
    if named := os.environ.get(BOCHSRC_VARIABLE):
        return named
    try:
        words = Path("/proc/self/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    if not Path(words[0]).name.startswith("bochs"):
        return None
    named = words[words.index("-f") + 1] if "-f" in words[:-1] else None
    return named and str(Path(named).absolute())


def _is_running(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()
