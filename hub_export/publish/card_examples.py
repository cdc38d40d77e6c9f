"""Writes the examples of the model card, one for each way to load an export."""

from collections.abc import Mapping, Sequence

from hub_export.model_facts import ModelFacts
from keras_mixers.inference import DEFAULT_SIZE


def loading_examples(facts: ModelFacts, handles: Sequence[str], archives: Mapping[str, str]) -> str:
    """Return the examples, in Markdown. They run in this order, in the folder of the handles.

    Args:
        facts: What is known about the model.
        handles: Folders of the SavedModels.
        archives: Sha256 of each archive, by file name; empty if there are no archives.
    """
    first = handles[0]
    features = "feature-vector" if "feature-vector" in handles else first
    # Without top and pooling, the features are tokens (N, C) or a map (H, W, C).
    rank = len(facts.feature_shape)
    pool = f"GlobalAveragePooling{rank - 1}D" if rank > 1 else ""
    sections = {
        "Prepare an image": _image_preparation(facts),
        "TensorFlow Hub": _tensorflow_hub(first),
        "Fine-tuning with Keras 2 (tf_keras)": _keras_2(features, pool),
        "Fine-tuning with Keras 3": _keras_3(features, pool),
        "Inference with Keras 3": _tfsm_layer(first),
        "TensorFlow 2.15 and tensorflow-addons": _tensorflow_addons(features, pool),
        "TensorFlow Serving": _tensorflow_serving(first),
        "TFLite, ONNX and OpenVINO": _other_runtimes(facts),
    }
    if archives:
        sections["From the web"] = _web_server(next(iter(archives)))
    pieces = [f"### {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(pieces)


def _python_block(text: str) -> str:
    return f"```python\n{text.strip()}\n```"


def _pooling_line(package: str, layer: str) -> str:
    """Return the line of a Sequential that adds a pooling layer, or "" if none is needed."""
    return f"        {package}.layers.{layer}(),\n" if layer else ""


def _image_preparation(facts: ModelFacts) -> str:
    height, width, channels = facts.input_shape
    sides = f"{height or DEFAULT_SIZE}, {width or DEFAULT_SIZE}"
    options = ""
    if facts.crop is not None:
        options = f", crop={facts.crop:g}, interpolation={facts.interpolation!r}"
    if channels not in (1, 3):
        return _python_block(f"""
import numpy as np

images = np.zeros((1, {sides}, {channels}), "float32")  # your images
""")
    return _python_block(f"""
import numpy as np
from keras_mixers.preprocessing import load_image, resize_and_crop

photo = load_image("photo.jpg", channels={channels})
pixels = resize_and_crop(photo, ({sides}){options})
images = np.float32(pixels[np.newaxis]) / 255
""")


def _tensorflow_hub(handle: str) -> str:
    return _python_block(f"""
import tensorflow_hub as hub

model = hub.load("{handle}")
outputs = model(images)
""")


def _keras_2(handle: str, pool: str) -> str:
    return _python_block(f"""
import tensorflow_hub as hub
import tf_keras

network = tf_keras.Sequential(
    [
        hub.KerasLayer("{handle}", trainable=True),
{_pooling_line("tf_keras", pool)}        tf_keras.layers.Dense(3),
    ]
)
network.compile(
    tf_keras.optimizers.AdamW(1e-4),
    tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
network.fit(images, np.zeros(len(images)), verbose=0)
""")


def _keras_3(handle: str, pool: str) -> str:
    return _python_block(f"""
import keras
from hub_export import HubLayer

network = keras.Sequential(
    [
        HubLayer("{handle}"),
{_pooling_line("keras", pool)}        keras.layers.Dense(3),
    ]
)
network.compile(
    keras.optimizers.AdamW(1e-4),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
network.fit(images, np.zeros(len(images)), verbose=0)
""")


def _tfsm_layer(handle: str) -> str:
    return (
        _python_block(f"""
import keras

layer = keras.layers.TFSMLayer("{handle}", call_endpoint="serving_default")
outputs = layer(images)
""")
        + "\n\nThis layer only runs inference and can't be fine-tuned."
    )


def _tensorflow_addons(handle: str, pool: str) -> str:
    return _python_block(f"""
import tensorflow as tf
import tensorflow_addons as tfa
import tensorflow_hub as hub

network = tf.keras.Sequential(
    [
        hub.KerasLayer("{handle}", trainable=True),
{_pooling_line("tf.keras", pool)}        tf.keras.layers.Dense(3),
    ]
)
network.compile(
    tfa.optimizers.LAMB(1e-3),
    tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
""")


def _tensorflow_serving(handle: str) -> str:
    return (
        "The table above lists the signatures with their names and types; this prints them:\n\n"
        f"```sh\nsaved_model_cli show --dir {handle} --all\n```\n\n"
        "TensorFlow Serving expects the folder as a numbered version, such as "
        f"`models/{handle}/1`. This is the body of a request to `/v1/models/{handle}:predict`:\n\n"
        + _python_block("""
import json

body = json.dumps({"signature_name": "serving_default", "instances": images.tolist()})
""")
    )


def _other_runtimes(facts: ModelFacts) -> str:
    height, width, _ = facts.input_shape
    size = "" if height and width else f" --size {height or width or DEFAULT_SIZE}"
    return (
        "These files are written from the model that was exported here, called `MODEL` below: a "
        "`.keras` file, a run's folder, or a variant with `--weights`.\n\n"
        f"```sh\nkeras-mixers export tflite MODEL model.tflite{size}\n"
        "keras-mixers export onnx MODEL model.onnx\n"
        "keras-mixers export openvino MODEL model-openvino\n```\n\n"
        "Unlike the handles, these files take pixels in [0, 255]. Their input is `images`, "
        "float32; their output `output_0` is the output of the model itself.\n\n"
        + _python_block("""
from ai_edge_litert.interpreter import Interpreter

runner = Interpreter("model.tflite").get_signature_runner()
outputs = runner(images=255 * images)["output_0"]
""")
        + "\n\nA TFLite file takes one image at a time, unless `--batch` says otherwise; "
        "`--quantize` makes it smaller."
    )


def _web_server(archive: str) -> str:
    return (
        f"Serve `{archive}` from any web server. TensorFlow Hub caches what it loads in "
        "`TFHUB_CACHE_DIR` by its URL, so give a new version a new URL.\n\n"
        + _python_block(f"""
import os
import tensorflow_hub as hub

os.environ["TFHUB_CACHE_DIR"] = os.path.expanduser("~/.cache/tfhub_modules")
model = hub.load("https://example.org/{archive}")
""")
    )
