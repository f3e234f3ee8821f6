"""What runs in the guest: `python -m tests.netns.client VERB ARGUMENT ...`, plain socket programs.

Each verb prints one line; errors of sockets are printed by their names.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pynat.testing.servers import pseudo_random

LINGER_ZERO = struct.pack("ii", 1, 0)
IP_RECVERR = 11  # ip(7)
TCP_REPAIR = 19  # linux/tcp.h
UDP_SEGMENT = 103  # linux/udp.h
CHUNK = 65_536
PATIENCE = 120  # seconds, for what takes milliseconds on a quiet machine


def fetch(host: str, port: str) -> str:
    """Read to the end of file: size and hash."""
    with socket.create_connection((host, int(port))) as sock:
        return _digest(sock)


def push(host: str, port: str, seed: str, size: str) -> str:
    """Send, half-close, and tell what the host answers."""
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(pseudo_random(int(seed), int(size)))
        sock.shutdown(socket.SHUT_WR)
        return sock.makefile("r").read().strip()


def leave(host: str, port: str, seed: str, size: str, fin: str) -> str:
    """Send, half-close perhaps, wait until all is acknowledged, and end without closing."""
    sock = socket.create_connection((host, int(port)))
    sock.sendall(pseudo_random(int(seed), int(size)))
    if fin:
        sock.shutdown(socket.SHUT_WR)
    while struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]:
        time.sleep(0.01)
    sock.setsockopt(socket.SOL_TCP, TCP_REPAIR, 1)  # closed so, it sends nothing more
    sock.close()
    return "acknowledged"


def ask_from_many(host: str, port: str, count: str) -> str:
    """A datagram from each of so many ports, asked again until it is answered."""
    answered = 0
    with contextlib.ExitStack() as stack:
        for _ in range(int(count)):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.settimeout(1)
            for _ in range(5):
                sock.sendto(b"x", (host, int(port)))
                with contextlib.suppress(TimeoutError):
                    answered += len(sock.recv(10))
                    break
    return f"{answered} answered"


def connect_many(host: str, port: str, count: str) -> str:
    """So many connections at once: how many there are when one fails, and how it does."""
    with contextlib.ExitStack() as stack:
        for number in range(int(count)):
            try:
                stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            except OSError as error:
                return f"{number} {errno.errorcode.get(error.errno or 0, error)}"
    return f"{count} connected"


def connect_from(host: str, port: str, source: str) -> str:
    with socket.create_connection((host, int(port)), 10, ("", int(source))):
        return "connected"


def read_late(host: str, port: str, seed: str, size: str, count: str) -> str:
    """So many connections, of which none reads before all have got as much as they take."""
    expected = pseudo_random(int(seed), int(size))
    whole = 0
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(int(count)):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((host, int(port)))
            socks.append(sock)
        time.sleep(2)
        for sock in socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            whole += sock.makefile("rb").read() == expected
    return f"{whole} whole"


def dial(host: str, port: str) -> str:
    """Connect only."""
    with socket.create_connection((host, int(port)), timeout=PATIENCE):
        return "connected"


def wait_for_end(host: str, port: str) -> str:
    """Tell the host that we are there, and how the connection ends."""
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"here\n")
        return f"{len(sock.recv(CHUNK))} bytes"


def reset(host: str, port: str) -> str:
    """Send one line, wait for one, end with RST."""
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"here\n")
        sock.recv(CHUNK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    return "reset"


def urgent(host: str, port: str) -> str:
    """Three bytes, the second one urgent; then what comes back, the urgent byte apart."""
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"a")
        sock.send(b"!", socket.MSG_OOB)
        sock.sendall(b"b")
        ordinary, oob = receive_urgent(sock)
        return f"{ordinary.decode()} {oob.decode()}"


def receive_urgent(sock: socket.socket) -> tuple[bytes, bytes]:
    """Two ordinary bytes and the urgent one, which is not in the stream."""
    import select

    ordinary, oob = b"", b""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLPRI)
    while len(ordinary) < 2 or not oob:
        events = poll.poll(PATIENCE * 1000)
        if not events:
            break
        if events[0][1] & select.POLLPRI and not oob:
            with contextlib.suppress(OSError):
                oob = sock.recv(1, socket.MSG_OOB)
                poll.modify(sock, select.POLLIN)
        if events[0][1] & select.POLLIN:
            ordinary += sock.recv(16)
    return ordinary, oob


def datagram(host: str, port: str, size: str) -> str:
    """One of this size and its echo."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect((host, int(port)))
        sent = pseudo_random(1, int(size))
        sock.send(sent)
        return "same" if sock.recv(CHUNK) == sent else "different"


def datagrams(host: str, port: str, size: str, total: str) -> str:
    """Of this size, all by one call (udp(7)), and their echoes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect((host, int(port)))
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, int(size))
        sent = pseudo_random(1, int(total))
        sock.send(sent)
        echoes = (sock.recv(CHUNK) for _ in range(0, int(total), int(size)))
        return "same" if b"".join(echoes) == sent else "different"


def ask_udp(host: str, port: str) -> str:
    """A datagram to nobody: the error that comes back for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)  # else only a closed port is told
        sock.connect((host, int(port)))
        sock.send(b"is anybody there?")
        return f"{len(sock.recv(CHUNK))} bytes"


# ---------------------------------------------------------------------- many flows
def at_once(host: str, port: str, number: str, size: str) -> str:
    """All of them open before the first sends; each sends what only it has, and checks the hash."""
    return asyncio.run(_at_once(host, int(port), int(number), int(size)))


def in_turn(host: str, port: str, number: str, size: str) -> str:
    """So many short connections, four of them at a time."""

    def is_good(seed: int) -> bool:
        with socket.create_connection((host, int(port))) as sock:
            data = pseudo_random(seed, int(size))
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: sock.recv(CHUNK), b""))
        return answer == hashlib.sha256(data).digest()

    with ThreadPoolExecutor(4) as pool:
        return f"{sum(pool.map(is_good, range(int(number))))} good"


async def _at_once(host: str, port: int, number: int, size: int) -> str:
    async with asyncio.timeout(PATIENCE):
        streams = await asyncio.gather(
            *(asyncio.open_connection(host, port) for _ in range(number))
        )
        good = await asyncio.gather(
            *(_exchange(*stream, seed, size) for seed, stream in enumerate(streams))
        )
    return f"{sum(good)} good"


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seed: int, size: int
) -> bool:
    data = pseudo_random(seed, size)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer == hashlib.sha256(data).digest()


def _digest(sock: socket.socket) -> str:
    digest, size = hashlib.sha256(), 0
    while data := sock.recv(CHUNK):
        digest.update(data)
        size += len(data)
    return f"{digest.hexdigest()} {size}"


VERBS: dict[str, Callable[..., str]] = {
    verb.__name__: verb
    for verb in (
        fetch, push, leave, dial, wait_for_end, reset, urgent, datagram, datagrams, ask_udp,
        at_once, in_turn, read_late, ask_from_many, connect_many, connect_from,
    )
}  # fmt: skip


if __name__ == "__main__":
    try:
        print(VERBS[sys.argv[1]](*sys.argv[2:]))
    except OSError as error:
        print(errno.errorcode.get(error.errno or 0, error))
