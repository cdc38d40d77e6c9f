import re
import shutil
import subprocess

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import keras_mixers
from hub_export.archive import write_archive
from hub_export.model_facts import collect_facts
from hub_export.publish.model_card import model_card
from hub_export.saved_model.export import write_saved_model
from hub_export.tflite.export import write_tflite
from hub_export.verification.verify import Verification
from keras_mixers.models.heads import features_of
from tests.helpers.command_line import run
from tests.helpers.export_models import assert_same, conv_mixer
from tests.keras_mixers.weights.file_server import serve

HANDLES = ("classification", "feature-vector")
OLD_STACK = "TensorFlow 2.15 and tensorflow-addons"


def sections(card):
    """Return what stands below each heading, by heading."""
    pieces = re.split(r"^##+ (.+)\n", card, flags=re.MULTILINE)
    return {title: text.strip() for title, text in zip(pieces[1::2], pieces[2::2], strict=True)}


def examples(card):
    found = {
        title: "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        for title, text in sections(card).items()
    }
    return {title: code for title, code in found.items() if code}


def test_texts_from_files_neither_steer_a_terminal_nor_end_a_line():
    title = "\x1b]0;title\x07\n# More"
    facts = collect_facts(
        conv_mixer(), None, title, accuracy=0.5, accuracy_source=title, dataset=title
    )
    card = model_card(facts, HANDLES)
    assert card.replace("\n", "").isprintable()
    assert card.count(r"\x1b]0;title\x07\n# More") == 3


def test_every_example_runs_where_the_handles_are(exports, tmp_path, monkeypatch):
    model = exports["ConvMixer"].model
    write_tflite(model, tmp_path / "model.tflite")
    for kind, handle in zip(("ConvMixer", "features"), HANDLES, strict=True):
        shutil.copytree(exports[kind].path, tmp_path / handle)
    digests = {
        f"{handle}.tar.gz": write_archive(tmp_path / handle, tmp_path / f"{handle}.tar.gz")
        for handle in HANDLES
    }
    noise = np.random.default_rng(0).integers(0, 256, (50, 40, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    # The example sets it, for hub.load to keep what it got; afterwards it is as it was.
    monkeypatch.setenv("TFHUB_CACHE_DIR", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    card = model_card(collect_facts(model), HANDLES, digests)
    codes = examples(card)
    assert OLD_STACK in codes
    compile(codes.pop(OLD_STACK), OLD_STACK, "exec")  # Runs in its own stack: make test-old-stack.
    namespace = {}
    results = {}
    files = {f"{name}?tf-hub-format=compressed": (tmp_path / name).read_bytes() for name in digests}
    with serve(files) as server:
        for title, code in codes.items():
            code = code.replace("https://example.org", server.url)
            exec(compile(code, title, "exec"), namespace)
            results[title] = dict(namespace)
    assert len(server.requests) == 1
    images = results["Prepare an image"]["images"]
    assert (images.shape, images.dtype) == ((1, 32, 32, 3), np.float32)
    assert 0 <= images.min() < images.max() <= 1
    probabilities = np.asarray(model(255 * images, training=False))
    logits = results["TensorFlow Hub"]["outputs"]
    assert_same(keras.ops.softmax(logits), probabilities, model)
    inferred = results["Inference with Keras 3"]["outputs"]
    assert_same(inferred["probabilities"], probabilities, model)
    outputs = results["TFLite, ONNX and OpenVINO"]["outputs"]
    assert_same(outputs, probabilities, model)
    fetched = results["From the web"]["model"](images)
    assert_same(fetched, logits, model)
    for stack in ("Fine-tuning with Keras 2 (tf_keras)", "Fine-tuning with Keras 3"):
        network = results[stack]["network"]
        assert len(network.trainable_weights) == len(features_of(model).trainable_weights) + 2
        assert network.optimizer.iterations.numpy() == 1
    check = re.search(r"^sha256sum .*$", card, re.MULTILINE).group()
    assert subprocess.run(check.split(), capture_output=True).returncode == 0
    assert all(digest in card for digest in digests.values())


def card_of(model, handles=HANDLES, **told):
    return sections(model_card(collect_facts(model, **told), handles))


def test_unknown_is_said_to_be_unknown():
    card = card_of(conv_mixer())
    assert card["Accuracy"] == "Not measured."
    assert card["Licence"] == "Licence of the weights: not stated."
    assert "| trained on | not stated |" in card["Architecture"]
    assert "How images should be resized and cropped is not known." in card["Preprocessing"]
    assert "The class names are not included." in card["Limits"]
    assert "labels.txt" not in card["Outputs"]


def test_known_is_told():
    card = card_of(
        keras_mixers.ConvMixer(8, 1, 4, 3, classes=2, name="convmixer_768_32"),
        labels=["cat", "dog"],
        licence="MIT",
        accuracy=0.8137,
        accuracy_source="`keras-mixers evaluate cats`",
        dataset="cats",
    )
    assert card["Accuracy"] == ("Top-1 accuracy: 81.37 %; source: `keras-mixers evaluate cats`")
    assert card["Licence"] == "Licence of the weights: MIT."
    assert "| trained on | cats |" in card["Architecture"]
    assert "labels.txt" in card["Outputs"]
    assert "mean 0.485, 0.456, 0.406 and std 0.229, 0.224, 0.225" in card["Preprocessing"]
    assert "divided by 0.96 (bicubic, antialiased)" in card["Preprocessing"]
    assert "crop=0.96, interpolation='bicubic'" in card["Prepare an image"]


def test_input_contract():
    card = card_of(conv_mixer())
    assert "(batch, height, width, 3), **float32, RGB, in [0, 1]**" in card["Input"]
    assert "Height 32 and width 32" in card["Input"]
    assert "do not subtract a mean" in card["Input"]
    assert "logits, not probabilities" in card["Outputs"]
    assert "| `classification` | direct call | | (any, 5) | logits |" in card["Outputs"]
    assert "other sizes are refused" in card["Input"]
    free = card_of(conv_mixer(input_shape=(None, None, 3)))
    assert "Any height and width" in free["Input"]
    assert "other sizes" not in free["Input"]


def test_features_alone():
    card = card_of(conv_mixer(include_top=False, pooling="avg"), ["feature-vector"])
    assert "Pooling" not in card["Fine-tuning with Keras 3"]
    assert "logits" not in card["Outputs"]
    assert "class" not in card["Limits"]
    assert 'hub.load("feature-vector")' in card["TensorFlow Hub"]
    assert "sha256" not in card["Security"]
    assert "From the web" not in card


@pytest.mark.parametrize("channels", [1, 4])
def test_example_image_has_the_model_s_channels(channels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 50), "red").save("photo.jpg")
    facts = collect_facts(conv_mixer(input_shape=(None, None, channels)))
    namespace = {}
    exec(examples(model_card(facts, HANDLES))["Prepare an image"], namespace)
    assert namespace["images"].shape == (1, 224, 224, channels)
    assert namespace["images"].dtype == np.float32


@pytest.mark.parametrize(
    "model",
    [
        lambda: conv_mixer(include_top=False),
        pytest.param(
            lambda: keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), include_top=False),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_example_pools_maps_and_tokens(model, tmp_path, monkeypatch):
    model = model()
    write_saved_model(model, tmp_path / "feature-vector")
    monkeypatch.chdir(tmp_path)
    images = np.zeros((2, 32, 32, 3), "float32")
    found = examples(model_card(collect_facts(model), ["feature-vector"]))
    for stack in ("Fine-tuning with Keras 2 (tf_keras)", "Fine-tuning with Keras 3"):
        namespace = {"images": images, "np": np}
        exec(found[stack], namespace)
        assert namespace["network"](images).shape == (2, 3)


@pytest.mark.parametrize("side", [pytest.param(32, marks=pytest.mark.slow), None])
def test_commands_for_other_runtimes_are_those_of_the_command_line(side, tmp_path, monkeypatch):
    written = []

    def export(model, path, *arguments):
        written.append(path.name)
        return Verification(path.name, 8, ())

    for name in ("onnx", "openvino"):  # Their packages are not among those of the everyday tests.
        monkeypatch.setattr(f"hub_export.{name}.export_{name}", export)
    monkeypatch.chdir(tmp_path)
    model = conv_mixer(input_shape=(side, side, 3))
    model.save("mine.keras")
    text = card_of(model)["TFLite, ONNX and OpenVINO"]
    for command in re.findall(r"^keras-mixers (.+)$", text, re.MULTILINE):
        result = run(*command.replace("MODEL", "mine.keras").split())
        assert result.exit_code == 0, result.output
    assert written == ["model.onnx", "model-openvino"]
    images = Interpreter("model.tflite").get_input_details()[0]
    assert images["shape"].tolist() == [1, side or 224, side or 224, 3]
