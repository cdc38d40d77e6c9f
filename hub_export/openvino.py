"""OpenVINO's own files, for processors of Intel's and others."""

import re
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np

from hub_export.requirements import require_packages, require_tensorflow
from hub_export.verification.verify import Verification, export_verified
from hub_export.verification.worker import OPENVINO
from keras_mixers.models.precision import in_float32


def export_openvino(
    model: keras.Model,
    path: str | Path,
    overwrite: bool = False,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write a model as a folder of OpenVINO's `model.xml` and, for the weights, `model.bin`.

    The input `images` is the model's, (B, H, W, C), float32, pixels in [0, 255] for a model with
    `include_preprocessing=True`; any batch. The output `output_0` is the model's too. The weights
    are kept in float32. OpenVINO computes in bfloat16 where the processor can; its option
    `{"INFERENCE_PRECISION_HINT": "f32"}` gives the model's own numbers.

    Before it takes its name it is loaded with openvino in a new process and compared, in float32;
    see `verify`.

    Args:
        model: of one input. One in half precision is converted in float32.
        path: the folder to write. It appears whole or not at all.
        overwrite: whether to replace such a folder at `path`.
        data: images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ImportError: if a package of the extra `openvino` is missing.
        ValueError: if the model needs an operator that OpenVINO lacks,
            Keras does not run on TensorFlow, or the comparison fails.
        FileExistsError: if there is something at `path` that must stay.
        FileNotFoundError: if there is no folder to write into.

    Reference: https://docs.openvino.ai/2026/openvino-workflow/model-preparation.html.
    """
    write = partial(write_openvino, model)
    return export_verified(write, model, Path(path), overwrite, OPENVINO, data)


def write_openvino(model: keras.Model, folder: Path) -> None:
    """Write what `export_openvino` writes, straight to `folder`, without comparing it.

    Args and errors are those of `export_openvino`.
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
        openvino.save_model(network, folder / OPENVINO, compress_to_fp16=False)
