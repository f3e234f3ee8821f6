"""A guest's com1 in both directions: Bochs connects to a socket of ours.

Bochs waits where we do not read, so nothing that a guest says is lost, however busy the machine is;
with a pseudo terminal it would be. What comes goes to a file at once, and is read from there.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

_LOCALHOST = "127.0.0.1"
_CHUNK = 64 * 1024


class SerialPort:
    """option: com1 for Bochs. The file gets every byte, as it comes."""

    def __init__(self, file: Path) -> None:
        self._listener = socket.create_server((_LOCALHOST, 0))
        port = self._listener.getsockname()[1]
        self.option = f"com1: enabled=1, mode=socket-client, dev={_LOCALHOST}:{port}"
        self._connection: socket.socket | None = None
        self._connected = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(file,), daemon=True)
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

    def _read(self, file: Path) -> None:
        connection = self._accepted()
        self._connection = connection
        self._connected.set()
        if connection is None:
            return
        with connection, file.open("ab", buffering=0) as out:
            while data := _received(connection):
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
