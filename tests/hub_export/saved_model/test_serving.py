"""TensorFlow Serving's requests, through the program that comes with TensorFlow."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver
from tensorflow.python.tools import saved_model_cli

from keras_mixers.models.heads import without_softmax
from tests.helpers.export_models import assert_same, images_up_to_one

IMAGES = images_up_to_one(2)
INPUTS = {"images": ("DT_FLOAT", "-1, 32, 32, 3")}
LOGITS, FEATURES = ("DT_FLOAT", "-1, 5"), ("DT_FLOAT", "-1, 8")


def signatures(folder, capsys):
    """Return what `saved_model_cli show` tells: {signature: {"inputs": {name: (dtype, shape)}}}."""
    flags.FLAGS.mark_as_parsed()
    # The program's own function, in this process: another would start TensorFlow anew.
    with flagsaver.flagsaver(dir=str(folder), all=True):
        saved_model_cli.show()
    text = capsys.readouterr().out.split("Concrete Functions:")[0]
    pieces = re.split(r"signature_def\['(\w+)'\]:", text)[1:]
    found = {}
    for signature, piece in zip(pieces[::2], pieces[1::2], strict=True):
        found[signature] = {"inputs": {}, "outputs": {}}
        pattern = r"(inputs|outputs)\['(\w+)'\] tensor_info:\s+dtype: (\w+)\s+shape: \((.*)\)"
        for direction, name, dtype, shape in re.findall(pattern, piece):
            found[signature][direction][name] = (dtype, shape)
    return found


def test_signatures_of_a_classifier(exports, capsys):
    found = signatures(exports["ConvMixer"].path, capsys)
    for name, outputs in {
        "serving_default": {"logits": LOGITS, "probabilities": LOGITS},
        "image_classification": {"default": LOGITS},
        "feature_vector": {"default": FEATURES},
    }.items():
        assert found[name] == {"inputs": INPUTS, "outputs": outputs}


def test_signatures_of_a_feature_vector(exports, capsys):
    found = signatures(exports["features"].path, capsys)
    for name in ("serving_default", "feature_vector"):
        assert found[name] == {"inputs": INPUTS, "outputs": {"default": FEATURES}}


@pytest.mark.slow
def test_command_line_gives_the_model_s_logits(exports, tmp_path):
    model, folder = exports["ConvMixer"].model, exports["ConvMixer"].path
    np.save(tmp_path / "images.npy", IMAGES)
    arguments = (
        *("run", "--dir", folder, "--tag_set", "serve", "--signature_def", "serving_default"),
        *("--inputs", f"images={tmp_path / 'images.npy'}", "--outdir", tmp_path),
    )
    process = subprocess.run(
        [sys.executable, "-m", saved_model_cli.__name__, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert process.returncode == 0, process.stderr
    expected = without_softmax(model)(255 * IMAGES, training=False)
    assert_same(np.load(tmp_path / "logits.npy"), expected, model)
    probabilities = np.load(tmp_path / "probabilities.npy")
    assert_same(probabilities, model(255 * IMAGES, training=False), model)


@pytest.mark.parametrize("rows", ["instances", "named instances", "inputs"])
def test_json_request_goes_through_the_signature(exports, rows):
    export = exports["ConvMixer"]
    listed = IMAGES.tolist()
    request = {
        "instances": {"instances": listed},
        "named instances": {"instances": [{"images": image} for image in listed]},
        "inputs": {"inputs": {"images": listed}},
    }[rows]
    body = json.dumps({"signature_name": "image_classification", **request})
    answer = json.loads(serve(export.loaded, body))
    expected = without_softmax(export.model)(255 * IMAGES, training=False)
    assert_same(np.array(answer, "float32"), expected, export.model)


def serve(loaded, body):
    """Answer a request as TensorFlow Serving does: by name and type of the signature alone."""
    request = json.loads(body)
    called = loaded.signatures[request["signature_name"]]
    ((name, spec),) = called.structured_input_signature[1].items()
    if "inputs" in request:
        value = request["inputs"][name]
    else:
        value = [row[name] if isinstance(row, dict) else row for row in request["instances"]]
    (output,) = called(**{name: tf.constant(value, spec.dtype)}).values()
    return json.dumps(output.numpy().tolist())
