"""Google's own reader and Task Library take the TFLite files: labels, pixels, probabilities.

They run on what `python -m tests.tflite_support.export FOLDER` wrote; the environment variable
TFLITE_FILES names the folder. Nothing of this project is imported, and no TensorFlow: beside it
tflite-support can't be loaded.
"""

import ctypes
import json
import os
from pathlib import Path

import libusb_package
import numpy as np
import pytest

# tflite-support is linked to a library for USB, which machines need not have.
ctypes.CDLL(str(libusb_package.get_library_path()), ctypes.RTLD_GLOBAL)
from tflite_support import metadata  # noqa: E402
from tflite_support.task import vision  # noqa: E402

FOLDER = Path(os.environ["TFLITE_FILES"])
FAMILIES = ["ConvMixer", "MLPMixer", "T2TViT", "ViT", "ResMLP", "gMLP"]
LABELS = ["cat", "dog", "Häher", "a b", "fish"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["", "-int8"])
def test_the_reader_finds_labels_and_pixels(family, kind):
    reader = metadata.MetadataDisplayer.with_model_file(str(FOLDER / f"{family}{kind}.tflite"))
    assert reader.get_packed_associated_file_list() == ["labels.txt"]
    assert reader.get_associated_file_buffer("labels.txt").decode().splitlines() == LABELS
    content = json.loads(reader.get_metadata_json())
    (graph,) = content["subgraph_metadata"]
    (images,), (output,) = graph["input_tensor_metadata"], graph["output_tensor_metadata"]
    assert (content["license"], images["name"], output["name"]) == (
        "MIT",
        "images",
        "probabilities",
    )
    assert images["content"]["content_properties"] == {"color_space": "RGB"}
    (unit,) = images["process_units"]
    assert unit["options"] == {"mean": [0.0], "std": [1.0]}  # Pixels are taken as they are.
    (labels,) = output["associated_files"]
    assert labels["type"] == "TENSOR_AXIS_LABELS"


# The library's runtime is older than the logarithm of integers, which T2T-ViT's int8 file has.
@pytest.mark.parametrize(
    "file",
    [*FAMILIES, *(f"{family}-int8" for family in FAMILIES if family != "T2TViT")],
)
def test_the_task_library_gives_each_name_its_probability(file):
    classifier = vision.ImageClassifier.create_from_file(str(FOLDER / f"{file}.tflite"))
    wanted = np.load(FOLDER / f"{file.removesuffix('-int8')}.npz")
    expected, close = wanted["probabilities"], float(wanted["rounding"])
    if file.endswith("-int8"):
        # What eight bits moved in LiteRT, they may move in another runtime by as much, the other
        # way; and probabilities are multiples of 1 / 256.
        close = 1 / 256 + np.abs(wanted["of_int8"] - expected).max()
        expected = wanted["of_int8"]
    assert np.ptp(expected, axis=0).max() > 2 * close  # They depend on the image.
    for pixels, probabilities in zip(wanted["pixels"], expected, strict=True):
        (head,) = classifier.classify(vision.TensorImage.create_from_array(pixels)).classifications
        found = {category.category_name: category.score for category in head.categories}
        np.testing.assert_allclose([found[name] for name in LABELS], probabilities, atol=close)
