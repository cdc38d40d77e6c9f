"""Pages of small networks, in Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from hub_export.web.export import export_web
from hub_export.web.server import HOST, page_server
from tests.helpers.trained_digits import digits, train

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

ROOT = Path(__file__).parents[2]
LITERT = ROOT / "node_modules" / "@litertjs" / "core"
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
# As root, as in containers, Chromium runs without its sandbox only. Its camera shows a moving disc.
OPTIONS = ("--no-sandbox", "--use-fake-device-for-media-stream", "--disable-quic")
WEBGPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--ignore-gpu-blocklist")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., Browser]]:
    """Starts Debian's Chromium, with options of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:

        def launch(*options: str) -> Browser:
            return playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=[*OPTIONS, *options]
            )

        yield launch


@pytest.fixture(scope="session")
def browser(chromium: Callable[..., Browser]) -> Iterator[Browser]:
    browser = chromium()
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a network that knows most digits, as `export web` writes it by default."""
    folder = tmp_path_factory.mktemp("digits") / "page"
    export_web(train(), folder, labels=DIGITS, runtime=LITERT)
    return folder


@contextmanager
def served(folder: Path, threads: bool = True) -> Iterator[str]:
    """Serve a page as `keras-mixers serve` does, or as a server that knows nothing of threads."""
    plain = partial(_Quiet, directory=str(folder))
    server = page_server(folder, 0) if threads else ThreadingHTTPServer((HOST, 0), plain)
    with server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def digits_address(digits_folder: Path) -> Iterator[str]:
    with served(digits_folder) as address:
        yield address


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A picture of a digit."""
    Image.fromarray(digits(held_out=True)[0][3, ..., 0]).save(tmp_path / "three.png")
    return tmp_path / "three.png"


@pytest.fixture
def open_page(context: BrowserContext) -> Callable[..., Page]:
    """Opens a page and waits until it has loaded its network, or has said why it can't."""

    def opened(address: str) -> Page:
        page = context.new_page()
        page.goto(address)
        settle(page)
        return page

    return opened


def settle(page: Page) -> None:
    """Wait until a page has nothing more to do."""
    page.wait_for_selector('body[aria-busy="false"]')


def status(page: Page) -> str:
    settle(page)
    return page.text_content("#status") or ""


def choose(page: Page, file: Path) -> str:
    """Give a page a file, and return what it says when it is done with it."""
    page.evaluate("document.body.ariaBusy = 'true'")
    page.set_input_files("#file", file)
    return status(page)


def classes(page: Page) -> dict[str, float]:
    """Return the probabilities that a page shows, by class."""
    names = page.locator("#classes span").all_text_contents()
    values = [float(data.get_attribute("value")) for data in page.locator("#classes data").all()]
    return dict(zip(names, values, strict=True))
