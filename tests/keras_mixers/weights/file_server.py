"""A web server on this machine that misbehaves as told."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
PAGE = b"\n<!DOCTYPE html><html><title>Sign in</title></html>"


class FileServer(ThreadingHTTPServer):
    """Serves `files` by path.

    Attributes:
        files: content by path.
        requests: paths asked for so far.
        answers: how to answer the next requests; after the last of them, with the whole file.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.requests: list[str] = []
        self.answers: list[Answer] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    timeout = 20

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.server.requests.append(path)
        if path not in self.server.files:
            self.send_error(404)
            return
        answer = self.server.answers.pop(0) if self.server.answers else whole
        # A client that was killed does not take the rest.
        with contextlib.suppress(ConnectionError):
            answer(self, self.server.files[path])

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def serve(files: dict[str, bytes]) -> Iterator[FileServer]:
    with FileServer(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _head(handler: BaseHTTPRequestHandler, length: int | None) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()


def whole(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    _head(handler, len(content))
    handler.wfile.write(content)


def cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Break off in the middle."""
    _head(handler, len(content))
    handler.wfile.write(content[: len(content) // 2])


def cut_without_length(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Break off in the middle of who knows how much."""
    _head(handler, None)
    handler.wfile.write(content[: len(content) // 2])


def page(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Send a web page as if it were the file."""
    _head(handler, len(PAGE))
    handler.wfile.write(PAGE)


def busy(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_error(503)


def pausing(pause: Callable[[], object]) -> Answer:
    """Return an answer that calls `pause` in the middle."""

    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        half = len(content) // 2
        _head(handler, len(content))
        handler.wfile.write(content[:half])
        handler.wfile.flush()
        pause()
        handler.wfile.write(content[half:])

    return answer


def slowly(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Send the file in a hundred parts, with a moment after each."""
    _head(handler, len(content))
    step = -(-len(content) // 100)
    for start in range(0, len(content), step):
        handler.wfile.write(content[start : start + step])
        handler.wfile.flush()
        time.sleep(0.005)
