"""README's and the docs' figures against the registry."""

from pathlib import Path

import keras_mixers as km
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
