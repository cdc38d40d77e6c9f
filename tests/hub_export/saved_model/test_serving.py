"""TensorFlow Serving's requests, through the program that comes with TensorFlow."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from hub_export.saved_model.export import write_saved_model
from keras_mixers.models.heads import features_of, without_softmax
from tests.hub_export.saved_model.test_saved_model import SHAPE, conv_mixer, perturb

IMAGES = np.random.default_rng(0).random((2, *SHAPE), dtype="float32")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = conv_mixer()
    perturb(model)
    folder = tmp_path_factory.mktemp("serving") / "classification"
    write_saved_model(model, folder)
    return model, folder


@pytest.fixture(scope="module")
def features_exported(tmp_path_factory):
    model = features_of(conv_mixer())
    folder = tmp_path_factory.mktemp("serving") / "feature-vector"
    write_saved_model(model, folder)
    return model, folder


def saved_model_cli(*arguments):
    program = Path(sys.executable).with_name("saved_model_cli")
    process = subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@cache  # The program takes seconds to start.
def signatures(folder):
    """Return what `saved_model_cli show` tells: {signature: {"inputs": {name: (dtype, shape)}}}."""
    text = saved_model_cli("show", "--dir", folder, "--all").split("Concrete Functions:")[0]
    pieces = re.split(r"signature_def\['(\w+)'\]:", text)[1:]
    found = {}
    for signature, piece in zip(pieces[::2], pieces[1::2], strict=True):
        found[signature] = {"inputs": {}, "outputs": {}}
        pattern = r"(inputs|outputs)\['(\w+)'\] tensor_info:\s+dtype: (\w+)\s+shape: \((.*)\)"
        for direction, name, dtype, shape in re.findall(pattern, piece):
            found[signature][direction][name] = (dtype, shape)
    return found


INPUTS = {"images": ("DT_FLOAT", "-1, 32, 32, 3")}
LOGITS, FEATURES = ("DT_FLOAT", "-1, 5"), ("DT_FLOAT", "-1, 8")


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("serving_default", {"logits": LOGITS, "probabilities": LOGITS}),
        ("image_classification", {"default": LOGITS}),
        ("feature_vector", {"default": FEATURES}),
    ],
)
def test_signature_of_a_classifier(exported, name, outputs):
    assert signatures(exported[1])[name] == {"inputs": INPUTS, "outputs": outputs}


@pytest.mark.parametrize("name", ["serving_default", "feature_vector"])
def test_signature_of_a_feature_vector(features_exported, name):
    expected = {"inputs": INPUTS, "outputs": {"default": FEATURES}}
    assert signatures(features_exported[1])[name] == expected


def test_command_line_gives_the_model_s_logits(exported, tmp_path):
    model, folder = exported
    np.save(tmp_path / "images.npy", IMAGES)
    saved_model_cli(
        *("run", "--dir", folder, "--tag_set", "serve", "--signature_def", "serving_default"),
        *("--inputs", f"images={tmp_path / 'images.npy'}", "--outdir", tmp_path),
    )
    expected = without_softmax(model)(255 * IMAGES, training=False)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected, atol=1e-5)
    probabilities = np.load(tmp_path / "probabilities.npy")
    np.testing.assert_allclose(probabilities, model(255 * IMAGES, training=False), atol=1e-6)
    assert float(np.ptp(expected)) > 0.01


@pytest.mark.parametrize("rows", ["instances", "named instances", "inputs"])
def test_json_request_goes_through_the_signature(exported, rows):
    model, folder = exported
    listed = IMAGES.tolist()
    request = {
        "instances": {"instances": listed},
        "named instances": {"instances": [{"images": image} for image in listed]},
        "inputs": {"inputs": {"images": listed}},
    }[rows]
    body = json.dumps({"signature_name": "image_classification", **request})
    answer = json.loads(serve(folder, body))
    expected = without_softmax(model)(255 * IMAGES, training=False)
    np.testing.assert_allclose(np.array(answer), expected, atol=1e-5)


def serve(folder, body):
    """Answer a request as TensorFlow Serving does: by name and type of the signature alone."""
    request = json.loads(body)
    loaded = tf.saved_model.load(str(folder))
    called = loaded.signatures[request["signature_name"]]
    ((name, spec),) = called.structured_input_signature[1].items()
    if "inputs" in request:
        value = request["inputs"][name]
    else:
        value = [row[name] if isinstance(row, dict) else row for row in request["instances"]]
    (output,) = called(**{name: tf.constant(value, spec.dtype)}).values()
    return json.dumps(output.numpy().tolist())
