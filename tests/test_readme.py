"""README's and the docs' figures against the registry."""

from pathlib import Path

import hub_export
import keras_mixers as km
import keras_mixers.visualize
import training.augment
import training.data
from keras_mixers.catalogue.sources import SOURCES

ROOT = Path(__file__).parents[1]


def text(page: str) -> str:
    return (ROOT / page).read_text()


def test_table_of_variants() -> None:
    rows = [line for line in text("docs/models.md").splitlines() if line.startswith("| `")]
    expected = []
    for name in km.list_models():
        info = km.model_info(name)
        size = "x".join(str(side) for side in info.input_shape[:2])
        top1 = "" if info.top1 is None else f"{info.top1:g}"
        expected.append(
            f"| `{name}` | {info.parameters:,} | {info.multiply_adds:.2f} | {size} | {top1} "
            f"| {info.top1_source} |"
        )
    assert rows == expected


def test_number_of_variants() -> None:
    assert f"{len(km.list_models())} published variants" in text("README.md")
    assert f"lists all {len(SOURCES)} files" in text("docs/weights.md")


def test_every_public_name_has_its_place_among_the_api_pages() -> None:
    pages = "\n".join(page.read_text() for page in (ROOT / "docs/api").glob("*.md"))
    shown = {line.rpartition(".")[2] for line in pages.splitlines() if line.startswith("::: ")}
    public = {
        name
        for module in (km.api, km.layers, km.visualize, hub_export, training.augment, training.data)
        for name, value in {name: getattr(module, name) for name in dir(module)}.items()
        if callable(value) and not name.startswith("_") and value.__module__ != "typing"
    }
    assert public - shown == {"DataError"}  # It is shown with all of training.errors.
