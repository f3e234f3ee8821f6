"""Small servers on loopback for tests, the demo and the benchmarks.

Each is a context manager, binds 127.0.0.1 and a port that the kernel chooses, and serves from
threads of its own. What clients did is kept and can be waited for (`Log`).
"""

from __future__ import annotations

import hashlib
import random
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Generic, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536


@lru_cache(maxsize=16)
def pseudo_random(seed: int, size: int) -> bytes:
    """The same bytes for the same seed, on every machine."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Log(Generic[T]):
    """What has happened so far, in order, for a thread that wants to wait for more."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._changed = threading.Condition()

    def add(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def all(self) -> list[T]:
        with self._changed:
            return list(self._items)

    def wait_for(self, wanted: Callable[[T], bool], timeout: float) -> T | None:
        """The first item that is `wanted`; None if none has come after `timeout` seconds."""
        until = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for item in self._items[seen:]:
                    if wanted(item):
                        return item
                seen = len(self._items)
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None


class _Served:
    """A socketserver that runs in a thread while the context is open."""

    server: socketserver.BaseServer

    def __enter__(self) -> Self:
        thread = threading.Thread(
            target=self.server.serve_forever, args=(0.05,), daemon=True, name=type(self).__name__
        )
        self._thread = thread
        thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        address = self.server.server_address
        assert isinstance(address, tuple)
        return int(address[1])


class _Quiet(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """A thread for each client; a client that goes away is no error."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Threads(_Quiet, socketserver.TCPServer):
    allow_reuse_address = True


class TcpServer(_Served):
    """`talk` is called for each connection; when it returns the connection is closed.

    receive_buffer: bytes (SO_RCVBUF) of each connection; 0 leaves it to the system.
    """

    def __init__(self, talk: Callable[[socket.socket], None], *, receive_buffer: int = 0) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                talk(self.request)

        self.server = server = _Threads((LOOPBACK, 0), Handler)
        if receive_buffer:
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)


class TcpSink(TcpServer):
    """Reads to the end of file and then answers with the sha256 of what came, if told to.

    A client that waits for the answer has to close only its writing side: half-close.
    """

    def __init__(self, *, answer: bool = True) -> None:
        self.received: Log[tuple[int, str]] = Log()  # size and sha256 of each connection
        self._answer = answer
        super().__init__(self._talk)

    def _talk(self, connection: socket.socket) -> None:
        digest = hashlib.sha256()
        size = 0
        while data := connection.recv(_CHUNK):
            digest.update(data)
            size += len(data)
        self.received.add((size, digest.hexdigest()))
        if self._answer:
            connection.sendall(f"{digest.hexdigest()} {size}\n".encode())


class TcpSource(TcpServer):
    """Sends the same bytes to every client and closes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(lambda connection: connection.sendall(data))


class _BigDatagrams(socketserver.UDPServer):
    max_packet_size = 65_535


class UdpEcho(_Served):
    def __init__(self) -> None:
        received: Log[bytes] = Log()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, back = self.request
                received.add(data)
                back.sendto(data, self.client_address)

        self.received = received
        self.server = _BigDatagrams((LOOPBACK, 0), Handler)


class DnsStub(_Served):
    """Answers A questions from `records`, each after `delays` seconds of its name, if any.

    Names are lower case and without the last dot. What it does not know does not exist.
    It needs dnspython, which nothing else here does.
    """

    def __init__(
        self,
        records: dict[str, str],
        delays: dict[str, float] | None = None,
        *,
        address: str = LOOPBACK,
        port: int = 0,
    ) -> None:
        self.asked: Log[str] = Log()
        self._records = records
        self._delays = delays or {}
        self._closing = threading.Event()
        stub = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, back = self.request
                back.sendto(stub._answer(data), self.client_address)

        self.server = _UdpThreads((address, port), Handler)

    def stop(self) -> None:
        self._closing.set()
        super().stop()

    def _answer(self, data: bytes) -> bytes:
        import dns.message
        import dns.rcode
        import dns.rdatatype
        import dns.rrset

        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.add(name)
        if name not in self._records:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            reply.answer.append(
                dns.rrset.from_text(question.name, 60, "IN", "A", self._records[name])
            )
        self._closing.wait(self._delays.get(name, 0.0))
        return reply.to_wire()


class _UdpThreads(_Quiet, socketserver.UDPServer):
    pass


class HttpServer(_Served):
    """GET of a path in `bodies`, of `/bytes/<seed>/<size>`, of `/slow/<seconds>`, and of
    `/report?key=value&...`, by which a guest tells what it found; PUT and POST of anything.
    """

    def __init__(self, bodies: dict[str, bytes] | None = None) -> None:
        self.bodies = dict(bodies or {})
        self.requests: Log[str] = Log()  # the path of each request, when it has been answered
        self.reports: Log[dict[str, str]] = Log()
        self.uploads: Log[bytes] = Log()
        self._closing = threading.Event()
        self.server = _HttpThreads((LOOPBACK, 0), _http_handler(self))

    def stop(self) -> None:
        self._closing.set()
        super().stop()

    def body_of(self, target: str) -> bytes | None:
        """None is "404 Not Found"."""
        url = urlsplit(target)
        match url.path.split("/")[1:]:
            case ["bytes", seed, size]:
                return pseudo_random(int(seed), int(size))
            case ["slow", seconds]:
                self._closing.wait(float(seconds))
                return b"at last\n"
            case ["report"]:
                fields = parse_qs(url.query, keep_blank_values=True)
                self.reports.add({key: values[-1] for key, values in fields.items()})
                return b"thanks\n"
            case _:
                return self.bodies.get(url.path)


class _HttpThreads(_Quiet, HTTPServer):
    pass


def _http_handler(served: HttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.body_of(self.path)
            self._reply(404 if body is None else 200, b"not here\n" if body is None else body)

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            served.uploads.add(data)
            self._reply(200, f"{sha256(data)}\n".encode())

        do_PUT = do_POST  # noqa: N815

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            served.requests.add(self.path)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
