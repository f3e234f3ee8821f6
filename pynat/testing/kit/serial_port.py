"""A guest's com1 in both directions: Bochs connects to a socket of ours.

Bochs waits where we do not read, so nothing that a guest says is lost, however busy the machine is;
with a pseudo terminal it would be. What comes goes to a file, as it is, and is read from there.
Beside it, for the report, each line stands with the guest's time at which its end came.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pynat.control.client import ask
from pynat.control.protocol import Refused

_LOCALHOST = "127.0.0.1"
_CHUNK = 64 * 1024


Now = Callable[[], float | None]  # the guest's seconds, None where they are not known


class SerialPort:
    """option: com1 for Bochs. The file gets every byte, as it comes; `stamped` lines with times."""

    def __init__(self, file: Path, stamped: Path, now: Now) -> None:
        self._listener = socket.create_server((_LOCALHOST, 0))
        port = self._listener.getsockname()[1]
        self.option = f"com1: enabled=1, mode=socket-client, dev={_LOCALHOST}:{port}"
        self._connection: socket.socket | None = None
        self._connected = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(file, stamped, now), daemon=True)
        self._reader.start()

    def send(self, data: bytes, patience: float) -> None:
        """patience: seconds to wait for Bochs. Raises OSError where it has ended."""
        if not self._connected.wait(patience) or self._connection is None:
            raise OSError("no Bochs is at the other end of the serial port")
        self._connection.sendall(data)

    def finish(self) -> None:
        """Bochs has ended: when this returns, all that it sent is in the file."""
        if not self._connected.is_set():
            self._listener.shutdown(socket.SHUT_RDWR)  # it never came
        self._reader.join()
        self._listener.close()

    def _read(self, file: Path, stamped: Path, now: Now) -> None:
        connection = self._accepted()
        self._connection = connection
        self._connected.set()
        if connection is None:
            return
        with (
            connection,
            file.open("ab", buffering=0) as out,
            closing(StampedLines(stamped, now)) as lines,
        ):
            while data := _received(connection):
                lines.take(data)  # while Bochs is sure to run: nobody has seen the line yet
                out.write(data)

    def _accepted(self) -> socket.socket | None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return None
            if _user_at(peer[1]) in (None, os.geteuid()):
                return connection
            connection.close()


class StampedLines:
    """JSON lines, {"time": 1.5, "text": "..."}; the time may be null."""

    def __init__(self, file: Path, now: Now) -> None:
        self._file = file.open("a", buffering=1)
        self._now = now
        self._partial = bytearray()

    def take(self, data: bytes) -> None:
        self._partial += data
        if b"\n" in data:
            *lines, self._partial = self._partial.split(b"\n")
            self._write(lines)

    def close(self) -> None:
        if self._partial:
            self._write([self._partial])
        self._file.close()

    def _write(self, lines: list[bytearray]) -> None:
        now = self._now()
        for line in lines:
            text = line.decode(errors="replace").strip("\r")
            self._file.write(json.dumps({"time": now, "text": text}) + "\n")


class GuestClock:
    """The seconds of a guest, by its network's control socket. One that hangs is left alone.

    It is the card's time: that of the network is, in step, the time of its last turn.
    """

    def __init__(self, control: Path) -> None:
        self._control = control
        self._hangs = False

    def __call__(self) -> float | None:
        try:
            return None if self._hangs else ask(self._control, "stats")["card"]["guest_us"] / 1e6
        except TimeoutError:
            self._hangs = True
        except (OSError, Refused, LookupError, TypeError):
            pass  # it is not there yet, or no more; or an older plugin has no such figure
        return None


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_CHUNK)
    except ConnectionResetError:
        return b""


def _user_at(port: int) -> int | None:
    """Whose the local socket with this port is, as the kernel's table has it."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted:
            return int(fields[7])
    return None
