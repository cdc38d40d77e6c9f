"""`keras-mixers publish`, and models on hubs in the other commands."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_mixers import save_checkpoint
from tests.helpers.command_line import failure, run
from tests.helpers.hubs.hugging_face import TOKEN, HuggingFace, hugging_face
from tests.helpers.hubs.kaggle import kaggle
from tests.helpers.tiny_models import build

# Of huggingface_hub's own call.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

LABELS = list("abcde")
PREPROCESSING = {"mean": [0.5] * 3, "std": [0.5] * 3, "crop": 0.5, "interpolation": "bilinear"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HuggingFace]:
    with hugging_face(tmp_path, monkeypatch) as server:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, whose model prefers some classes."""
    folder = tmp_path_factory.mktemp("run")
    model = build("mlp_mixer")
    model.get_layer("head").bias.assign(np.arange(5.0))
    model.save(folder / "model.keras")
    save_checkpoint(model, folder / "weights.safetensors")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    (folder / "preprocessing.json").write_text(json.dumps(PREPROCESSING))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder


def test_a_published_run_predicts_as_before(hub: HuggingFace, trained: Path) -> None:
    done = run("publish", "hf", trained, "user/name", "--licence", "MIT")
    assert done.exit_code == 0, done.output
    assert "Uploading to hf://user/name, public if it is new:" in done.stdout
    commit = hub.repositories["user/name"].references["main"]
    assert done.stdout.splitlines()[-1] == f"{hub.url}/user/name/commit/{commit}"
    expected = run("predict", trained, trained / "photo.png", "--csv")
    for address in ("hf://user/name", f"hf://user/name@{commit}"):
        found = run("predict", address, trained / "photo.png", "--csv")
        assert found.exit_code == 0, found.output
        rows, known = (
            list(csv.reader(text.splitlines())) for text in (found.stdout, expected.stdout)
        )
        assert [row[:3] for row in rows] == [row[:3] for row in known]
        np.testing.assert_allclose(
            [float(row[3]) for row in rows[1:]], [float(row[3]) for row in known[1:]], rtol=1e-6
        )


def test_a_model_on_the_hub_is_exported_and_published_again(
    hub: HuggingFace, trained: Path, tmp_path: Path
) -> None:
    assert run("publish", "hf", trained, "user/name", "--licence", "MIT").exit_code == 0
    out = tmp_path / "weights.safetensors"
    done = run("export", "checkpoint", "hf://user/name", out)
    assert done.exit_code == 0, done.output
    assert out.is_file()
    done = run("publish", "hf", "hf://user/name", "user/again", "--licence", "MIT", "--private")
    assert done.exit_code == 0, done.output
    first, second = (
        hub.repositories[name].commits[hub.repositories[name].references["main"]]
        for name in ("user/name", "user/again")
    )
    for name in ("labels.txt", "preprocessing.json", "model.safetensors"):
        assert first[name] == second[name]
    assert hub.repositories["user/again"].private


def test_a_dry_run_asks_nobody_and_keeps_what_it_would_upload(
    hub: HuggingFace, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    out = tmp_path / "kept"
    done = run("publish", "hf", trained, "user/name", "--dry-run", "--out", out)
    assert done.exit_code == 0, done.output
    assert "Would upload to hf://user/name" in done.stdout
    listed = {
        line.split()[1]: int(line.split()[0].replace(",", ""))
        for line in done.stdout.splitlines()[1:]
    }
    assert listed == {path.name: path.stat().st_size for path in out.iterdir()}
    assert "without a licence, nobody may use the model" in done.stderr
    assert hub.requests == []
    before = sorted(out.iterdir())
    assert "exists" in failure(
        run("publish", "hf", trained, "user/name", "--dry-run", "--out", out)
    )
    assert sorted(out.iterdir()) == before


def test_a_dry_run_for_kaggle_lists_the_variations(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kaggle(tmp_path, monkeypatch) as hub:
        done = run("publish", "kaggle", trained, "user/name", "--dry-run", "--licence", "MIT")
        assert done.exit_code == 0, done.output
        assert hub.requests == []
    names = {line.split()[1] for line in done.stdout.splitlines()[1:]}
    assert "keras/classification/model.keras" in names
    assert "tensorFlow2/classification/saved_model.pb" in names


def test_a_repository_that_holds_a_model_is_refused_before_anything_is_loaded(
    hub: HuggingFace, trained: Path
) -> None:
    hub.add("user/name", {"model.keras": b"a model"})
    message = failure(run("publish", "hf", trained, "user/name"))
    assert "holds model.keras; pass overwrite=True (--overwrite)" in message
    done = run("publish", "hf", trained, "user/name", "--overwrite", "--licence", "MIT")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("handle", ["name", "a/b/c", "hf://user/name@v1", "user/na--me", "/x"])
def test_malformed_repositories_are_misuse(trained: Path, handle: str) -> None:
    assert "expected USER/NAME" in failure(run("publish", "hf", trained, handle), 2)


@pytest.mark.parametrize("handle", ["name", "a/b/c/d", "User/name", "user/ab"])
def test_malformed_models_on_kaggle_are_misuse(trained: Path, handle: str) -> None:
    assert "expected OWNER/MODEL" in failure(run("publish", "kaggle", trained, handle), 2)


def test_malformed_addresses_are_misuse(trained: Path) -> None:
    for address in ("hf://name", "kaggle://owner/model", "hf://user/name/model.bin"):
        assert address in failure(run("predict", address, trained / "photo.png"), 2)
        arguments = ("predict", "mixer_s32", trained / "photo.png", "--weights", address)
        assert address in failure(run(*arguments), 2)


def test_what_is_not_on_the_hub_is_one_line(hub: HuggingFace, trained: Path) -> None:
    message = failure(run("predict", "hf://user/none", trained / "photo.png"))
    assert "there is no such repository, or it is private" in message


def test_a_missing_client_is_told_with_what_installs_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    message = failure(run("predict", "hf://user/name", trained / "photo.png"))
    assert "pip install 'keras-mixers[hubs]'" in message
    assert "pip install 'keras-mixers[hubs]'" in failure(run("publish", "hf", trained, "user/name"))


def test_weights_on_a_hub_make_a_variant(hub: HuggingFace, tmp_path: Path, trained: Path) -> None:
    import keras_mixers

    model = keras_mixers.create_model("convmixer_256_8_p2_k5", classes=3)
    save_checkpoint(model, tmp_path / "model.safetensors")
    weights = (tmp_path / "model.safetensors").read_bytes()
    hub.add("user/name", {"model.safetensors": weights, "labels.txt": b"x\ny\nz\n"})
    done = run(
        "predict",
        "convmixer_256_8_p2_k5",
        trained / "photo.png",
        "--weights",
        "hf://user/name",
        "--json",
    )
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)
    assert {each["name"] for each in found["classes"]} == {"x", "y", "z"}
    for source in ("hf://user/name", "convmixer_256_8_p2_k5:hf://user/name"):
        out = tmp_path / "converted.keras"
        done = run("convert", source, out, "--overwrite")
        assert done.exit_code == 0, done.output
        assert keras_mixers.load(out).output.shape == (None, 3)
