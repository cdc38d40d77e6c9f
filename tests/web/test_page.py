"""What a user meets on the page: other files, other browsers, other servers."""

import http.client
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from hub_export.model_facts import collect_facts
from hub_export.web.export import export_web
from tests.helpers.trained_digits import train
from tests.web.conftest import DIGITS, LITERT, choose, classes, served, settle, status

pytestmark = pytest.mark.web

Open = Callable[[str], Page]


def large_png(side: int) -> bytes:
    """Return a black PNG of one bit a pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + end

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(side * (1 + (side + 7) // 8)), 9)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def broken_jpeg() -> bytes:
    """Return the first half of a photo."""
    buffer = io.BytesIO()
    Image.effect_mandelbrot((400, 300), (-3, -2.5, 2, 2.5), 100).save(buffer, "JPEG")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.pdf", b"%PDF-1.7\n%%EOF\n", "a.pdf is no picture that this browser can read"),
        ("pdf.jpg", b"%PDF-1.7\n%%EOF\n", "pdf.jpg is no picture"),
        ("empty.png", b"", "empty.png is no picture"),
        ("broken.jpg", broken_jpeg(), "broken.jpg is"),
        ("large.png", large_png(20_000), "large.png has 20000 x 20000 pixels; choose"),
        ("<b>.txt", b"text", "<b>.txt is no picture"),
    ],
)
def test_wrong_files(
    name: str, content: bytes, sentence: str, open_page: Open, digits_address: str, three: Path
):
    page = open_page(digits_address)
    wrong = three.with_name(name)
    wrong.write_bytes(content)
    assert choose(page, wrong).startswith(sentence)
    assert page.locator("#status").get_attribute("class") == "error"
    assert not page.locator("#result").is_visible()
    assert choose(page, three).startswith("three.png: ")
    assert next(iter(classes(page))) in DIGITS


def test_too_narrow(open_page: Open, digits_address: str, tmp_path: Path):
    Image.new("L", (1, 60_000)).save(tmp_path / "line.png")
    assert "ms on" in choose(open_page(digits_address), tmp_path / "line.png")


def test_without_threads(open_page: Open, digits_folder: Path, three: Path):
    with served(digits_folder, threads=False) as address:
        page = open_page(address)
        assert choose(page, three).endswith("the processor, 1 thread (WebAssembly).")
        assert classes(page)


def test_with_threads(open_page: Open, digits_address: str, three: Path):
    page = open_page(digits_address)
    assert page.evaluate("crossOriginIsolated")
    assert "thread" in choose(page, three)


def test_without_relaxed_simd(open_page: Open, context: BrowserContext, digits_address: str, three):
    # The runtime asks by a program of this length whether the browser knows these instructions.
    context.add_init_script(
        """const instantiate = WebAssembly.instantiate;
        WebAssembly.instantiate = (source, ...rest) => source.length === 36 ?
            Promise.reject(new Error('unknown')) : instantiate(source, ...rest);"""
    )
    requests = []
    context.on("request", lambda request: requests.append(request.url))
    assert choose(open_page(digits_address), three).startswith("three.png: ")
    assert [url for url in requests if url.endswith("litert_wasm_compat_internal.wasm")]


def test_without_webgpu(open_page: Open, context: BrowserContext, digits_address: str, three: Path):
    context.add_init_script("delete Navigator.prototype.gpu")
    page = open_page(digits_address)
    assert not page.locator("#accelerator").is_visible()
    assert "the processor" in choose(page, three)


def test_a_graphics_card_that_fails(
    open_page: Open, context: BrowserContext, digits_address: str, three: Path
):
    context.add_init_script(
        "navigator.gpu.requestAdapter = async () => ({limits: {}, features: new Set(), "
        "requestDevice: async () => { throw new Error('lost'); }})"
    )
    page = open_page(digits_address)
    page.evaluate("document.body.ariaBusy = 'true'")
    page.get_by_label("the graphics card").check()
    assert status(page).startswith(
        "This network does not run on the graphics card here; it runs on"
    )
    assert page.get_by_label("the processor").is_checked()
    assert "the processor" in choose(page, three)


def test_camera(open_page: Open, context: BrowserContext, digits_address: str):
    context.grant_permissions(["camera"])
    page = open_page(digits_address)
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Take a picture").click()
    expect(page.locator("#classes li")).to_have_count(5)
    assert status(page).startswith("The picture: ")
    assert not page.locator("#viewfinder").is_visible()
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_camera_is_not_allowed(open_page: Open, digits_address: str):
    page = open_page(digits_address)
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#status.error")).to_contain_text("does not let this page use the camera")
    assert not page.locator("#viewfinder").is_visible()


def test_drop(open_page: Open, digits_address: str, three: Path):
    page = open_page(digits_address)
    page.evaluate("document.body.ariaBusy = 'true'")
    page.evaluate(
        """bytes => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.png'));
          document.body.dispatchEvent(
              new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}));
        }""",
        list(three.read_bytes()),
    )
    assert status(page).startswith("dropped.png: ")


def test_nothing_leaves_the_device(
    open_page: Open, context: BrowserContext, digits_address: str, three: Path
):
    requests = []
    context.on("request", lambda request: requests.append(request.url))
    page = open_page(digits_address)
    own = [url for url in requests if not url.startswith(("blob:", "data:"))]
    assert own
    assert all(url.startswith(digits_address) for url in own)
    requests.clear()
    choose(page, three)
    assert all(url.startswith("blob:") for url in requests)
    refused = "() => fetch('https://example.org/').then(() => false, () => true)"
    assert page.evaluate(refused)
    assert "stays on this device" in page.inner_text("footer")


def test_keyboard_and_screen_reader(open_page: Open, digits_address: str, three: Path):
    page = open_page(digits_address)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose a photo")).to_be_focused()
    outline = "getComputedStyle(document.querySelector('label[for=file]')).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    choose(page, three)
    assert page.locator("[role=status]").count() == 1
    assert page.get_by_role("list").locator("li").count() == 5
    assert page.get_by_role("img", name="part of the photo").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_and_can_be_read(
    browser: Browser, digits_address: str, three: Path, width: int, scheme: str
):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(digits_address)
    settle(page)
    choose(page, three)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.evaluate(
        """() => [getComputedStyle(document.body).color,
          getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.querySelector('a')).color]"""
    )
    text, background, link = map(luminance, colours)
    for colour in (text, link):
        brighter, darker = max(colour, background), min(colour, background)
        assert (brighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2.2, level AA.
    page.get_by_role("link", name="About this model").click()
    page.wait_for_url("**/card.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2 of a colour such as "rgb(1, 2, 3)"."""
    parts = [int(x) / 255 for x in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_names_are_text(open_page: Open, tmp_path: Path, three: Path):
    hostile = "<img src=x onerror=alert(1)>"
    model = train()
    facts = replace(collect_facts(model), name="a<b>&\"c'", licence=hostile)
    export_web(
        model,
        tmp_path / "page",
        labels=[*[hostile] * 9, "nine"],
        facts=facts,
        runtime=LITERT,
    )
    with served(tmp_path / "page") as address:
        page = open_page(address)
        assert page.title() == facts.name
        choose(page, three)
        assert hostile in page.locator("#classes span").all_text_contents()
        assert page.locator("#classes img").count() == 0
        page.get_by_role("link", name="About this model").click()
        assert page.locator("h1").first.text_content() == facts.name
        assert page.locator("b").count() == 0


def test_headers_of_serve(digits_address: str):
    connection = http.client.HTTPConnection(urlsplit(digits_address).netloc)
    for path, kind in (("/", "text/html"), ("/main.js", "text/javascript")):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.headers["Content-Type"].startswith(kind)
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
