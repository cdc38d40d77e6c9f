"""The page cuts pictures as Pillow does."""

import base64
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page
from sklearn.datasets import load_sample_images

from keras_mixers.preprocessing import load_image, resize_and_crop

pytestmark = pytest.mark.web

CUT = """async ({bytes, input}) => {
  const {readPicture} = await import('./picture.js');
  const {cut} = await import('./cut.js');
  const content = Uint8Array.from(atob(bytes), (character) => character.charCodeAt());
  const picture = await readPicture(new Blob([content]), 'it');
  return btoa(String.fromCharCode(...cut(picture, input)));
}"""


def cut_in_page(page: Page, content: bytes, **settings: object) -> np.ndarray:
    arguments = {"bytes": base64.b64encode(content).decode(), "input": settings}
    pixels = np.frombuffer(base64.b64decode(page.evaluate(CUT, arguments)), "uint8")
    return pixels.reshape(settings["height"], settings["width"], settings["channels"])


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def expected(path: Path, channels: int, size: tuple[int, int], *how: object) -> np.ndarray:
    return resize_and_crop(load_image(path, channels), size, *how)


@pytest.fixture(scope="module")
def page(browser: object, digits_address: str) -> Page:
    page = browser.new_page()
    page.goto(digits_address)
    return page


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([1, 3]),
    crop=st.sampled_from([1.0, 0.95, 0.9, 0.875, 0.5]),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_size_to_the_bit(
    page: Page,
    shape: tuple[int, int],
    size: tuple[int, int],
    channels: int,
    crop: float,
    interpolation: str,
    seed: int,
):
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), "uint8")
    image = Image.fromarray(pixels)
    found = cut_in_page(
        page,
        encoded(image),
        height=size[0],
        width=size[1],
        channels=channels,
        crop=crop,
        interpolation=interpolation,
    )
    grey_or_rgb = image.convert("L") if channels == 1 else image
    np.testing.assert_array_equal(found, resize_and_crop(grey_or_rgb, size, crop, interpolation))


SETTINGS = {"height": 96, "width": 96, "channels": 3, "crop": 0.9, "interpolation": "bicubic"}


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(load_sample_images().images[0])


def compare(page: Page, content: bytes, tmp_path: Path) -> np.ndarray:
    """Return the differences between the page's pixels and Pillow's."""
    path = tmp_path / "photo"
    path.write_bytes(content)
    found = cut_in_page(page, content, **SETTINGS).astype(int)
    return np.abs(found - expected(path, 3, (96, 96), 0.9, "bicubic"))


def test_taller_than_a_strip(page: Page, tmp_path: Path):
    tall = Image.effect_mandelbrot((900, 6000), (-3, -2.5, 2, 2.5), 100).convert("RGB")
    assert compare(page, encoded(tall), tmp_path).max() == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright(page: Page, photo: Image.Image, orientation: int, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert compare(page, encoded(photo, exif=exif), tmp_path).max() == 0


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA"])
def test_kinds_of_png(page: Page, photo: Image.Image, mode: str, tmp_path: Path):
    assert compare(page, encoded(photo.convert(mode)), tmp_path).max() == 0


def test_gamma_is_ignored(page: Page, photo: Image.Image, tmp_path: Path):
    gamma = PngInfo()
    gamma.add(b"gAMA", struct.pack(">I", 100_000))
    assert compare(page, encoded(photo, pnginfo=gamma), tmp_path).max() == 0


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg(page: Page, photo: Image.Image, mode: str, tmp_path: Path):
    # Decoders may round the colours of a JPEG otherwise: by one each for luma and chroma, which
    # a colour adds up with factors up to 1.8, and the filter with an overshoot.
    assert compare(page, encoded(photo.convert(mode), "JPEG", quality=90), tmp_path).max() <= 4


def test_webp(page: Page, photo: Image.Image, tmp_path: Path):
    assert compare(page, encoded(photo, "WEBP", lossless=True), tmp_path).max() == 0
