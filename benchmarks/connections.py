"""Short connections: connect, ask, read the answer to its end, close; four at a time."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.back_ends import ROOT, BackEnd
from benchmarks.results import Figure

AT_ONCE = 4
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n" + 100 * b"x"


def connections(net: BackEnd) -> Figure:
    """How many a second."""
    with answering() as port:
        before = net.used()
        command = (sys.executable, "-m", __name__, net.router, str(port), str(net.seconds))
        rate = float(net.guest.run(*command, cwd=ROOT).stdout)
        return net.figure(rate, before)


@contextlib.contextmanager
def answering() -> Iterator[int]:
    """One client after the other: the kernel keeps the next ones meanwhile. Yields the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        thread = threading.Thread(target=answer_all, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def answer_all(server: socket.socket) -> None:
    with contextlib.suppress(OSError):  # that it has been shut down
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.recv(4096)
                connection.sendall(ANSWER)


# ---------------------------------------------------------------------- in the guest
def ask(host: str, port: int) -> None:
    with socket.create_connection((host, port)) as connection:
        connection.sendall(REQUEST)
        got = b"".join(iter(lambda: connection.recv(4096), b""))
    assert got == ANSWER, got


def ask_until(host: str, port: int, end: float) -> int:
    asked = 0
    while time.monotonic() < end:
        ask(host, port)
        asked += 1
    return asked


def main(host: str, port: str, seconds: str) -> None:
    """Prints how many a second."""
    ask(host, int(port))
    start = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        one = (host, int(port), start + float(seconds))
        asked = sum(pool.map(lambda _: ask_until(*one), range(AT_ONCE)))
    print(asked / (time.monotonic() - start))


if __name__ == "__main__":
    main(*sys.argv[1:])
