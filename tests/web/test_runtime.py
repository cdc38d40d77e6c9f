"""Where the page's LiteRT.js comes from, and that no other file takes its place."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from hub_export.web.export import export_web
from hub_export.web.runtime import CDN, VERSION
from tests.helpers.trained_digits import train
from tests.web.conftest import DIGITS, LITERT, choose, served, status

pytestmark = pytest.mark.web

Open = Callable[[str], Page]


@pytest.mark.parametrize("file", ["model.tflite", "litert/core/dist/index.js"])
def test_damaged_files(file: str, open_page: Open, digits_folder: Path, tmp_path: Path):
    shutil.copytree(digits_folder, tmp_path / "page")
    damaged = tmp_path / "page" / file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with served(tmp_path / "page") as address:
        page = open_page(address)
        assert "is not the file that this page expects" in status(page)
        assert not page.locator("#choose").is_visible()


@pytest.fixture(scope="module")
def cdn_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdn") / "page"
    export_web(train(), folder, labels=DIGITS)
    return folder


def from_npm(route: Route) -> None:
    """Answer for the content delivery network, with the files that npm installed."""
    path = route.request.url.removeprefix(CDN).replace(f"@{VERSION}", "")
    headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    route.fulfill(path=LITERT.parent / path, headers=headers)


def test_runtime_from_the_network(
    open_page: Open, context: BrowserContext, cdn_folder: Path, three: Path
):
    context.route(f"{CDN}**", from_npm)
    with served(cdn_folder) as address:
        page = open_page(address)
        assert choose(page, three).startswith("three.png: ")
        assert page.evaluate("crossOriginIsolated")


@pytest.mark.parametrize("file", ["index.js", "internal.js", "internal.wasm"])
def test_a_changed_runtime_is_refused(
    file: str, open_page: Open, context: BrowserContext, cdn_folder: Path
):
    def change(route: Route) -> None:
        if not route.request.url.endswith(file):
            return from_npm(route)
        headers = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(body="globalThis.owned = true;", headers=headers)

    context.route(f"{CDN}**", change)
    with served(cdn_folder) as address:
        page = open_page(address)
        assert "is not the file that this page expects" in status(page)
        assert page.evaluate("globalThis.owned") is None


def test_no_network(open_page: Open, context: BrowserContext, cdn_folder: Path):
    context.route(f"{CDN}**", lambda route: route.abort())
    with served(cdn_folder) as address:
        assert "LiteRT.js could not be loaded" in status(open_page(address))
