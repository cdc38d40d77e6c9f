import contextlib
import io
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_mixers.inference import load_classifier
from tests.helpers.command_line import run as command
from tests.helpers.rounding import assert_all_close
from tests.helpers.runs import mocked_data, shrunk, shrunk_key, stochastic, tiny
from tests.training.data.samples import fill
from training.devices import ONE_DEVICE, Devices
from training.distributed.cluster import ALONE
from training.errors import RunFolderError
from training.recipe import Optimizer, Recipe
from training.recipes import RECIPES
from training.run.setup import open_run
from training.schedule_settings import WarmupCosine
from training.train import train

# Those that are no more than other numbers, once their networks are small, count as one.
PUBLISHED = {
    shrunk_key(recipe): name for name, recipe in RECIPES.items() if recipe.published is not None
}


# Roundings of the five steps of `plain`: sums of 16 pixels, 4 tokens and 8 or 16 channels, there
# and back, and on the way back of 4 tokens in 256 images.
ROUNDINGS = 5 * (2 * (16 + 4 + 8 + 8 + 8 + 16 + 8) + 4 * 256)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a recipe that draws wherever a run can draw, its run's folder and its result."""
    folder = tmp_path_factory.mktemp("runs") / "deep" / "run"
    spec = replace(stochastic().model, frozen=("norm",))
    mixed = replace(tiny().augmentation, mixup=0.5, cutmix=0.5)
    recipe = stochastic(seed=1, ema=0.5, accumulate=2, model=spec, augmentation=mixed)
    return recipe, folder, train(recipe, folder, quiet=True)


@pytest.fixture(scope="module")
def plain():
    """Return a recipe of one epoch, its result, and the lines that it printed.

    Not AdamW, which makes as much of a gradient of 1e-12, that is rounding, as of any other.
    """
    recipe = tiny(epochs=1, optimizer=Optimizer("sgd"), schedule=WarmupCosine(peak=0.1))
    return recipe, *printed(recipe)


def printed(recipe, **arguments):
    """Train a recipe, and return its result and the lines that it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        result = train(recipe, **arguments)
    return result, text.getvalue().splitlines()


def opened(recipe):
    return open_run(recipe, ONE_DEVICE, ALONE, None, quiet=True)


def accuracy(recipe, model):
    """Return the share of held-out images that a model is right on, counted by hand."""
    batches = opened(recipe).validation_batches().as_numpy_iterator()
    right = [model.predict(x, verbose=0).argmax(-1) == y for x, y in batches]
    return float(np.concatenate(right).mean())


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED.values())
def test_published_recipes_run(name, monkeypatch, tmp_path):
    recipe = shrunk(RECIPES[name])
    with mocked_data(monkeypatch):
        result = train(recipe, data_dir=tmp_path, quiet=True)
    assert result.steps == 2
    assert np.isfinite(result.loss)
    assert result.validation_images == 8
    classes = {"tfds:cifar10": 10, "tfds:cifar100": 100, "tfds:imagenet2012": 1000}[recipe.data]
    scores = result.network(np.zeros((1, 32, 32, 3), "float32"))
    assert scores.shape == (1, classes)
    assert result.network.layers[-1].activation.__name__ == recipe.loss
    assert keras.config.dtype_policy().name == "float32"


def test_what_a_run_leaves(finished):
    _, folder, _ = finished
    assert sorted(entry.name for entry in folder.iterdir()) == [
        ".lock",
        "checkpoint-previous.npz",
        "checkpoint.npz",
        "curves.png",
        "data.json",
        "environment.json",
        "labels.txt",
        "log.csv",
        "model.keras",
        "preprocessing.json",
        "recipe.json",
        "result.json",
        "samples.png",
        "tensorboard",
    ]
    assert sorted(entry.name for entry in (folder / "tensorboard").iterdir()) == [
        "train",
        "validation",
    ]


def test_the_recipe_of_a_run_is_whole(finished):
    recipe, folder, _ = finished
    assert Recipe.from_json((folder / "recipe.json").read_text()) == recipe


def test_the_result_of_a_run(finished):
    recipe, folder, result = finished
    written = json.loads((folder / "result.json").read_text())
    assert written["accuracy"] == result.top1
    assert written["model"] == "tiny"
    assert written["dataset"] == "digits"
    assert written["seed"] == 1
    assert written["steps"] == result.steps == 2 * (1433 // 256)
    assert written["command"] in written["accuracy_source"]
    rows = (folder / "log.csv").read_text().splitlines()
    assert rows[0].split(",") == [
        "epoch",
        "loss",
        "top1",
        "top5",
        "val_loss",
        "val_top1",
        "val_top5",
        "learning_rate",
        "images_per_second",
        "seconds",
    ]
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2"]
    assert float(rows[2].split(",")[5]) == pytest.approx(result.top1)
    assert result.top1 == accuracy(recipe, result.network)


def test_the_saved_model_is_plain_and_what_was_measured(finished):
    recipe, folder, result = finished
    model = load_classifier(folder / "model.keras")
    assert type(model).__name__ == "Functional"
    assert [layer.name for layer in model.layers[-2:]] == ["head", "predictions"]
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert all(layer.trainable for layer in model.layers)
    images, _ = next(iter(opened(recipe).validation_batches()))
    found = model.predict(images, verbose=0)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(found, result.network.predict(images, verbose=0))
    assert accuracy(recipe, model) == result.top1


def test_a_run_predicts_with_the_names_of_its_classes(finished, tmp_path):
    recipe, folder, _ = finished
    image = tmp_path / "three.png"
    pixels, _ = next(iter(opened(recipe).validation_batches()))
    tf.io.write_file(str(image), tf.io.encode_png(pixels[3]))
    done = command("predict", folder, "--top", "10", image)
    assert done.exit_code == 0
    assert sorted(line.split()[-1] for line in done.stdout.splitlines()[1:]) == list("0123456789")


def test_the_average_is_what_is_measured_and_saved(finished):
    _, folder, result = finished
    with np.load(folder / "checkpoint.npz") as state:  # After the last step.
        *_, trained = (state[name] for name in state.files if name.endswith(":kernel"))
        (average,) = (state[name] for name in state.files if name.endswith("head_kernel_average"))
    np.testing.assert_array_equal(result.network.get_layer("head").kernel, average)
    assert np.abs(trained - average).max() > 1e-4


def test_frozen_layers_stay(finished):
    _, _, result = finished
    norm = result.network.get_layer("norm")
    np.testing.assert_array_equal(norm.gamma, 1)
    np.testing.assert_array_equal(norm.beta, 0)


def test_same_seed_same_weights(finished):
    recipe, _, result = finished
    again = train(recipe, quiet=True)
    for one, two in zip(result.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    names = ("seconds", "images_per_second", "peak_memory")
    assert result == replace(again, **{name: getattr(result, name) for name in names})


def test_other_seeds_other_batches():
    # And other weights: tests/training/test_recipes.py.
    recipes = [tiny(seed=seed) for seed in (1, 2)]
    first = [next(iter(opened(recipe).training_batches()))[0] for recipe in recipes]
    assert not np.array_equal(*first)


@pytest.mark.parametrize(
    "precision",
    ["float16", pytest.param("bfloat16", marks=[pytest.mark.bfloat16, pytest.mark.slow])],
)
def test_half_precision_ends_in_float32(precision):
    recipe = tiny(precision=precision, epochs=1)
    result = train(recipe, quiet=True)
    assert {layer.compute_dtype for layer in result.network.layers} == {"float32"}
    assert accuracy(recipe, result.network) == result.top1
    assert keras.config.dtype_policy().name == "float32"


def test_what_is_said(plain):
    _, _, lines = plain
    assert lines[0].startswith("tiny: tiny, ")
    assert lines[1] == "digits: 1,433 training images, 364 validation images, 10 classes"
    assert lines[2].startswith("about ")
    assert " of device memory: weights " in lines[2]
    assert lines[3].startswith("epoch 1/1  loss ")
    assert lines[4].startswith("Top-1 accuracy ")
    assert "% on 364 validation images, after " in lines[4]
    assert len(lines) == 5


def test_blocks_computed_twice_give_the_same_network(plain):
    recipe, result, _ = plain
    again, lines = printed(replace(recipe, remat=True), quiet=True)
    assert_all_close(again.network.get_weights(), result.network.get_weights(), ROUNDINGS)
    assert not any("remat" in layer.name for layer in again.network.layers)
    assert [line.split()[0] for line in lines] == ["epoch"]


def test_one_cpu_can_be_mirrored(plain):
    recipe, result, _ = plain
    mirrored, lines = printed(recipe, devices=Devices("mirrored"))
    assert_all_close(mirrored.network.get_weights(), result.network.get_weights(), ROUNDINGS)
    assert "Training on 1 replica; this process uses /device:CPU:0." in lines


def test_a_second_run_is_refused(finished):
    recipe, folder, _ = finished
    before = (folder / "result.json").read_bytes()
    with pytest.raises(RunFolderError, match="holds a finished run of tiny; choose another folder"):
        train(recipe, folder)
    assert (folder / "result.json").read_bytes() == before


def test_a_folder_of_pictures(tmp_path):
    fill(tmp_path / "data", 5)
    (tmp_path / "data" / "cat" / "empty.jpg").touch()
    arguments = {"hidden_dim": 4, "depth": 1, "patch_size": 4, "kernel_size": 3}
    spec = replace(tiny().model, name="ConvMixer", arguments=arguments, input_shape=(16, 16, 3))
    # One device may compute batch statistics of parts, which several may not.
    recipe = tiny(
        data=f"folder:{tmp_path / 'data'}", batch_size=4, epochs=1, model=spec, accumulate=2
    )
    with pytest.warns(UserWarning, match="1 of 16 files can't be used"):
        result = train(recipe, tmp_path / "run", quiet=True)
    assert (result.skipped, result.top5) == (1, None)
    assert (tmp_path / "run" / "labels.txt").read_text() == "bird\ncat\ndog\n"
