import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_mixers.inference import load_classifier
from tests.helpers.command_line import run as command
from tests.helpers.runs import mocked_data, shrunk, shrunk_key, tiny
from tests.training.data.samples import fill
from training.augment import Augmentation
from training.data import DataError
from training.errors import RecipeError, RunFolderError, TrainingError
from training.loop.batches import open_inputs, validation_batches
from training.loop.trainer import Trainer
from training.recipe import Optimizer, Recipe, WarmupCosine
from training.recipes import RECIPES
from training.train import train

# Those that are no more than other numbers, once their networks are small, count as one.
PUBLISHED = {
    shrunk_key(recipe): name for name, recipe in RECIPES.items() if recipe.published is not None
}
DIVERGING = {"optimizer": Optimizer("sgd"), "schedule": WarmupCosine(peak=1e30)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a recipe, its run's folder and its result."""
    folder = tmp_path_factory.mktemp("runs") / "deep" / "run"
    recipe = tiny(ema=0.5, accumulate=2, model=replace(tiny().model, frozen=("norm",)))
    return recipe, folder, train(recipe, folder, quiet=True)


def accuracy(recipe, model):
    """Return the share of held-out images that a model is right on, counted by hand."""
    batches = validation_batches(recipe, open_inputs(recipe)).as_numpy_iterator()
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
        "checkpoint.npz",
        "curves.png",
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
    assert written["seed"] == 0
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
    assert {variable.dtype for variable in model.variables} == {"float32"}
    assert all(layer.trainable for layer in model.layers)
    images, _ = next(iter(validation_batches(recipe, open_inputs(recipe))))
    found = model.predict(images, verbose=0)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(found, result.network.predict(images, verbose=0))
    assert accuracy(recipe, model) == result.top1


def test_a_run_predicts_with_the_names_of_its_classes(finished, tmp_path):
    recipe, folder, _ = finished
    image = tmp_path / "three.png"
    pixels, _ = next(iter(validation_batches(recipe, open_inputs(recipe))))
    tf.io.write_file(str(image), tf.io.encode_png(pixels[3]))
    done = command("predict", "--model", folder, "--top", "10", image)
    assert done.exit_code == 0
    assert sorted(line.split()[-1] for line in done.stdout.splitlines()[1:]) == list("0123456789")


def test_the_average_is_what_is_measured_and_saved(finished):
    recipe, _, averaged = finished
    raw = train(replace(recipe, ema=None), quiet=True)
    assert raw.loss != averaged.loss
    kernels = [model.network.get_layer("head").kernel.numpy() for model in (raw, averaged)]
    assert not np.array_equal(*kernels)
    # Measuring with the average leaves training as it is.
    later = train(replace(recipe, ema=1e-12), quiet=True)
    np.testing.assert_allclose(later.network.get_layer("head").kernel, kernels[0], atol=1e-6)


def test_frozen_layers_stay(finished):
    _, _, result = finished
    norm = result.network.get_layer("norm")
    np.testing.assert_array_equal(norm.gamma, 1)
    np.testing.assert_array_equal(norm.beta, 0)


def test_same_seed_same_weights():
    recipe = tiny(
        augmentation=Augmentation(
            crop="pad",
            pad=1,
            rand_layers=1,
            rand_probability=0.5,
            mixup=0.5,
            cutmix=0.5,
            erase=0.25,
        ),
        model=replace(tiny().model, drop_path_rate=0.2),
    )
    first, again, other = (train(replace(recipe, seed=s), quiet=True) for s in (1, 1, 2))
    weights = [result.network.get_weights() for result in (first, again, other)]
    for one, two in zip(*weights[:2], strict=True):
        np.testing.assert_array_equal(one, two)
    assert first == replace(again, seconds=first.seconds, images_per_second=first.images_per_second)
    assert any(
        not np.array_equal(one, two) for one, two in zip(weights[0], weights[2], strict=True)
    )


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_saves_float32(precision, tmp_path):
    recipe = tiny(precision=precision, epochs=1)
    result = train(recipe, tmp_path / "run", quiet=True)
    model = load_classifier(tmp_path / "run" / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert accuracy(recipe, model) == result.top1
    assert keras.config.dtype_policy().name == "float32"


def test_blocks_computed_twice_give_the_same_network():
    # Not AdamW, which makes as much of a gradient of 1e-12, that is rounding, as of any other.
    recipe = tiny(epochs=1, optimizer=Optimizer("sgd"))
    plain, again = (train(replace(recipe, remat=remat), quiet=True) for remat in (False, True))
    for one, two in zip(plain.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)
    assert not any("remat" in layer.name for layer in again.network.layers)


def test_what_is_said(capsys):
    train(tiny(epochs=1))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("tiny: tiny, ")
    assert lines[1] == "digits: 1,433 images to train with, 364 to measure with, 10 classes"
    assert lines[2].startswith("about ")
    assert " of device memory: weights " in lines[2]
    assert lines[3].startswith("epoch 1/1  loss ")
    assert " of 364 held-out images are right, after " in lines[4]
    assert len(lines) == 5
    train(tiny(epochs=1), quiet=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["epoch"]


def test_a_second_run_is_refused(finished):
    recipe, folder, _ = finished
    before = (folder / "result.json").read_bytes()
    with pytest.raises(RunFolderError, match="holds a finished run of tiny; choose another folder"):
        train(recipe, folder)
    assert (folder / "result.json").read_bytes() == before


def test_nan_stops_and_claims_nothing(tmp_path):
    with pytest.raises(
        TrainingError, match=r"The loss was (nan|inf) at step 3, which is step 3 of 5"
    ):
        train(tiny(**DIVERGING), tmp_path / "runs" / "a", quiet=True)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (tf.errors.ResourceExhaustedError, "The device's memory does not suffice; take a smaller"),
        (tf.errors.InvalidArgumentError, "A step failed: No JPEG$"),
    ],
)
def test_what_tensorflow_raises_is_one_line(error, message, monkeypatch, tmp_path):
    def fail(self, data):
        raise error(None, None, "No JPEG\n\t [[node]]")

    monkeypatch.setattr(Trainer, "train_step", fail)
    with pytest.raises(TrainingError, match=message):
        train(tiny(), tmp_path / "run", quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": "digts"}, DataError, "There is no data set 'digts'; expected"),
        ({"batch_size": 2000}, DataError, "1433 training images, fewer than one batch of"),
        (
            {"model": replace(tiny().model, input_shape=(8, 8, 3))},
            RecipeError,
            "digits has images of 1 channels, and the network of tiny takes 3; change",
        ),
        (
            {
                "model": replace(
                    tiny().model, arguments={**tiny().model.arguments, "patch_size": 16}
                )
            },
            DataError,
            "digits: images are 8 x 8 pixels; expected sides of at least 16",
        ),
    ],
)
def test_a_run_that_cannot_start_leaves_nothing(changes, error, message, tmp_path):
    with pytest.raises(error, match=message):
        train(tiny(**changes), tmp_path / "run", quiet=True)
    assert not list(tmp_path.iterdir())


def test_classes_that_disagree(tmp_path):
    fill(tmp_path / "data" / "train", 2)
    fill(tmp_path / "data" / "val", 1, ("bird", "cat", "dig"))
    recipe = tiny(data=f"folder:{tmp_path / 'data'}", batch_size=2)
    with pytest.raises(
        DataError, match="The training and validation classes differ: 'dog' only in"
    ):
        train(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_pictures(tmp_path):
    fill(tmp_path / "data", 5)
    (tmp_path / "data" / "cat" / "empty.jpg").touch()
    recipe = tiny(
        data=f"folder:{tmp_path / 'data'}",
        batch_size=4,
        epochs=1,
        model=replace(tiny().model, input_shape=(16, 16, 3)),
    )
    with pytest.warns(UserWarning, match="1 of 16 files can't be used"):
        result = train(recipe, tmp_path / "run", quiet=True)
    assert (result.skipped, result.top5) == (1, None)
    assert (tmp_path / "run" / "labels.txt").read_text() == "bird\ncat\ndog\n"
