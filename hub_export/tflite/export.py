"""TFLite files for phones and other small machines."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np

from hub_export.requirements import require_classes, require_packages, require_tensorflow
from hub_export.tflite.calibration import calibration_images
from hub_export.tflite.convert import INTEGERS, InputType, convert, refusal
from hub_export.tflite.fast_layers import for_tflite
from hub_export.tflite.flatbuffer_edits import with_centred_factors, with_float_depthwise
from hub_export.tflite.integer_layers import with_integer_forms, with_softmax_performer
from hub_export.tflite.metadata import with_metadata
from hub_export.tflite.settings import (
    InputShape,
    Settings,
    check_choices,
    description_of,
    file_input_type,
    file_shape,
)
from hub_export.verification.tflite_file import Quantize, custom_operators, float_tensors
from hub_export.verification.verify import Verification, export_verified
from keras_mixers.atomic_files import check_writable
from keras_mixers.inference import DEFAULT_SIZE, takes_pixels
from keras_mixers.models.heads import Output, with_output
from keras_mixers.models.precision import in_float32

_COMPARED = 16


def export_tflite(
    model: keras.Model,
    path: str | Path,
    quantize: Quantize = "none",
    representative_data: np.ndarray | str | Path | None = None,
    batch: int | None = 1,
    *,
    input_shape: InputShape | None = None,
    input_type: InputType | None = None,
    output: Output | None = None,
    labels: Sequence[str] | None = None,
    licence: str | None = None,
    overwrite: bool = False,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write a model as a TFLite file, of TFLite's own operators alone.

    The file's input `images` is (batch, H, W, C): pixels in [0, 255] for a model with
    `include_preprocessing=True`. A model in half precision is converted in float32.

    - "none": float32.
    - "float16": weights of half the size, computed in float32.
    - "dynamic": weights of int8, but for tensors of less than 1,024 numbers, which stay float32;
      what is computed with them is rounded for each image anew.
    - "int8": no number in the file is floating, but for input and output if `input_type` is
      "float32". Else the output is uint8 too; `quantization` of LiteRT's output details says what
      its numbers mean.
    - "int16x8": weights of int8, what is computed with them of int16.

    The file says which classes it knows, and that it takes pixels, as TFLite Metadata. Before it
    takes its name it is loaded in a new process and compared; see `verify`.

    Args:
        model: of one input.
        path: the file to write. It appears whole or not at all.
        quantize: what the numbers of the file are.
        representative_data: for "int8" and "int16x8": images like those to come, of which up to
            100 are run, evenly drawn. A folder of images; or an array (N, H, W, C) as the model
            takes it, such as `training.data.sample_images` draws from a data set.
        batch: how many images at a time; None: any number, at the cost of time.
        input_shape: (H, W, C), for a model that takes any size; None for H or W leaves it open.
        input_type: "float32" or "uint8", which takes pixels as they are; None: "uint8" for "int8".
        output: of a classifier; None: as the model has it.
        labels: a name for each class.
        licence: of the weights, as SPDX names it.
        overwrite: whether to replace a file at `path`.
        data: images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ValueError: if the model needs an operator that TFLite lacks or its size is not known,
            arguments don't fit, there are too few images or of another shape, Keras does not run
            on TensorFlow, or the comparison fails.
        ImportError: if a package of the extra `export` is missing.
        FileExistsError: if there is something at `path` that must stay.
        FileNotFoundError: if there is no folder to write into, or of images.

    Example:

    >>> import keras_mixers, tempfile
    >>> from training.data import sample_images
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 1), classes=10)
    >>> images = sample_images("digits", (32, 32, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_tflite(model, f"{folder}/mixer.tflite", "int8", images).passed
    True

    Reference: https://ai.google.dev/edge/litert/conversion/tensorflow/convert_tf, and
    https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization.
    """
    path = Path(path)
    check_writable(path, overwrite)  # Before the conversion takes its time.
    asked = Settings(quantize, batch, input_shape, input_type, output, labels, licence)
    calibration = _calibration(model, asked, representative_data)
    if data is None and calibration is not None and takes_pixels(model):
        # Others than those to come may lie out of the range of the integers.
        data = calibration[:: max(len(calibration) // _COMPARED, 1)][:_COMPARED]
    write = partial(write_as_asked, model, asked, calibration)
    return export_verified(write, model, path, overwrite, data=data)


def write_tflite(
    model: keras.Model,
    path: Path,
    quantize: Quantize = "none",
    representative_data: np.ndarray | str | Path | None = None,
    *,
    input_shape: InputShape | None = None,
) -> None:
    """Write what `export_tflite` writes, straight to `path`, without comparing it.

    Args and errors are those of `export_tflite`.
    """
    asked = Settings(quantize, input_shape=input_shape)
    write_as_asked(model, asked, _calibration(model, asked, representative_data), path)


def write_as_asked(
    model: keras.Model, asked: Settings, calibration: np.ndarray | None, path: Path
) -> None:
    """Write a TFLite file straight to `path`; `calibration` shows the ranges of its integers.

    Errors are those of `export_tflite`.
    """
    require_tensorflow()
    require_packages("export", "ai_edge_litert")
    check_choices(asked)
    shape = file_shape(model, asked.input_shape)
    input_type = file_input_type(model, asked.input_type, asked.quantize)
    network = model
    if asked.output is not None:
        require_classes(model, "output")
        network = with_output(model, asked.output)
    description = description_of(network, model, asked.labels, asked.licence)
    content = convert(
        _converted(network, asked.quantize),
        (asked.batch, *shape),
        asked.output or "output_0",
        asked.quantize,
        input_type,
        calibration,
    )
    if asked.quantize == "dynamic":
        content = with_float_depthwise(content)
    elif asked.quantize == "int8":
        content = with_centred_factors(content)
    _check_content(content, model, asked.quantize)
    path.write_bytes(with_metadata(content, description))


def _calibration(
    model: keras.Model, asked: Settings, data: np.ndarray | str | Path | None
) -> np.ndarray | None:
    """Return the images to run for the ranges of integers; None: no integers are asked for."""
    if asked.quantize not in INTEGERS:
        if data is not None:
            raise ValueError(
                "representative_data is for quantize='int8' and 'int16x8'; received "
                f"{asked.quantize!r}."
            )
        return None
    height, width, channels = file_shape(model, asked.input_shape)
    size = (height or DEFAULT_SIZE, width or DEFAULT_SIZE, channels)
    return calibration_images(model, data, size)


def _converted(network: keras.Model, quantize: Quantize) -> keras.Model:
    """Return the model in the form that the file computes."""
    half = any(
        layer.compute_dtype != "float32"
        for layer in network.layers
        if not isinstance(layer, keras.layers.InputLayer)
    )
    if not half and quantize == "none":
        return for_tflite(network, quantize)
    # A copy: its layers are changed.
    network = for_tflite(in_float32(network), quantize)
    if quantize == "none":
        return network
    return with_integer_forms(network) if quantize in INTEGERS else with_softmax_performer(network)


def _check_content(content: bytes, model: keras.Model, quantize: Quantize) -> None:
    foreign = custom_operators(content)
    if foreign:
        raise ValueError(refusal(model, ", ".join(foreign)))
    floating = float_tensors(content) if quantize == "int8" else []
    if floating:
        raise ValueError(
            f"The model {model.name!r} can't be quantised to int8 as a whole: {len(floating)} "
            f"tensors stay floating, such as {floating[0]!r}; try quantize='dynamic'."
        )
