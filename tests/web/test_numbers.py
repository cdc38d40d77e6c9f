"""The page's numbers are LiteRT's, on the processor and the graphics card."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image
from playwright.sync_api import Browser, Page
from sklearn.datasets import load_sample_images

from hub_export.web.export import export_web
from keras_mixers.preprocessing import resize_and_crop
from tests.helpers.export_models import MODELS, SHAPE, perturb
from tests.helpers.trained_digits import digits
from tests.web.conftest import DIGITS, LITERT, WEBGPU, choose, classes, served, settle

pytestmark = pytest.mark.web

# Probabilities are at most 1, and LiteRT and LiteRT.js add up float32 in another order.
MOST = 1e-4


def probabilities(
    folder: Path, images: np.ndarray, kernels: OpResolverType = OpResolverType.AUTO
) -> np.ndarray:
    """Return what LiteRT computes on this machine with a page's network."""
    file = str(folder / "model.tflite")
    runner = Interpreter(file, experimental_op_resolver_type=kernels).get_signature_runner()
    images = images[:, np.newaxis].astype("float32")
    return np.concatenate([runner(images=image)["probabilities"] for image in images])


def assert_shown(page: Page, expected: np.ndarray, labels: list[str], most: float = MOST) -> None:
    """Check that a page shows the five most probable classes."""
    shown = classes(page)
    assert len(shown) == min(len(labels), 5)
    for name, value in shown.items():
        assert abs(value - expected[labels.index(name)]) < most
    # Others may be as probable, within what they may differ by.
    assert expected[labels.index(next(iter(shown)))] > expected.max() - 2 * most
    unseen = [expected[i] for i, name in enumerate(labels) if name not in shown]
    assert max(unseen, default=0) < min(shown.values()) + most


def test_fifty_digits(
    open_page: Callable[[str], Page], digits_folder: Path, digits_address: str, tmp_path: Path
):
    page = open_page(digits_address)
    images, truth = digits(held_out=True)
    expected = probabilities(digits_folder, images[:50])
    right = 0
    for index in range(50):
        path = tmp_path / f"{index}.png"
        Image.fromarray(images[index, ..., 0]).save(path)
        assert choose(page, path).startswith(f"{index}.png: ")
        assert_shown(page, expected[index], DIGITS)
        right += next(iter(classes(page))) == DIGITS[truth[index]]
    assert right > 25  # The network has learned something, so that classes differ.


@pytest.mark.parametrize("quantize", ["none", "dynamic", "int8"])
@pytest.mark.parametrize("kind", ["ConvMixer", "MLPMixer", "T2TViT", "ViT", "ResMLP", "gMLP"])
def test_every_family(kind: str, quantize: str, open_page: Callable[[str], Page], tmp_path: Path):
    model = MODELS[kind]()
    perturb(model)
    images = np.concatenate([photo_crops(index) for index in range(2)])
    labels = list("abcde")
    representative = images if quantize == "int8" else None
    export_web(model, tmp_path / "page", quantize, representative, labels=labels, runtime=LITERT)
    expected = probabilities(tmp_path / "page", images)
    most = MOST
    if quantize == "dynamic":
        # A sum that is rounded otherwise may end in the next of 255 steps of an activation. How
        # much that matters, LiteRT's own kernels show.
        others = OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        found = [probabilities(tmp_path / "page", images, kernels) for kernels in others]
        most += max(np.abs(other - expected).max() for other in found)
    with served(tmp_path / "page") as address:
        page = open_page(address)
        for pixels, probable in list(zip(images, expected, strict=True))[::5]:
            Image.fromarray(pixels).save(tmp_path / "photo.png")
            choose(page, tmp_path / "photo.png")
            assert_shown(page, probable, labels, most)


def photo_crops(index: int) -> np.ndarray:
    """Return ten parts of a photo."""
    photo = Image.fromarray(load_sample_images().images[index])
    parts = [photo.crop((left, 50, left + 300, 350)) for left in range(0, 340, 34)]
    return np.stack([resize_and_crop(part, SHAPE[:2]) for part in parts])


def test_graphics_card(chromium: Callable[..., Browser], digits_address: str, tmp_path: Path):
    # The "card" is SwiftShader, which computes WebGPU's programs on the processor.
    Image.fromarray(digits(held_out=True)[0][3, ..., 0]).save(tmp_path / "a.png")
    browser = chromium(*WEBGPU)
    page = browser.new_page()
    page.goto(digits_address)
    settle(page)
    choose(page, tmp_path / "a.png")
    processor = classes(page)
    page.evaluate("document.body.ariaBusy = 'true'")
    page.get_by_label("the graphics card").check()
    settle(page)
    assert choose(page, tmp_path / "a.png").endswith("ms on the graphics card (WebGPU).")
    card = classes(page)
    browser.close()
    # A "dynamic" file's activations are rounded to eight bits on the processor alone.
    assert card.keys() == processor.keys()
    assert max(abs(card[name] - processor[name]) for name in card) < 1 / 127
