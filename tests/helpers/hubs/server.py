"""A web server on this machine whose subclass answers, and that misbehaves as told."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Answer = Callable[["Handler"], None]
Server = TypeVar("Server", bound="HubServer")


class HubServer(ThreadingHTTPServer):
    """Answers requests by `answer`.

    Attributes:
        requests: method and path of what was asked for so far.
        faults: how to answer requests whose path has a text in it, in place of the right answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.faults: dict[str, Answer] = {}
        self.is_closed = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, handler: "Handler") -> None:
        raise NotImplementedError


class Handler(BaseHTTPRequestHandler):
    """One request.

    Attributes:
        content: the request's body.
    """

    server: HubServer
    protocol_version = "HTTP/1.1"
    timeout = 20
    content = b""

    def _handle(self) -> None:
        if self.server.is_closed:  # Clients keep their connections.
            self.close_connection = True
            return
        self.content = self._read()
        self.server.requests.append(f"{self.command} {self.path}")
        fault = next((f for text, f in self.server.faults.items() if text in self.path), None)
        with contextlib.suppress(ConnectionError):
            (fault or self.server.answer)(self)

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send an answer; underscores in the names of headers stand for hyphens."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve in a thread."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.is_closed = True
            server.shutdown()
            thread.join()


def failing(status: int, **headers: str) -> Answer:
    """Return an answer with a status."""
    return lambda handler: handler.send(status, **headers)


def hang_up(handler: Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True
