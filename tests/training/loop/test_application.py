"""Networks of keras.applications as the network of a recipe."""

import importlib
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from hub_export.saved_model.export import write_saved_model
from hub_export.tflite.export import write_tflite
from keras_mixers.models.precision import in_float32
from tests.helpers.command_line import failure
from tests.helpers.command_line import run as command
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.runs import PREPROCESSING, tiny
from training.errors import RecipeError
from training.evaluation.load_model import load_model
from training.keras_applications import MODES, PREFIX, application_preprocessing
from training.loop.network import build_model
from training.loop.rematerialisation import rematerialise_blocks
from training.recipe import ModelSpec
from training.train import train

MOBILE = ModelSpec(f"{PREFIX}MobileNet", {"alpha": 0.25}, (32, 32, 3))


def functions() -> dict:
    names = [name for name in dir(keras.applications) if name[0].isupper()]
    return {PREFIX + name: getattr(keras.applications, name) for name in names}


def own_preprocessing(name: str):
    """Return the `preprocess_input` that Keras defines beside a network's function."""
    return importlib.import_module(functions()[name].__module__).preprocess_input


def pixels(size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, size, size, 3)).astype("float32")


def test_all_of_kerass_networks_are_known():
    assert set(MODES) == set(functions())


@pytest.mark.parametrize("name", MODES)
def test_pixels_are_normalised_as_keras_does(name):
    preprocessing = application_preprocessing(name)
    values = (pixels(4) / 255 - preprocessing.mean) / preprocessing.std
    if MODES[name] == "caffe":
        values = values[..., ::-1]
    np.testing.assert_allclose(values, own_preprocessing(name)(pixels(4)), rtol=1e-5, atol=1e-4)


def kerass_own(spec: ModelSpec, model: keras.Model) -> keras.Model:
    """Return the network that Keras builds, with the weights of ours."""
    theirs = functions()[spec.name](
        input_shape=spec.input_shape,
        weights=None,
        classes=model.output.shape[-1],
        classifier_activation=None,
        **spec.arguments,
    )
    weights = [v.reshape(w.shape) for v, w in zip(model.get_weights(), theirs.weights, strict=True)]
    theirs.set_weights(weights)
    return theirs


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MobileNet", {"alpha": 0.25}),
        pytest.param("VGG16", {}, marks=pytest.mark.slow),
        pytest.param("ResNet50", {}, marks=pytest.mark.slow),
        pytest.param("DenseNet121", {}, marks=pytest.mark.slow),
        pytest.param("MobileNetV3Small", {}, marks=pytest.mark.slow),
        pytest.param("EfficientNetV2B0", {}, marks=pytest.mark.slow),
        pytest.param("ConvNeXtTiny", {}, marks=pytest.mark.slow),
    ],
)
def test_it_is_kerass_network_after_kerass_preprocessing(name, arguments, tmp_path):
    spec = ModelSpec(PREFIX + name, arguments, (32, 32, 3))
    model = build_model(spec, classes=7)
    assert model.layers[-1].name == "head"
    received = model.predict(pixels(), verbose=0)
    prepared = own_preprocessing(spec.name)(pixels())
    wanted = kerass_own(spec, model).predict(prepared, verbose=0)
    assert_close(received, wanted, roundings_in(model.weights))
    in_float32(model).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded.predict(pixels(), verbose=0), received, roundings_in(model.weights))


def recipe_of(spec: ModelSpec):
    """Return a recipe that uses what a recipe has for such a network."""
    grey = replace(spec, input_shape=(*spec.input_shape[:2], 1), frozen=("conv1",))
    return tiny(model=grey, epochs=1, ema=0.5, head_bias=-1.0)


@pytest.mark.slow
def test_it_is_trained_evaluated_and_predicted_with(tmp_path):
    folder = tmp_path / "run"
    result = train(recipe_of(MOBILE), folder, quiet=True)
    assert result.network.name == "tiny"
    evaluated = command("evaluate", folder, "--data", "digits")
    assert evaluated.exit_code == 0, evaluated.output
    assert f"top-1 {100 * result.top1:.2f}%" in evaluated.output
    Image.fromarray(pixels()[0].astype("uint8")).save(tmp_path / "a.png")
    predicted = command("predict", folder, tmp_path / "a.png")
    assert predicted.exit_code == 0, predicted.output
    trained = load_model(folder)
    assert (trained.crop, trained.interpolation) == (0.875, "bilinear")


@pytest.mark.slow
def test_it_is_exported(tmp_path):
    model = build_model(MOBILE, classes=7, name="mine")
    for write, name in ((write_saved_model, "saved"), (write_tflite, "a.tflite")):
        write(model, tmp_path / name)
        scores = load_model(tmp_path / name).scores(pixels().astype("uint8"))
        assert_close(scores, model.predict(pixels(), verbose=0), roundings_in(model.weights))


@pytest.mark.parametrize("suffix", [".h5", pytest.param(".weights.h5", marks=pytest.mark.slow)])
def test_weights_come_from_a_file_also_for_other_classes(suffix, tmp_path):
    file = tmp_path / f"a{suffix}"
    model = build_model(MOBILE, classes=1000)
    theirs = kerass_own(MOBILE, model)
    theirs.save(file) if suffix == ".h5" else theirs.save_weights(file)
    same = build_model(MOBILE, 1000, str(file))
    assert all(map(np.array_equal, same.get_weights(), model.get_weights()))
    other = build_model(MOBILE, 7, str(file)).get_weights()
    assert all(map(np.array_equal, other[:-2], model.get_weights()[:-2]))
    assert other[-1].shape == (7,)


def test_other_files_and_other_arguments_are_refused_in_one_line(tmp_path):
    (tmp_path / "a.weights.h5").write_bytes(b"?")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save_weights(
        tmp_path / "b.weights.h5"
    )
    cases = [
        (MOBILE, "imagenet", "must be a file of Keras's weights for keras.applications.MobileNet"),
        (MOBILE, str(tmp_path / "a.weights.h5"), "MobileNet doesn't take the weights"),
        (MOBILE, str(tmp_path / "b.weights.h5"), "MobileNet doesn't take the weights"),
        (replace(MOBILE, arguments={"alfa": 1.0}), None, "'alfa', .*; did you mean alpha?"),
        (replace(MOBILE, arguments={"classes": 3}), None, "'classes', which .* doesn't take here"),
        (
            replace(MOBILE, input_shape=(8, 8, 3)),
            None,
            "can't be built: Computed output size",
        ),
        (replace(MOBILE, drop_path_rate=0.1), None, "drop_path_rate must be 0 for .*received 0.1"),
        (replace(MOBILE, frozen=("conv",)), None, "a layer 'conv' .*; did you mean conv"),
    ]
    for spec, weights, message in cases:
        with pytest.raises(RecipeError, match=message) as caught:
            build_model(spec, 7, weights)
        assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match=r"Recipe\.remat must be False for mobilenet_0\.25"):
        rematerialise_blocks(build_model(MOBILE, 7))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet50", "did you mean keras.applications.ResNet50?"),
        ("keras_applications/ResNet50", "did you mean keras.applications.ResNet50?"),
        ("keras.applications.ResNet51", "did you mean keras.applications.ResNet50"),
    ],
)
def test_near_names_are_offered(name, hint):
    with pytest.raises(RecipeError) as caught:
        ModelSpec(name)
    assert f"There is no model {name!r}; {hint}" in str(caught.value)


def test_the_command_takes_its_name():
    options = ["--model.name", f"{PREFIX}ResNet50", "--show"]
    shown = command("train", "convmixer_1536_20_imagenet", *options)
    assert f'"name": "{PREFIX}ResNet50"' in shown.output
    assert "did you mean keras.applications.ResNet50" in failure(
        command("train", "convmixer_1536_20_imagenet", "--model.name", "resnet50"), 2
    )


@pytest.mark.slow
def test_resnet50_is_trained_and_exported(tmp_path):
    spec = ModelSpec(f"{PREFIX}ResNet50", {}, (32, 32, 1), preprocessing=None)
    recipe = tiny(model=replace(spec, preprocessing=PREPROCESSING), epochs=1)
    assert np.isfinite(train(recipe, tmp_path / "run", quiet=True).loss)
    calibrated = ("--quantize", "int8", "--representative-data", "digits")
    for format, name, *options in (
        ("hub", "hub"),
        ("tflite", "a.tflite"),
        ("tflite", "int8.tflite", *calibrated),
    ):
        exported = command("export", format, tmp_path / "run", tmp_path / name, *options)
        assert exported.exit_code == 0, exported.output
