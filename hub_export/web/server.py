"""Serves a page on this machine alone, with the headers that threads need in a browser."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path

from hub_export.web.page import CONFIG_FILE

HOST = "127.0.0.1"
# Python takes these from the system's tables, which may lack them or be wrong.
_TYPES = {".js": "text/javascript", ".wasm": "application/wasm"}


def page_server(folder: str | Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a page that `export_web` wrote; call its `serve_forever`.

    It takes connections of this machine only. Browsers give a page threads if its server says that
    it shares its memory with no other page.

    Args:
        folder: The page's folder.
        port: The port to listen at; 0 for any that is free.

    Raises:
        FileNotFoundError: If there is no page in `folder`.
        OSError: If the port is taken, or needs more rights.

    Reference: https://developer.mozilla.org/docs/Web/API/Window/crossOriginIsolated.
    """
    folder = Path(folder)
    if not (folder / CONFIG_FILE).is_file():
        raise FileNotFoundError(
            f"{folder} has no file {CONFIG_FILE!r}; expected a folder that `keras-mixers export "
            "web` wrote."
        )
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise OSError(
            f"Nothing can be served at {HOST}:{port} ({error.strerror}); choose another port."
        ) from None


class _Handler(SimpleHTTPRequestHandler):
    def guess_type(self, path: str | PathLike[str]) -> str:
        return _TYPES.get(Path(path).suffix) or super().guess_type(path)

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the page's user sees what goes wrong."""
