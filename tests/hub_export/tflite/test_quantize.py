from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from hub_export.tflite.calibration import MIN_IMAGES
from hub_export.tflite.export import export_tflite, write_tflite, write_with_settings
from hub_export.tflite.settings import Settings
from hub_export.verification.comparison import check_output
from hub_export.verification.tflite_file import custom_operators, detect_quantization, float_tensors
from hub_export.verification.tflite_tolerances import TFLITE_TOLERANCES
from hub_export.verification.verify import verify
from hub_export.verification.worker import load_export
from keras_mixers.layers import LayerNorm, TokenPerformer
from tests.helpers.export_models import (
    LABELS,
    MODELS,
    SHAPE,
    conv_mixer,
    images_up_to_one,
    perturb,
    perturbed,
)
from tests.helpers.rounding import rounding_bound, roundings_in
from tests.helpers.trained_digits import digits, train
from training.data import sample_images

INTEGERS = ("int8", "int16x8")
# The batches are there for T2T-ViT, whose class token and Performer know the number of images.
FILES = {
    "ConvMixer-int8": Settings("int8", input_type="float32"),
    "MLPMixer-float16": Settings("float16"),
    "MLPMixer-int8": Settings("int8", batch=3, labels=LABELS),
    "T2TViT-int8": Settings("int8", batch=None, output="logits"),
    "ViT distilled-int8": Settings("int8", batch=None),
    "ResMLP-int8": Settings("int8"),
    "gMLP-int8": Settings("int8"),
}
RELATIVES = ("ViT", "ViT average", "ViT distilled", "ResMLP", "gMLP")
SLOW_FILES = {"T2TViT-int16x8": Settings("int16x8", batch=None)} | {
    f"{family}-{quantize}": Settings(quantize, input_type=input_type)
    for family in RELATIVES
    for quantize, input_type in (
        ("none", "uint8"),
        ("float16", None),
        ("dynamic", "uint8"),
        ("int8", None),
        ("int16x8", None),
    )
    if f"{family}-{quantize}" not in FILES
}
model_of = cache(perturbed)


@pytest.fixture(scope="module")
def trained():
    return train()


@pytest.fixture(scope="module")
def images():
    return (255 * images_up_to_one(MIN_IMAGES)).astype("uint8")


@pytest.fixture(scope="module")
def files(images, tmp_path_factory):
    """Return what writes one of FILES once for all tests that read it."""
    folder = tmp_path_factory.mktemp("files")

    @cache
    def write(name: str) -> Path:
        settings, path = {**FILES, **SLOW_FILES}[name], folder / f"{name}.tflite"
        data = images if settings.quantize in INTEGERS else None
        write_with_settings(model_of(name.split("-")[0]), settings, data, path)
        return path

    return write


def details(path):
    interpreter = Interpreter(str(path))
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def types(path):
    return {tensor["dtype"] for tensor in Interpreter(str(path)).get_tensor_details()}


# Classes change where the two best scores are closer than what is rounded. Of networks trained
# with six seeds the least shares were 0.997, 0.992, 0.978 and 0.994.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantize", "least"), [("float16", 0.98), ("dynamic", 0.98), ("int8", 0.95), ("int16x8", 0.98)]
)
def test_trained_model_keeps_its_classes(quantize, least, trained, tmp_path):
    path = tmp_path / "model.tflite"
    data = sample_images("digits", (8, 8, 1)) if quantize in INTEGERS else None
    assert export_tflite(trained, path, quantize, data).passed
    assert detect_quantization(path.read_bytes()) == quantize
    pixels, _ = digits(held_out=True)
    found, wanted = load_export(path)(pixels)["output_0"], trained.predict(pixels, verbose=0)
    assert np.mean(found.argmax(-1) == wanted.argmax(-1)) >= least
    assert custom_operators(path.read_bytes()) == []


@pytest.mark.parametrize(
    "name", [*FILES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_FILES)]
)
def test_every_family_can_be_quantised(name, files, images):
    family, quantize = name.split("-")
    assert verify(files(name), model_of(family), images).passed
    content = files(name).read_bytes()
    assert detect_quantization(content) == quantize
    assert custom_operators(content) == []


@pytest.mark.parametrize("quantize", ["int8", pytest.param("int16x8", marks=pytest.mark.slow)])
def test_integer_files_take_any_number_of_images(quantize, files, images):
    path = files(f"T2TViT-{quantize}")
    assert details(path)[0]["shape_signature"][0] == -1
    predict = load_export(path)
    several, single = predict(images[:3]), predict(images[:1])
    for name, scores in single.items():
        np.testing.assert_array_equal(several[name][:1], scores)


@pytest.mark.parametrize("family", ["MLPMixer", "T2TViT", "ViT distilled", "ResMLP", "gMLP"])
def test_int8_holds_no_float(family, files):
    path = files(f"{family}-int8")
    assert types(path) <= {np.int8, np.uint8, np.int32}
    entry, output = details(path)
    # The pixels are the integers.
    assert (entry["dtype"], entry["quantization"]) == (np.uint8, (1.0, 0))
    assert output["dtype"] == np.uint8


def test_pixels_are_the_integers_even_if_the_images_are_pale(tmp_path):
    pale = np.random.default_rng(0).integers(100, 140, (MIN_IMAGES, *SHAPE), "uint8")
    write_tflite(conv_mixer(), tmp_path / "model.tflite", "int8", pale)
    assert details(tmp_path / "model.tflite")[0]["quantization"] == (1.0, 0)
    assert types(tmp_path / "model.tflite") <= {np.int8, np.uint8, np.int32}


@pytest.mark.parametrize(
    "name", ["ConvMixer-int8", pytest.param("T2TViT-int16x8", marks=pytest.mark.slow)]
)
def test_integers_may_go_in_and_out_as_floats(name, files):
    assert [end["dtype"] for end in details(files(name))] == [np.float32, np.float32]
    assert float_tensors(files(name).read_bytes()) == []


def test_integers_of_any_size(tmp_path):
    model = conv_mixer(input_shape=(None, None, 1))
    perturb(model)
    path = tmp_path / "model.tflite"
    images = np.random.default_rng(0).integers(0, 256, (MIN_IMAGES, 224, 224, 1), "uint8")
    write_tflite(model, path, "int8", images, input_shape=(None, None, 1))
    assert details(path)[0]["shape_signature"].tolist() == [1, -1, -1, 1]
    assert verify(path, model, images[:, :40, :24]).passed


def test_model_without_preprocessing_takes_what_it_takes(tmp_path):
    model = conv_mixer(include_preprocessing=False)
    perturb(model)
    images = np.random.default_rng(0).standard_normal((MIN_IMAGES, *SHAPE)).astype("float32")
    path = tmp_path / "model.tflite"
    write_tflite(model, path, "int8", images)
    assert details(path)[0]["dtype"] == np.float32
    runner = Interpreter(str(path)).get_signature_runner()
    found = np.concatenate([runner(images=image[None])["output_0"] for image in images])
    expected = model.predict(images, verbose=0)
    assert check_output("", found, expected, TFLITE_TOLERANCES["int8"], are_scores=True).passed


def test_half_precision_holds_the_performer(tmp_path):
    layer = TokenPerformer(8, drop_rate=0.0)
    images = keras.Input((16, 8, 3))
    model = keras.Model(images, layer(keras.layers.Reshape((16, 24))(images)))
    # The sums of its exponentials are less than 1e-8 then, which half precision takes for 0.
    layer.kqv.kernel.assign(50 * layer.kqv.kernel)
    write_tflite(model, tmp_path / "model.tflite", "float16")
    x = np.random.default_rng(0).standard_normal((1, 16, 8, 3)).astype("float32")
    found = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()(images=x)["output_0"]
    expected = np.asarray(model(x))
    bound = rounding_bound(expected.astype("float16"), roundings_in(layer.weights))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def mean_error(model, x, path):
    """Return how far the outputs of an int8 file are from the model's, on average."""
    write_tflite(model, path, "int8", x)
    runner = Interpreter(str(path)).get_signature_runner()
    found = np.concatenate([runner(images=image[None])["output_0"] for image in x])
    return np.abs(found - model(x)).mean(axis=tuple(range(found.ndim - 1)))


def test_tokens_of_unlike_size_keep_their_digits(tmp_path):
    images = keras.Input((16, 8, 3))
    model = keras.Model(images, LayerNorm(1e-5)(keras.layers.Reshape((16, 24))(images)))
    x = np.random.default_rng(0).standard_normal((MIN_IMAGES, 16, 8, 3)).astype("float32")
    x *= np.geomspace(0.03, 1, 16, dtype="float32")[:, None, None]
    # Of numbers of size 1; 0.3 with the variance in one step.
    assert mean_error(model, x, tmp_path / "model.tflite").mean() < 0.1


def test_channels_of_unlike_size_keep_their_digits(tmp_path):
    images = keras.Input((8, 8, 3))
    norm = keras.layers.BatchNormalization()
    model = keras.Model(images, norm(images))
    x = np.random.default_rng(0).standard_normal((MIN_IMAGES, 8, 8, 3)).astype("float32")
    x[..., 0] = 1 + 0.003 * x[..., 0]
    norm.moving_mean.assign([1.0, 0.0, 0.0])
    norm.moving_variance.assign([1e-5, 1.0, 1.0])
    # Of numbers of size 1, beside a flat channel; 0.05 as a product and a sum.
    assert mean_error(model, x, tmp_path / "model.tflite")[1:].mean() < 0.01


@pytest.mark.parametrize("name", ["ConvMixer-int8", "MLPMixer-float16"])
def test_files_of_another_model_are_found_out(name, files, images):
    other = MODELS[name.split("-")[0]]()
    verification = verify(files(name), other, images)
    assert not verification.passed
    assert f"{name}.tflite doesn't match the model: output_0" in verification.fault


def test_files_of_another_model_are_found_out_where_all_scores_are_alike(images, tmp_path):
    model, other = perturbed("ConvMixer"), perturbed("ConvMixer")
    for weight, flipped in zip(
        model.get_layer("head").weights, other.get_layer("head").weights, strict=True
    ):
        weight.assign(0.1 * weight)
        flipped.assign(keras.ops.flip(weight, axis=-1))  # The classes in another order.
    write_tflite(other, tmp_path / "a.tflite", "int8", images)
    verification = verify(tmp_path / "a.tflite", model, images)
    assert verification.checks[0].cosine > 0.98
    assert "output_0 predicts classes that the model scores lower" in verification.fault
    assert verify(tmp_path / "a.tflite", other, images).passed


def test_layers_that_stay_floating_are_refused(images, tmp_path):
    inputs = keras.Input(SHAPE)
    outputs = keras.layers.LayerNormalization(name="stock")(inputs)
    model = keras.Model(inputs, outputs, name="stock")
    with pytest.raises(ValueError, match=r"'stock' can't be fully quantised to int8: \d+ "):
        export_tflite(model, tmp_path / "model.tflite", "int8", images.astype("float32"))
    with pytest.raises(ValueError, match=r"'stock' can't be quantised to int16x8: .*'NEG'"):
        export_tflite(model, tmp_path / "model.tflite", "int16x8", images.astype("float32"))
    assert list(tmp_path.iterdir()) == []


def test_uint8_images_of_int16x8_are_refused(images, tmp_path):
    with pytest.raises(ValueError, match="can't take uint8 images; leave input_type out"):
        export_tflite(
            conv_mixer(), tmp_path / "model.tflite", "int16x8", images, input_type="uint8"
        )
    assert list(tmp_path.iterdir()) == []


def test_same_model_gives_the_same_bytes(files, images, tmp_path):
    name = "MLPMixer-int8"
    write_with_settings(perturbed("MLPMixer"), FILES[name], images, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == files(name).read_bytes()
