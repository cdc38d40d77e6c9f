"""`keras-mixers explain`."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import keras_mixers
from keras_mixers.visualize import receptive_fields
from keras_mixers_cli.explain import What
from keras_mixers_cli.pictures import PICTURES
from tests.helpers.command_line import failure, run
from tests.helpers.explained import randomised

SHAPE = (16, 24, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, the models `mixer.keras` and `plain.keras`, and images."""
    place = tmp_path_factory.mktemp("explain")
    (place / "run").mkdir()
    options = {"input_shape": SHAPE, "classes": 3}
    conv_mixer = randomised(keras_mixers.ConvMixer(4, 2, 4, 3, **options))
    conv_mixer.save(place / "run/model.keras")
    (place / "run/labels.txt").write_text("ant\nbee\ncat\n")
    mixer = keras_mixers.MLPMixer(4, 1, 4, tokens_mlp_dim=4, **options)
    randomised(mixer).save(place / "mixer.keras")
    images = keras.Input(SHAPE)
    scaled = keras.layers.Rescaling(1 / 255, name="preprocessing")(images)
    features = keras.layers.GlobalAveragePooling2D()(scaled)
    keras.Model(images, features, name="plain").save(place / "plain.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), "uint8")
    (place / "other").mkdir()
    for name in ("a.png", "b.png", "other/a.png"):
        Image.fromarray(pixels).save(place / name)
    (place / "broken.png").write_bytes((place / "a.png").read_bytes()[:100])
    return place


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def test_all_pictures_of_a_run(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("explain", folder / "run", folder / "a.png", folder / "other/a.png", "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    expected = {"filters", "depthwise", "receptive-field", "contact-sheet"}
    expected |= {f"{what}-a-{i}" for what in ("feature-maps", "grad-cam") for i in (1, 2)}
    assert names(out) == {f"{name}.png" for name in expected}
    lines = result.stdout.splitlines()
    assert {line for line in lines if line.endswith(".png")} == {
        str(out / name) for name in names(out)
    }
    for path in out.iterdir():
        with Image.open(path) as picture:
            assert np.ptp(np.asarray(picture)) > 100
    assert list(tmp_path.iterdir()) == [out]


def test_models_side_by_side_with_their_radii(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    models = (folder / "run", folder / "mixer.keras")
    result = run("explain", *models, "--what", "receptive-field", "--out", out)
    assert result.exit_code == 0, result.output
    assert names(out) == {"receptive-field.png", "contact-sheet.png"}
    rows = [line.split() for line in result.stdout.splitlines() if " px" in line]
    found = [(row[0], int(row[1]), float(row[2]), float(row[4])) for row in rows]
    expected = [
        (path.name, field.block, field.radius(0.5), field.radius(0.95))
        for path in models
        for field in receptive_fields(
            keras.models.load_model(path / "model.keras" if path.is_dir() else path)
        )
    ]
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    np.testing.assert_allclose(
        [row[2:] for row in found], [row[2:] for row in expected], atol=0.0501
    )
    alone = tmp_path / "alone"
    assert run("explain", models[1], "--what", "receptive-field", "--out", alone).exit_code == 0
    widths = []
    for each in (out, alone):
        with Image.open(each / "receptive-field.png") as picture:
            widths.append(picture.width)
    assert widths[0] > 1.9 * widths[1]


def test_a_picture_that_one_model_lacks_is_drawn_of_the_others(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    models = (folder / name for name in ("run", "mixer.keras", "plain.keras"))
    result = run("explain", *models, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    whats = ("filters", "token-mixing", "depthwise", "receptive-field", "contact-sheet")
    assert names(out) == {f"{what}.png" for what in whats}


def timm_checkpoint(width: int, depth: int, kernel_size: int) -> dict[str, np.ndarray]:
    """Return a ConvMixer for CIFAR-10, in patches of one pixel, as timm names its weights."""
    norms = ["stem.2", *(f"blocks.{i}.{part}" for i in range(depth) for part in ("0.fn.2", "3"))]
    shapes = {"stem.0": (width, 3, 1, 1), "head": (10, width)}
    for i in range(depth):
        shapes[f"blocks.{i}.0.fn.0"] = (width, 1, kernel_size, kernel_size)
        shapes[f"blocks.{i}.1"] = (width, width, 1, 1)
    rng = np.random.default_rng(0)
    arrays = {f"{name}.weight": rng.normal(size=shape) for name, shape in shapes.items()}
    arrays |= {f"{name}.bias": np.zeros(shape[0]) for name, shape in shapes.items()}
    for name in norms:
        for part in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{name}.{part}"] = np.ones(width)
    return {name: array.astype("float32") for name, array in arrays.items()}


def test_a_variant_with_weights(tmp_path: Path) -> None:
    weights, out = tmp_path / "my.safetensors", tmp_path / "out"
    save_file(timm_checkpoint(128, 4, 8), weights)
    name = "convmixer_128_4_p1_k8"
    result = run("explain", name, "--weights", weights, "--what", "depthwise", "--out", out)
    assert result.exit_code == 0, result.output
    assert names(out) == {"depthwise.png", "contact-sheet.png"}
    assert f"{name} needs --weights" in failure(run("explain", name, "--out", out / "2"), status=2)


REFUSED = {
    "a picture of another family": (
        "mixer.keras --what depthwise",
        1,
        "The model 'mlp_mixer' has no depthwise kernels: expected blocks of type ConvMixerBlock",
    ),
    "a picture that one of two lacks": (
        "run mixer.keras --what depthwise",
        1,
        "'mlp_mixer' has no",
    ),
    "attention of a network without": ("run a.png --what attention", 1, "has no attention"),
    "a picture of no image": ("run --what grad-cam", 2, "grad-cam needs an image: keras-mixers"),
    "a model without pictures": ("plain.keras a.png", 1, "There is no picture of this model"),
    "a missing image": ("run c.png", 1, "c.png', nor a model; expected an image file, a run's"),
    "a missing model": ("c.keras", 1, "There is no model"),
    "a broken image": ("run broken.png", 1, "broken.png can't be read as an image"),
    "a block that isn't there": (
        "run a.png --what grad-cam --block 2",
        1,
        "block must be a number from -2 to 1; received 2.",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_faults_are_told_in_one_line_and_nothing_is_written(
    folder: Path, tmp_path: Path, fault: str
) -> None:
    command, status, message = REFUSED[fault]
    arguments = [
        folder / word if "." in word or word == "run" else word for word in command.split()
    ]
    result = run("explain", *arguments, "--out", tmp_path / "out")
    assert message in failure(result, status)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_untold(folder: Path, tmp_path: Path) -> None:
    arguments = ("explain", folder / "run", "--what", "depthwise", "--out", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    assert "pass overwrite=True (--overwrite)" in failure(run(*arguments))
    assert "is not a folder with a file 'contact-sheet.png'" in failure(
        run(*arguments, "--overwrite")
    )
    assert names(tmp_path / "out") == {"mine.txt"}
    (tmp_path / "out/contact-sheet.png").touch()
    assert run(*arguments, "--overwrite").exit_code == 0
    assert names(tmp_path / "out") == {"depthwise.png", "contact-sheet.png"}


def test_every_picture_has_a_name_on_the_command_line() -> None:
    assert [str(what) for what in What] == list(PICTURES)


def test_other_names_of_pictures_are_refused(folder: Path) -> None:
    result = run("explain", folder / "run", "--what", "dreams")
    assert result.exit_code == 2
    assert "Invalid value for '--what'" in result.stderr
