"""A small web server for a script (RFC 9112, by h11): a folder, or a function that answers.

Connections are kept alive, HEAD is answered, a body of chunks is taken; there are no ranges, no
compression and no dates, so that every run has the same bytes.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pynat.net.report import placed
from pynat.net.stream import Reset, Stream

if TYPE_CHECKING:
    import h11

MAX_BODY = 16 << 20  # bytes of a request
MAX_BODIES = 64 << 20  # bytes of all requests that one server deals with
PIECE = 64 * 1024  # bytes of a file that are read at once
_TYPES = {
    ".css": "text/css",
    ".gif": "image/gif",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ipxe": "text/plain; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(slots=True)
class Request:
    method: str
    path: str  # decoded, without the query
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes
    guest: str  # 192.168.16.2:40000


@dataclass(slots=True)
class Response:
    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Answer = (
    Response
    | bytes
    | str
    | tuple[int, bytes | str]
    | None
    | Awaitable[Response | bytes | str | tuple[int, bytes | str] | None]
)


@dataclass(slots=True)
class _Page:
    """A response that is known to be right, with its body in pieces."""

    status: int
    headers: dict[str, str]
    length: int
    pieces: AsyncGenerator[bytes]


class _TooLong(Exception):  # noqa: N818 - reads as a word
    """The body of a request."""


class _TooMuch(Exception):  # noqa: N818 - reads as a word
    """The bodies of all requests."""


@dataclass(slots=True)
class _Bodies:
    """Of the requests that one server deals with."""

    size: int = 0  # bytes


def serve_pages(page: Callable[[Request], Answer]) -> Callable[[Stream], Any]:
    async def answer(request: Request) -> _Page:
        found = page(request)
        found = await found if inspect.isawaitable(found) else found
        try:
            return _page(found)
        except TypeError as error:
            raise TypeError(f"{error} ({placed(page)})") from None

    return _server(answer)


def serve_folder(folder: Path) -> Callable[[Stream], Any]:
    async def answer(request: Request) -> _Page:
        return _file(folder, request)

    return _server(answer)


# ---------------------------------------------------------------- one connection
def _server(answer: Callable[[Request], Awaitable[_Page]]) -> Callable[[Stream], Any]:
    bodies = _Bodies()

    async def serve(stream: Stream) -> None:
        await _Connection(stream, answer, bodies).serve()

    return serve


class _Connection:
    def __init__(
        self, stream: Stream, answer: Callable[[Request], Awaitable[_Page]], bodies: _Bodies
    ) -> None:
        import h11

        self._h11 = h11
        self._http: h11.Connection = h11.Connection(h11.SERVER)
        self._stream = stream
        self._answer = answer
        self._bodies = bodies
        self._body = 0  # bytes of this one's

    async def serve(self) -> None:
        try:
            await self._serve()
        finally:
            self._keep(0)

    async def _serve(self) -> None:
        h11, http = self._h11, self._http
        while True:
            try:
                request = await self._request()
            except h11.RemoteProtocolError as error:
                await self._refuse(_error(error.error_status_hint or 400, str(error)))
                return
            except _TooLong:
                await self._refuse(_error(413, f"at most {MAX_BODY} bytes"))
                return
            except _TooMuch:
                await self._refuse(_error(503, f"at most {MAX_BODIES} bytes of all requests"))
                return
            if request is None:
                return
            if request.method == "CONNECT":
                await self._refuse(_error(501, "this is no proxy"))
                return
            await self._send(await self._page(request), head=request.method == "HEAD")
            if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
                return
            self._keep(0)
            http.start_next_cycle()

    def _keep(self, body: int) -> None:
        self._bodies.size += body - self._body
        self._body = body

    async def _page(self, request: Request) -> _Page:
        try:
            return await self._answer(request)
        except Reset:
            raise
        except BaseException as error:
            if self._stream.is_given_up(error):
                raise
            self._stream.tell(f"in answer to {request.method} {quote(request.path)}", error)
            return _error(500, "the script has failed; the log says why")

    async def _request(self) -> Request | None:
        """None when the guest has gone."""
        h11 = self._h11
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                raise _TooLong
            self._keep(len(body))
            if self._bodies.size > MAX_BODIES:
                raise _TooMuch
        try:
            target = urlsplit(head.target.decode("latin-1"))
        except ValueError as error:
            raise h11.RemoteProtocolError(str(error)) from None
        return Request(
            head.method.decode("latin-1"),
            unquote(target.path),
            parse_qs(target.query, keep_blank_values=True),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
            bytes(body),
            str(self._stream.peer),
        )

    async def _event(self) -> Any:
        while (event := self._http.next_event()) is self._h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = self._h11.InformationalResponse(status_code=100, headers=[])
                await self._write(go_on)
            self._http.receive_data(await self._stream.read())
        return event

    async def _refuse(self, page: _Page) -> None:
        if self._http.our_state in (self._h11.IDLE, self._h11.SEND_RESPONSE):
            await self._send(page, head=False)

    async def _send(self, page: _Page, *, head: bool) -> None:
        headers = {"content-length": str(page.length)} | page.headers
        h11 = self._h11
        reason = HTTPStatus(page.status).phrase if page.status in _STATUSES else ""
        await self._write(
            h11.Response(status_code=page.status, headers=list(headers.items()), reason=reason)
        )
        if not head:
            async with aclosing(page.pieces) as pieces:
                async for piece in pieces:
                    await self._write(h11.Data(data=piece))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: Any) -> None:
        if data := self._http.send(event):
            await self._stream.write(data)


_STATUSES = {status.value for status in HTTPStatus}


# ---------------------------------------------------------------- answers
async def _whole(body: bytes) -> AsyncGenerator[bytes]:
    if body:
        yield body


def _error(status: int, why: str) -> _Page:
    return _page(Response(f"{why}\n", status))


def _page(answer: Any) -> _Page:
    match answer:
        case None:
            response = Response("there is no such page\n", 404)
        case Response():
            response = answer
        case bytes() | str():
            response = Response(answer)
        case (int(status), (bytes() | str()) as body):
            response = Response(body, status)
        case _:
            raise TypeError(
                f"a page is bytes, text, (status, bytes), a Response or None, not {answer!r}"
            )
    is_text = isinstance(response.body, str)
    body = response.body.encode() if isinstance(response.body, str) else bytes(response.body)
    kind = "text/plain; charset=utf-8" if is_text else "application/octet-stream"
    given = {name.lower(): value for name, value in response.headers.items()}
    return _Page(response.status, {"content-type": kind} | given, len(body), _whole(body))


def _file(folder: Path, request: Request) -> _Page:
    if request.method not in ("GET", "HEAD"):
        return _page(Response("files can be fetched only\n", 405, {"allow": "GET, HEAD"}))
    path = _below(folder, request.path)
    if path is not None and path.is_dir():
        if not request.path.endswith("/"):
            return _page(Response("", 301, {"location": f"/{quote(request.path.strip('/'))}/"}))
        path = _below(folder, f"{request.path}index.html")
    if path is None or not path.is_file():
        return _page(None)
    kind = {"content-type": _TYPES.get(path.suffix.lower(), "application/octet-stream")}
    size = path.stat().st_size
    return _Page(200, kind, size, _pieces(path, size))


def _below(folder: Path, path: str) -> Path | None:
    """A path of the folder's, links followed; None if it leads out of it, or nowhere."""
    try:
        found = (folder / path.lstrip("/")).resolve()
        found.stat()
    except (OSError, ValueError, RuntimeError):  # a name too long, a NUL, a loop of links
        return None
    return found if found.is_relative_to(folder.resolve()) else None


async def _pieces(path: Path, size: int) -> AsyncGenerator[bytes]:
    """As long as it was when the response began.

    It is opened anew for each piece: a guest that does not read keeps no descriptor. Of a file that
    is changed meanwhile the rest is not sent.
    """
    begun = _version(path)
    for at in range(0, size, PIECE):
        with path.open("rb") as file:
            file.seek(at)
            piece = file.read(min(PIECE, size - at))
        if _version(path) != begun:
            return
        yield piece


def _version(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
