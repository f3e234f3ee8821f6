"""Web pages of a network written in Python."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pynat.errors import ConfigError
from pynat.net import Net, Request, Response
from pynat.net.http import PIECE, _pieces
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, payload_of


class Browser:
    """One connection of a guest that sends bytes and acknowledges what comes."""

    def __init__(
        self,
        net: Net | None,
        host: str = "198.18.4.1",
        *,
        beside: Browser | None = None,
        port: int = 40_000,
    ) -> None:
        """beside: another one of the same guest, at another port."""
        self.lab: Lab = beside.lab if beside else Lab(net=net)
        self._flow = TcpScript(self.lab, remote=host, guest_port=port)
        self._flow.guest("S 0:0(0) <mss 1460>")
        self._flow.to_guest()
        self._flow.guest(". 1:1(0) ack 1")
        self._sent = self._got = 1
        self.closed = False

    def send(self, data: bytes) -> bytes:
        """What comes in answer."""
        for start in range(0, len(data), 1000):
            piece = data[start : start + 1000]
            end = self._sent + len(piece)
            words = f"P. {self._sent}:{end}({len(piece)}) ack {self._got}"
            self._flow.guest(words, piece)
            self._sent = end
        answer = b""
        for _ in range(2000):
            self.lab.wait(0.1)
            packets = self._flow.packets()
            if not packets:
                break
            self.closed |= any(one["TCP"].flags.F for one in packets)
            new = b"".join(map(payload_of, packets))
            answer += new
            self._got += len(new)
            self._flow.guest(f". {self._sent}:{self._sent}(0) ack {self._got}")
        return answer

    def get(self, path: str, method: str = "GET", **headers: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: example.test"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return self.send("\r\n".join([*lines, "", ""]).encode())

    @property
    def log(self) -> str:
        return "\n".join(self.lab.log)


def pages() -> Net:
    net = Net()

    @net.http("example.test")
    def page(request: Request) -> Response | bytes | str | tuple[int, bytes | str] | None:
        match request.path:
            case "/text":
                return "grüß\n"
            case "/bytes":
                return b"\0\1"
            case "/status":
                return 418, "teapot"
            case "/response":
                return Response("{}", 201, {"Content-Type": "application/json", "X-Mine": "1"})
            case "/echo":
                found = f"{request.method} {request.query} {request.headers['x-a']} {request.guest}"
                return found.encode() + request.body
            case "/fail":
                raise ValueError("no")
            case "/wrong":
                return 7  # type: ignore[return-value]
        return None

    return net


def test_what_a_function_may_return() -> None:
    browser = Browser(pages())
    assert browser.get("/text") == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n"
        b"gr\xc3\xbc\xc3\x9f\n"
    )
    assert browser.get("/bytes").endswith(b"type: application/octet-stream\r\n\r\n\0\1")
    assert browser.get("/status").startswith(b"HTTP/1.1 418 I'm a Teapot\r\n")
    response = browser.get("/response")
    assert response.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"content-type: application/json\r\nx-mine: 1\r\n" in response
    assert browser.get("/nothing").startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert not browser.closed


def test_a_request_has_all_its_parts() -> None:
    browser = Browser(pages())
    body = b"x" * 3000
    head = b"POST /echo?a=1&a=2&b= HTTP/1.1\r\nHost: e\r\nX-A: v\r\nContent-Length: 3000\r\n\r\n"
    answer = browser.send(head + body)
    assert answer.endswith(b"POST {'a': ['1', '2'], 'b': ['']} v 192.168.16.2:40000" + body)


def test_a_body_in_chunks() -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: e\r\nX-A: v\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = Browser(pages()).send(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert answer.endswith(b"abcde")


def test_a_client_that_asks_first() -> None:
    browser = Browser(pages())
    head = b"POST /echo HTTP/1.1\r\nHost: e\r\nX-A: v\r\nContent-Length: 2\r\n"
    assert browser.send(head + b"Expect: 100-continue\r\n\r\n").startswith(b"HTTP/1.1 100")
    assert browser.send(b"ok").endswith(b"ok")


def test_head_has_no_body() -> None:
    answer = Browser(pages()).get("/text", "HEAD")
    assert b"content-length: 7\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_that_closes_gets_its_answer_and_the_end() -> None:
    browser = Browser(pages())
    assert browser.get("/text", Connection="close").endswith(b"\n")
    assert browser.closed


def test_http_1_0() -> None:
    browser = Browser(pages())
    assert browser.send(b"GET /text HTTP/1.0\r\n\r\n").endswith(b"\n")
    assert browser.closed


@pytest.mark.parametrize("path", ["/fail", "/wrong"])
def test_a_fault_is_500_and_told(path: str) -> None:
    browser = Browser(pages())
    assert browser.get(path).startswith(b"HTTP/1.1 500 ")
    assert f"in answer to GET {path}" in browser.log
    assert "Error: " in browser.log
    assert browser.get("/text").startswith(b"HTTP/1.1 200 ")  # it goes on


def test_rubbish_is_400() -> None:
    browser = Browser(pages())
    assert browser.send(b"\0\0\0\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert browser.closed
    assert "Traceback" not in browser.log


@pytest.mark.parametrize(
    ("request_line", "status"), [("GET //[ HTTP/1.1", 400), ("CONNECT a.test:443 HTTP/1.1", 501)]
)
def test_what_a_page_cannot_be_asked_for(request_line: str, status: int) -> None:
    browser = Browser(pages())
    answer = browser.send(f"{request_line}\r\nHost: example.test\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert browser.closed
    assert "Traceback" not in browser.log


def test_a_path_cannot_steer_the_log() -> None:
    net = Net()

    @net.http("example.test")
    def fail(request: Request) -> str:
        raise ValueError(request.path)

    browser = Browser(net)
    assert browser.get("/%0aforged%1b[2J").startswith(b"HTTP/1.1 500 ")
    assert "in answer to GET /%0Aforged%1B%5B2J" in browser.log
    assert "\x1b" not in browser.log


def test_two_requests_in_one_segment() -> None:
    request = b"GET /text HTTP/1.1\r\nHost: e\r\n\r\n"
    assert Browser(pages()).send(request * 2).count(b"200 OK") == 2


def test_a_page_that_takes_its_time() -> None:
    net = Net()

    @net.http("example.test")
    async def page(request: Request) -> str:
        await asyncio.sleep(0.05)
        return f"{net.now():.2f}"

    assert Browser(net).get("/").endswith(b"1.05")


# ---------------------------------------------------------------- folders
def test_the_bodies_of_all_requests_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynat.net.http.MAX_BODIES", 1000)
    net = Net()

    @net.http("a.test")
    def page(request: Request) -> str:
        return f"{len(request.body)} bytes"

    first = Browser(net)
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 800\r\n\r\n"
    assert first.send(post + bytes(700)) == b""
    second = Browser(None, beside=first, port=40_001)
    answer = second.send(post + bytes(800))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"at most 1000 bytes of all requests\n")
    assert first.send(bytes(100)).endswith(b"800 bytes")
    third = Browser(None, beside=first, port=40_002)
    for _ in range(2):  # each is forgotten once it is answered, or once its guest has gone
        assert third.send(post + bytes(800)).endswith(b"800 bytes")


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "\u00fc b").mkdir()
    (root / "big.bin").write_bytes(bytes(range(256)) * 1000)
    (root / "sub" / "index.html").write_text("<p>index")
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    net = Net()
    net.http("example.test", directory=root)
    return Browser(net)


def test_a_file(browser: Browser) -> None:
    head, _, body = browser.get("/big.bin").partition(b"\r\n\r\n")
    assert b"content-length: 256000" in head
    assert body == bytes(range(256)) * 1000


def test_an_index_is_a_file_of_the_folder(browser: Browser, tmp_path: Path) -> None:
    index = tmp_path / "root" / "\u00fc b" / "index.html"
    index.symlink_to(tmp_path / "secret")
    assert b" 404 " in browser.get("/%C3%BC%20b/")
    index.unlink()
    index.symlink_to(Path("..", "sub", "index.html"))
    assert browser.get("/%C3%BC%20b/").endswith(b"<p>index")


def test_the_index_of_a_folder(browser: Browser) -> None:
    assert b"location: /sub/\r\n" in browser.get("/sub")
    assert b"location: /sub/\r\n" in browser.get("////sub")  # not a host of that name
    assert b"location: /%0D%0A/../sub/\r\n" in browser.get("/%0d%0a/../sub")
    assert b"location: /%C3%BC%20b/\r\n" in browser.get("/%C3%BC%20b")
    answer = browser.get("/sub/")
    assert b"content-type: text/html; charset=utf-8" in answer
    assert answer.endswith(b"<p>index")


def test_a_file_that_is_not_read_to_its_end_takes_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(bytes(1 << 20))
    net = Net()
    net.http("example.test", directory=tmp_path)
    flow = TcpScript(Lab(net=net), remote="198.18.4.1")
    flow.guest("S 0:0(0) <mss 1460>")
    flow.to_guest()
    question = b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"
    flow.guest(f"P. 1:{1 + len(question)}({len(question)}) ack 1", question)
    flow.lab.wait(1)
    assert flow.payload().startswith(b"HTTP/1.1 200 ")
    assert tmp_path / "big.bin" not in {one.resolve() for one in Path("/proc/self/fd").iterdir()}


def test_a_file_that_is_changed_meanwhile_is_never_mixed(tmp_path: Path) -> None:
    file = tmp_path / "big.bin"
    file.write_bytes(b"a" * 3 * PIECE)

    async def fetch() -> list[bytes]:
        pieces = []
        async for piece in _pieces(file, 3 * PIECE):
            pieces.append(piece)
            file.rename(tmp_path / "old")
            file.write_bytes(b"b" * 3 * PIECE)
        return pieces

    assert asyncio.run(fetch()) == [b"a" * PIECE]


@pytest.mark.parametrize(
    "path",
    [
        "/missing",
        "/",
        "/../secret",
        "/%2e%2e/secret",
        "/link",
        "/a%00b",
        "//etc/passwd",
        f"/{'a' * 300}",
    ],
)
def test_what_is_not_there(browser: Browser, path: str) -> None:
    assert browser.get(path).startswith(b"HTTP/1.1 404 ")
    assert "Traceback" not in browser.log


def test_a_file_cannot_be_posted(browser: Browser) -> None:
    assert browser.get("/big.bin", "POST").startswith(b"HTTP/1.1 405 ")


def test_a_folder_or_a_function() -> None:
    with pytest.raises(ConfigError, match="a directory or a function, not both"):
        Net().http("a.test", directory=".")(lambda request: None)
