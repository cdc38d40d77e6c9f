"""The folder of a web page. How it behaves in a browser, tests/web sees."""

import base64
import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import keras
import pytest

import hub_export
from hub_export.model_facts import collect_facts
from hub_export.verification.verify import Verification
from hub_export.web.export import export_web
from hub_export.web.runtime import CDN, VERSION
from tests.helpers.export_models import LABELS, conv_mixer, perturb


class Attributes(HTMLParser):
    """Notes the attributes and the text of each element of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text[self.found[-1][0] if self.found else ""] = data

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("", {}))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = conv_mixer(name="mine")
    perturb(model)
    return model


@pytest.fixture(scope="module")
def exported(
    model: keras.Model, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Verification]:
    out = tmp_path_factory.mktemp("web") / "page"
    facts = replace(collect_facts(model, LABELS, "MIT"), crop=0.9, interpolation="bilinear")
    return out, export_web(model, out, labels=LABELS, facts=facts)


def test_folder(exported: tuple[Path, Verification]):
    out, verification = exported
    assert verification.passed
    assert (out / "labels.txt").read_text().splitlines() == LABELS
    config = json.loads((out / "page.json").read_text())
    sizes = {"height": 32, "width": 32, "channels": 3}
    assert config["input"] == {**sizes, "crop": 0.9, "interpolation": "bilinear"}
    assert config["labels"] == "labels.txt"
    digest = hashlib.sha384((out / "model.tflite").read_bytes()).digest()
    assert config["model"]["integrity"] == f"sha384-{base64.b64encode(digest).decode()}"
    assert config["model"]["threads"]
    assert config["runtime"]["wasm"] == f"{CDN}core@{VERSION}/wasm/"


def test_each_address_is_a_file_or_pinned(exported: tuple[Path, Verification]):
    out, _ = exported
    page = Attributes((out / "index.html").read_text())
    attributes = [item for _, attributes in page.found for item in attributes.items()]
    addresses = [value for name, value in attributes if name in ("src", "href")]
    assert "main.js" in addresses
    for address in addresses:
        assert address == "data:," or (out / address).is_file()
    modules = json.loads(page.text["script"])
    assert all(f"@{VERSION}/" in address for address in modules["imports"].values())
    assert modules["integrity"].keys() == set(modules["imports"].values())


def test_policy_allows_the_page_and_nothing_else(exported: tuple[Path, Verification]):
    page = Attributes((exported[0] / "index.html").read_text())
    policy = next(a["content"] for _, a in page.found if "http-equiv" in a)
    rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
    digest = base64.b64encode(hashlib.sha384(page.text["script"].encode()).digest()).decode()
    assert f"'sha384-{digest}'" in rules["script-src"]
    assert rules["connect-src"] == f"'self' {CDN}"
    assert rules["default-src"] == "'none'"


def test_card(exported: tuple[Path, Verification]):
    card = (exported[0] / "card.html").read_text()
    assert "<h1>mine</h1>" in card
    assert "Licence of the weights: MIT." in card
    assert "resized to the input's side divided by 0.9 (bilinear, antialiased)" in card
    assert "numbers of type dynamic" in card


def test_texts_of_the_model_are_escaped(model: keras.Model, tmp_path: Path):
    hostile = "</h1><script>alert(1)</script>"
    facts = replace(collect_facts(model), name=hostile, licence=hostile, dataset=hostile)
    export_web(model, tmp_path / "page", "none", facts=facts)
    for name in ("index.html", "card.html"):
        assert "<script>alert" not in (tmp_path / "page" / name).read_text()


def test_without_labels(model: keras.Model, tmp_path: Path):
    export_web(model, tmp_path / "page")
    assert not (tmp_path / "page" / "labels.txt").exists()
    assert json.loads((tmp_path / "page" / "page.json").read_text())["labels"] is None


def test_any_size(tmp_path: Path):
    model = conv_mixer(input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="any size; pass input_shape"):
        export_web(model, tmp_path / "page")
    with pytest.raises(ValueError, match="images of one size"):
        export_web(model, tmp_path / "page", input_shape=(None, None, 3))
    export_web(model, tmp_path / "page", input_shape=(16, 24, 3))
    config = json.loads((tmp_path / "page" / "page.json").read_text())
    assert (config["input"]["height"], config["input"]["width"]) == (16, 24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_top": False}, "has no classes"),
        ({"input_shape": (32, 32, 4)}, "grey or RGB"),
        ({"include_preprocessing": False}, "include_preprocessing=True"),
    ],
)
def test_other_models(options: dict, message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        export_web(conv_mixer(**options), tmp_path / "page")
    assert not list(tmp_path.iterdir())


def test_nothing_else_is_replaced(model: keras.Model, tmp_path: Path):
    (tmp_path / "page").mkdir()
    # As of Hugging Face's models, which many folders are.
    (tmp_path / "page" / "config.json").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError):
            export_web(model, tmp_path / "page", overwrite=overwrite)
    assert [path.name for path in (tmp_path / "page").iterdir()] == ["config.json"]


def test_overwrite(model: keras.Model, tmp_path: Path):
    export_web(model, tmp_path / "page", labels=LABELS)
    hub_export.export_web(model, tmp_path / "page", overwrite=True)
    assert not (tmp_path / "page" / "labels.txt").exists()
