"""`keras-mixers export web` and `keras-mixers serve`."""

import json
import urllib.request
import webbrowser
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.helpers.command_line import failure, run
from tests.helpers.export_models import conv_mixer


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    conv_mixer(name="mine").save(folder / "model.keras")
    (folder / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    preprocessing = {"mean": [0.5] * 3, "std": [0.5] * 3, "crop": 0.75, "interpolation": "bilinear"}
    (folder / "preprocessing.json").write_text(json.dumps(preprocessing))
    return folder


def test_export_of_a_run(trained: Path, tmp_path: Path):
    out = tmp_path / "page"
    result = run("export", "web", trained, out, "--licence", "MIT")
    assert result.exit_code == 0, result.output
    assert "probabilities" in result.stdout
    assert f"keras-mixers serve {out}" in result.stdout
    config = json.loads((out / "page.json").read_text())
    assert (config["input"]["crop"], config["input"]["interpolation"]) == (0.75, "bilinear")
    assert (out / "labels.txt").read_text().split() == list("abcde")
    assert "MIT" in (out / "card.html").read_text()
    assert "--overwrite" in failure(run("export", "web", trained, out))


def test_a_runtime_that_is_none(trained: Path, tmp_path: Path):
    out = tmp_path / "page"
    message = failure(run("export", "web", trained, out, "--runtime", tmp_path))
    assert "npm install @litertjs/core@" in message
    assert not out.exists()


def test_serve(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The command opens the page, and ends quietly by Ctrl-C."""
    (tmp_path / "page.json").write_text("{}")
    (tmp_path / "index.html").write_text("the page")
    opened = []

    def interrupt(server: ThreadingHTTPServer) -> None:
        thread = Thread(target=server.handle_request)
        thread.start()
        with urllib.request.urlopen(opened[0]) as response:
            opened.append(response.read())
        thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", interrupt)
    result = run("serve", tmp_path, "--port", 0)
    assert result.exit_code == 0, result.output
    assert opened == [result.stdout.split()[0], b"the page"]


def test_serve_what_is_no_page(tmp_path: Path):
    message = failure(run("serve", tmp_path))
    assert "expected a folder that `keras-mixers export web` wrote" in message
