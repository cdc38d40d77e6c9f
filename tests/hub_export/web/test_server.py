"""`serve`: this machine only, the page's files only."""

import http.client
import socket
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hub_export.web.server import HOST, page_server


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    page = tmp_path / "page"
    page.mkdir()
    for name in ("page.json", "index.html", "main.js", "a.wasm"):
        (page / name).write_text(name)
    return page


@pytest.fixture
def server(page: Path) -> Iterator[ThreadingHTTPServer]:
    with page_server(page, 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server: ThreadingHTTPServer, path: str) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(HOST, server.server_port)
    connection.request("GET", path)
    response = connection.getresponse()
    return response, response.read().decode()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/main.js", "text/javascript"), ("/a.wasm", "application/wasm")],
)
def test_headers(server: ThreadingHTTPServer, path: str, kind: str):
    response, text = get(server, path)
    assert response.status == 200
    assert text == (path.removeprefix("/") or "index.html")
    assert response.headers["Content-Type"] == kind
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_this_machine_only(server: ThreadingHTTPServer):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "//secret.txt", "/none"])
def test_other_files(server: ThreadingHTTPServer, path: str):
    response, text = get(server, path)
    assert response.status == 404
    assert "secret" not in text.replace("secret.txt", "")


def test_no_page(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="expected a folder that `keras-mixers export web`"):
        page_server(tmp_path, 0)


def test_port_is_taken(page: Path):
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"at 127.0.0.1:{port} .*choose another port"):
            page_server(page, port)
