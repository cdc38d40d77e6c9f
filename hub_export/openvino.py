"""Writes a model in OpenVINO's format, for Intel's and other processors."""

import re
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np

from hub_export.requirements import require_packages, require_tensorflow
from hub_export.verification.verify import Verification, export_verified
from hub_export.verification.worker import OPENVINO_FILE
from keras_mixers.models.precision import in_float32


def export_openvino(
    model: keras.Model,
    path: str | Path,
    overwrite: bool = False,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write a model as a folder with OpenVINO's `model.xml` and, for the weights, `model.bin`.

    The input `images` is the model's input: (B, H, W, C), float32, any batch size; pixels in
    [0, 255] for a model with `include_preprocessing=True`. The output `output_0` is the model's.
    The weights are kept in float32. By default, OpenVINO computes in bfloat16 if the processor
    supports it; the option `{"INFERENCE_PRECISION_HINT": "f32"}` makes it compute in float32.

    Before the folder appears at `path`, it is loaded with openvino in a new process and compared
    with the model, in float32; see `verify`.

    Args:
        model: A model with one input. A model in half precision is converted in float32.
        path: The folder to write. It appears whole or not at all.
        overwrite: Whether to replace an earlier OpenVINO export at `path`.
        data: Images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ImportError: If a package of the extra `openvino` is missing.
        ValueError: If the model needs an operator that OpenVINO lacks, Keras doesn't run on
            TensorFlow, or the comparison fails.
        FileExistsError: If `path` exists and may not be replaced.
        FileNotFoundError: If the folder to write into doesn't exist.

    Reference: https://docs.openvino.ai/2026/openvino-workflow/model-preparation.html.
    """
    write = partial(write_openvino, model)
    return export_verified(write, model, Path(path), overwrite, OPENVINO_FILE, data)


def write_openvino(model: keras.Model, folder: Path) -> None:
    """Write the folder of `export_openvino` directly, without comparing it with the model.

    Arguments and errors are those of `export_openvino`.
    """
    require_packages("openvino", "openvino")
    require_tensorflow()
    import openvino

    images = keras.InputSpec(shape=model.inputs[0].shape, dtype="float32", name="images")
    with tempfile.TemporaryDirectory() as saved_model:
        in_float32(model).export(saved_model, input_signature=[images], verbose=False)
        try:
            network = openvino.convert_model(saved_model)
        except openvino.frontend.OpConversionFailure as error:
            missing = re.findall(r"found for operations: (.+)", str(error)) or [
                type(error).__name__
            ]
            raise ValueError(
                f"OpenVINO has no operator for a part of the model {model.name!r}: {missing[0]}."
            ) from None
        folder.mkdir()
        openvino.save_model(network, folder / OPENVINO_FILE, compress_to_fp16=False)
