import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_mixers
from hub_export.tflite import export as tflite
from hub_export.tflite.calibration import MIN_IMAGES
from hub_export.tflite.export import export_tflite, write_tflite, write_with_settings
from hub_export.tflite.settings import Settings
from hub_export.verification.tflite_file import custom_operators, detect_quantization, float_tensors
from hub_export.verification.verify import verify
from hub_export.verification.worker import load_export
from keras_mixers.layers import LayerNorm
from tests.helpers.trained_digits import digits, save_trained
from tests.hub_export.saved_model.test_saved_model import MODELS, SHAPE, conv_mixer, perturb
from training.data import sample_images

MODES = ("none", "float16", "dynamic", "int8", "int16x8")
INTEGERS = ("int8", "int16x8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return save_trained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (MIN_IMAGES, *SHAPE), "uint8")


def details(path):
    interpreter = Interpreter(str(path))
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]


@pytest.mark.parametrize("quantize", MODES[1:])
def test_trained_model_keeps_its_classes(quantize, trained, tmp_path):
    path = tmp_path / "model.tflite"
    data = sample_images("digits", (32, 32, 3)) if quantize in INTEGERS else None
    assert export_tflite(trained, path, quantize, data).passed
    pixels, _ = digits(held_out=True)
    found, wanted = load_export(path)(pixels)["output_0"], trained.predict(pixels, verbose=0)
    agreement = np.mean(found.argmax(-1) == wanted.argmax(-1))
    assert agreement >= (0.98 if quantize in INTEGERS else 0.995)
    assert custom_operators(path.read_bytes()) == []


@pytest.mark.parametrize(("family", "quantize"), [("MLPMixer", "float16"), ("T2TViT", "int16x8")])
def test_other_families_can_be_quantised(family, quantize, images, tmp_path):
    model = MODELS[family]()
    perturb(model)
    path = tmp_path / "model.tflite"
    verification = export_tflite(model, path, quantize, images if quantize in INTEGERS else None)
    assert verification.passed


@pytest.mark.parametrize("quantize", INTEGERS)
def test_integer_files_take_any_number_of_images(quantize, images, tmp_path):
    model = MODELS["T2TViT"]()  # Its class token and its Performer know the number of images.
    perturb(model)
    path = tmp_path / "model.tflite"
    assert export_tflite(model, path, quantize, images, batch=None).passed
    assert details(path)[0]["shape_signature"][0] == -1
    predict = load_export(path)
    several, single = predict(images[:3]), predict(images[:1])
    np.testing.assert_array_equal(several["output_0"][:1], single["output_0"])


@pytest.mark.parametrize("quantize", MODES)
def test_file_tells_how_it_is_quantised(quantize, images, tmp_path):
    model = keras_mixers.MLPMixer(32, 1, input_shape=SHAPE, classes=5)
    path = tmp_path / "model.tflite"
    write_tflite(model, path, quantize, images if quantize in INTEGERS else None)
    assert detect_quantization(path.read_bytes()) == quantize


@pytest.mark.parametrize("family", MODELS)
def test_int8_holds_no_float(family, images, tmp_path):
    model = MODELS[family]()
    perturb(model)
    path = tmp_path / "model.tflite"
    write_with_settings(model, Settings("int8", output="logits"), images, path)
    interpreter = Interpreter(str(path))
    assert {tensor["dtype"] for tensor in interpreter.get_tensor_details()} <= {
        np.int8,
        np.uint8,
        np.int32,
    }
    entry, output = details(path)
    # The pixels are the integers.
    assert (entry["dtype"], entry["quantization"]) == (np.uint8, (1.0, 0))
    assert output["dtype"] == np.uint8


@pytest.mark.parametrize("quantize", INTEGERS)
def test_integers_may_go_in_and_out_as_floats(quantize, images, tmp_path):
    model = conv_mixer()
    perturb(model)
    path = tmp_path / "model.tflite"
    assert export_tflite(model, path, quantize, images, input_type="float32").passed
    assert [end["dtype"] for end in details(path)] == [np.float32, np.float32]
    assert float_tensors(path.read_bytes()) == []


def test_pixels_are_the_integers_even_if_the_images_are_pale(tmp_path):
    pale = np.random.default_rng(0).integers(100, 140, (MIN_IMAGES, *SHAPE), "uint8")
    write_tflite(conv_mixer(), tmp_path / "model.tflite", "int8", pale)
    assert details(tmp_path / "model.tflite")[0]["quantization"] == (1.0, 0)


@pytest.mark.parametrize("batch", [3, None])
def test_integers_in_batches(batch, images, tmp_path):
    model = MODELS["MLPMixer"]()
    perturb(model)
    assert export_tflite(model, tmp_path / "model.tflite", "int8", images, batch=batch).passed


def test_integers_of_any_size(tmp_path):
    model = conv_mixer(input_shape=(None, None, 1))
    perturb(model)
    path = tmp_path / "model.tflite"
    images = np.random.default_rng(0).integers(0, 256, (MIN_IMAGES, 224, 224, 1), "uint8")
    write_tflite(model, path, "int8", images, input_shape=(None, None, 1))
    other = np.repeat(images[:3, :40, :24], 3, 0)
    np.testing.assert_allclose(load_export(path)(other)["output_0"], model(other), atol=0.02)
    assert details(path)[0]["shape_signature"].tolist() == [1, -1, -1, 1]


def test_model_without_preprocessing_takes_what_it_takes(tmp_path):
    model = conv_mixer(include_preprocessing=False)
    perturb(model)
    images = np.random.default_rng(0).standard_normal((MIN_IMAGES, *SHAPE)).astype("float32")
    path = tmp_path / "model.tflite"
    write_tflite(model, path, "int8", images)
    assert details(path)[0]["dtype"] == np.float32
    found = Interpreter(str(path)).get_signature_runner()(images=images[:1])["output_0"]
    np.testing.assert_allclose(found, model(images[:1]), atol=0.02)


def test_half_precision_holds_the_performer(tmp_path):
    model = MODELS["T2TViT"]()
    for weight in model.weights:
        if "kqv/kernel" in weight.path:
            weight.assign(50 * weight)  # The sums of its exponentials are less than 1e-8 then.
    write_tflite(model, tmp_path / "model.tflite", "float16")
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")
    found = load_export(tmp_path / "model.tflite")(pixels)["output_0"]
    np.testing.assert_allclose(found, model(pixels.astype("float32")), atol=1e-3)


def norm_of_unlike_tokens(folder):
    """Return the mean error of a quantised layer norm, of numbers of size 1."""
    images = keras.Input((16, 8, 3))
    model = keras.Model(images, LayerNorm(1e-5)(keras.layers.Reshape((16, 24))(images)))
    x = np.random.default_rng(0).standard_normal((MIN_IMAGES, 16, 8, 3)).astype("float32")
    x *= np.geomspace(0.03, 1, 16, dtype="float32")[:, None, None]
    write_tflite(model, folder / "model.tflite", "int8", x)
    runner = Interpreter(str(folder / "model.tflite")).get_signature_runner()
    found = np.concatenate([runner(images=image[None])["output_0"] for image in x])
    return np.abs(found - model(x)).mean()


def test_tokens_of_unlike_size_keep_their_digits(tmp_path, monkeypatch):
    assert norm_of_unlike_tokens(tmp_path) < 0.1
    monkeypatch.setattr(tflite, "with_integer_layers", lambda model: model)
    assert norm_of_unlike_tokens(tmp_path) > 0.2


def batch_norm_beside_a_flat_channel(folder):
    """Return the mean error of the other channels, of numbers of size 1."""
    images = keras.Input((8, 8, 3))
    norm = keras.layers.BatchNormalization()
    model = keras.Model(images, norm(images))
    x = np.random.default_rng(0).standard_normal((MIN_IMAGES, 8, 8, 3)).astype("float32")
    x[..., 0] = 1 + 0.003 * x[..., 0]
    norm.moving_mean.assign([1.0, 0.0, 0.0])
    norm.moving_variance.assign([1e-5, 1.0, 1.0])
    write_tflite(model, folder / "model.tflite", "int8", x)
    runner = Interpreter(str(folder / "model.tflite")).get_signature_runner()
    found = np.concatenate([runner(images=image[None])["output_0"] for image in x])
    return np.abs(found - model(x))[..., 1:].mean()


def test_channels_of_unlike_size_keep_their_digits(tmp_path, monkeypatch):
    assert batch_norm_beside_a_flat_channel(tmp_path) < 0.01
    monkeypatch.setattr(tflite, "with_integer_layers", lambda model: model)
    assert batch_norm_beside_a_flat_channel(tmp_path) > 0.03


@pytest.mark.parametrize("quantize", ["float16", "int8"])
def test_files_of_another_model_are_found_out(quantize, images, tmp_path):
    model, other = conv_mixer(), conv_mixer(classifier_activation=None)
    perturb(model)
    write_tflite(other, tmp_path / "a.tflite", quantize, images if quantize in INTEGERS else None)
    verification = verify(tmp_path / "a.tflite", model, images)
    assert not verification.passed
    assert "a.tflite doesn't match the model: output_0" in verification.fault


def test_files_of_another_model_are_found_out_where_all_scores_are_alike(images, tmp_path):
    model, other = MODELS["T2TViT"](), MODELS["T2TViT"]()
    perturb(model)
    other.set_weights(model.get_weights())
    for weight in other.get_layer("head").weights:
        weight.assign(keras.ops.flip(weight, axis=-1))  # The classes in another order.
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
    with pytest.raises(ValueError, match="no uint8 in an int16x8 file; leave input_type out"):
        export_tflite(
            conv_mixer(), tmp_path / "model.tflite", "int16x8", images, input_type="uint8"
        )
    assert list(tmp_path.iterdir()) == []


def test_same_model_gives_the_same_bytes(images, tmp_path):
    model = keras_mixers.MLPMixer(8, 1, input_shape=SHAPE, classes=5)
    asked = Settings("int8", labels=list("vwxyz"))
    for name in "ab":
        write_with_settings(model, asked, images, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
