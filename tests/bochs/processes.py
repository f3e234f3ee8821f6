"""What /proc tells about a process."""

from __future__ import annotations

import os
import select
from pathlib import Path

_LISTEN = "0A"


def listening_sockets(pid: int) -> set[str]:
    """The inodes of the TCP sockets on which a process listens."""
    tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6")]
    rows = [row.split() for table in tables for row in table.read_text().splitlines()[1:]]
    listening = {row[9] for row in rows if row[3] == _LISTEN}
    return listening & {_inode(link) for link in Path(f"/proc/{pid}/fd").iterdir()}


def _inode(link: Path) -> str:
    try:
        return str(link.readlink()).removeprefix("socket:[").rstrip("]")
    except FileNotFoundError:  # the process has closed it meanwhile
        return ""


class Watch:
    """Notices the end of a process that is not a child of ours."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def ended_within(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        try:
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(self._descriptor)
