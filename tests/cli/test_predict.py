"""`keras-mixers predict`."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

import keras_mixers
from keras_mixers.preprocessing import load_image, resize_and_crop
from tests.helpers.command_line import failure, run

CLASSES = 10


def classifier(**arguments: object) -> keras.Model:
    """Return a tiny model whose ranking is known: the higher a class, the likelier."""
    options = {"classes": CLASSES, "input_shape": (16, 16, 3), **arguments}
    model = keras_mixers.ConvMixer(4, 1, patch_size=4, kernel_size=3, **options)
    model.get_layer("head").bias.assign(np.arange(options["classes"]))
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder beside some images."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "run").mkdir()
    classifier().save(folder / "run/model.keras")
    (folder / "run/labels.txt").write_text("".join(f"kind [{i}]\n" for i in range(CLASSES)))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "good.jpg")
    image.save(folder / "turned.png", exif=exif)
    image.convert("L").save(folder / "grey.png")
    image.convert("RGBA").save(folder / "clear.png")
    (folder / "cut.jpg").write_bytes((folder / "good.jpg").read_bytes()[:900])
    (folder / "text.png").write_text("no image")
    return folder


def expected(model: keras.Model, path: Path, channels: int = 3) -> np.ndarray:
    pixels = resize_and_crop(load_image(path, channels), (16, 16))
    return keras.ops.convert_to_numpy(model(pixels[None].astype("float32")))[0]


def shown(result: Result) -> dict[str, list[tuple[str, float]]]:
    """Return what `predict` printed, by image."""
    images: dict[str, list[tuple[str, float]]] = {}
    for line in result.stdout.splitlines():
        if line.startswith(" "):
            share, name = line.strip().split("%  ")
            images[list(images)[-1]].append((name, float(share) / 100))
        else:
            images[Path(line).name] = []
    return images


def test_console_script_predicts_and_hides_what_tensorflow_prints(folder: Path) -> None:
    script = Path(sys.executable).with_name("keras-mixers")
    assert script.exists(), "install the package to test its command"
    process = subprocess.run(
        [script, "predict", "run", "--top", "1", "good.jpg", "cut.jpg"],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stdout.startswith("good.jpg\n")
    assert process.stdout.endswith("kind [9]\n")
    assert process.stderr.startswith("error: cut.jpg can't be read as an image (")
    assert process.stderr.count("\n") == 1


@pytest.mark.parametrize("image", ["good.jpg", "turned.png", "grey.png", "clear.png"])
def test_predict_a_run(folder: Path, image: str) -> None:
    result = run("predict", folder / "run", folder / image)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    model = keras.models.load_model(folder / "run/model.keras")
    probabilities = expected(model, folder / image)
    best = np.argsort(-probabilities)[:5]
    ((name, ranking),) = shown(result).items()
    assert name == image
    assert [kind for kind, _ in ranking] == [f"kind [{i}]" for i in best]
    np.testing.assert_allclose([share for _, share in ranking], probabilities[best], atol=5.1e-5)


def test_predict_reports_broken_images_and_goes_on(folder: Path) -> None:
    names = ["good.jpg", "cut.jpg", "grey.png", "missing.jpg", "text.png", "clear.png"]
    result = run("predict", folder / "run", *(folder / name for name in names))
    assert result.exit_code == 1
    assert list(shown(result)) == ["good.jpg", "grey.png", "clear.png"]
    cut, missing, text = result.stderr.splitlines()
    assert cut.startswith(f"error: {folder / 'cut.jpg'} can't be read as an image (")
    assert missing == f"error: There is no image file '{folder / 'missing.jpg'}'."
    assert text.startswith(f"error: {folder / 'text.png'} is not an image in a format that")


def test_predict_names_a_strip_that_would_not_fit(folder: Path, tmp_path: Path) -> None:
    Image.new("L", (1, 65_000)).save(tmp_path / "strip.png")
    model = tmp_path / "any.keras"
    classifier(input_shape=(None, None, 3)).save(model)
    result = run("predict", model, "--top", "1", tmp_path / "strip.png")
    message = failure(result)
    assert f"{tmp_path / 'strip.png'}: an image of 1 x 65000 pixels would become" in message


def test_predict_without_names(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "lone.keras"
    classifier().save(model)
    command = ("predict", model, "--top", "2", folder / "good.jpg")
    assert [name for name, _ in shown(run(*command))["good.jpg"]] == ["class 9", "class 8"]

    labels = tmp_path / "labels.txt"
    labels.write_text("cat\ndog\n")
    result = run(*command)
    assert result.exit_code == 0
    assert [name for name, _ in shown(result)["good.jpg"]] == ["class 9", "class 8"]
    assert result.stderr == (
        f"warning: The class names beside lone.keras are ignored: {labels}: there must be one "
        "name per class; received 2 names for 10 classes.\n"
    )
    assert "received 2 names for 10 classes" in failure(run(*command, "--labels", labels))

    labels.write_text("\n".join("abcdefghij"))
    assert [name for name, _ in shown(run(*command))["good.jpg"]] == ["j", "i"]


def test_a_run_with_wrong_names_is_refused(folder: Path, tmp_path: Path) -> None:
    classifier().save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    message = failure(run("predict", tmp_path, folder / "good.jpg"))
    assert "labels.txt: there must be one name per class" in message


def test_a_run_with_a_damaged_crop_is_refused(folder: Path, tmp_path: Path) -> None:
    classifier().save(tmp_path / "model.keras")
    (tmp_path / "preprocessing.json").write_text("{")
    message = failure(run("predict", tmp_path, folder / "good.jpg"))
    assert (
        f"{tmp_path / 'preprocessing.json'} is not the preprocessing of a run; expected" in message
    )


def test_predict_in_grey_at_any_size_from_logits(folder: Path, tmp_path: Path) -> None:
    model = classifier(input_shape=(None, None, 1), classifier_activation=None)
    model.save(tmp_path / "grey.keras")
    command = ("predict", tmp_path / "grey.keras", "--top", "10", folder / "good.jpg")
    ranking = shown(run(*command, "--size", "16"))["good.jpg"]
    logits = expected(model, folder / "good.jpg", channels=1)
    probabilities = np.exp(logits) / np.exp(logits).sum()
    assert sum(share for _, share in ranking) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(
        [share for _, share in ranking], np.sort(probabilities)[::-1], atol=5.1e-5
    )
    assert shown(run(*command))["good.jpg"] != ranking  # At 224 x 224.


def test_predict_crops_as_the_variant_was_evaluated(folder: Path, tmp_path: Path) -> None:
    model = classifier(name="convmixer_768_32", input_shape=(32, 32, 3), classifier_activation=None)
    model.save(tmp_path / "named.keras")
    pixels = resize_and_crop(load_image(folder / "good.jpg"), (32, 32), 0.96)
    scores = keras.ops.softmax(model(pixels[None].astype("float32")))
    best = float(keras.ops.max(scores))
    result = run("predict", tmp_path / "named.keras", folder / "good.jpg")
    assert shown(result)["good.jpg"][0][1] == pytest.approx(best, abs=5.1e-5)


def test_names_of_files_do_not_steer_the_terminal(folder: Path, tmp_path: Path) -> None:
    title = "\x1b]0;title\x07"
    whole, cut = tmp_path / f"{title}.jpg", tmp_path / f"cut{title}.jpg"
    not_utf8 = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg"))
    for path in (whole, not_utf8):
        path.write_bytes((folder / "good.jpg").read_bytes())
    cut.write_bytes((folder / "cut.jpg").read_bytes())
    model = tmp_path / "lone.keras"
    classifier().save(model)
    (tmp_path / "labels.txt").write_text(f"{title}\n" * CLASSES)
    result = run("predict", model, "--top", "1", whole, cut, not_utf8)
    assert result.exit_code == 1
    escaped = r"\x1b]0;title\x07"
    assert result.stdout.splitlines()[::2] == [
        f"{tmp_path}/{escaped}.jpg",
        f"{tmp_path}/\\udcff.jpg",
    ]
    warning, error = result.stderr.splitlines()
    assert warning.startswith("warning: The class names beside lone.keras are ignored: ")
    assert f"line 1 has control characters, which no class name may have; received '{escaped}'" in (
        warning
    )
    assert error.startswith(f"error: {tmp_path}/cut{escaped}.jpg can't be read as an image (")


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.keras": (lambda path: None, "There is no model '"),
    "text.keras": (lambda path: path.write_text("text"), "is not a .keras file, or is incomplete"),
    "model.h5": (lambda path: path.write_text("text"), "is no model; expected a run's folder"),
    "bare.keras": (
        lambda path: classifier(include_preprocessing=False).save(path),
        "has no layer 'preprocessing', so the range of pixels that it expects is not known; build",
    ),
    "map.keras": (
        lambda path: keras_mixers.ConvMixer(4, 1, include_top=False).save(path),
        "gives features, not class scores; expected a model with classes.",
    ),
    "subclass.keras": (
        lambda path: keras.Sequential([keras.layers.Dense(2)]).save(path),
        "does not map images",
    ),
    "other.keras": (
        lambda path: zipfile.ZipFile(path, "w").close(),
        "can't be loaded as a Keras model (",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_predict_refuses_models(folder: Path, tmp_path: Path, name: str) -> None:
    make, message = REFUSED[name]
    make(tmp_path / name)
    result = run("predict", tmp_path / name, folder / "good.jpg")
    assert message in failure(result)
    assert str(tmp_path / name) in result.stderr


def test_predict_refuses_a_damaged_model(folder: Path, tmp_path: Path) -> None:
    content = (folder / "run/model.keras").read_bytes()
    middle = len(content) // 2
    flipped = bytes(255 - byte for byte in content[middle : middle + 50])
    damaged = content[:middle] + flipped + content[middle + 50 :]
    (tmp_path / "damaged.keras").write_bytes(damaged)
    message = failure(run("predict", tmp_path / "damaged.keras", folder / "good.jpg"))
    assert "damaged.keras can't be loaded as a Keras model (" in message


def test_predict_refuses_sizes(folder: Path, tmp_path: Path) -> None:
    result = run("predict", folder / "run", "--size", "32", folder / "good.jpg")
    assert "takes images of 16 x 16 only; leave the size out." in failure(result)
