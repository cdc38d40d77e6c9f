"""Writes a model as a TFLite file, for phones and other small devices."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np

from hub_export.requirements import require_classifier, require_packages, require_tensorflow
from hub_export.tflite.calibration import MOST_IMAGES, calibration_images
from hub_export.tflite.convert import (
    INTEGER_OPERATORS,
    InputType,
    convert,
    missing_operator_message,
)
from hub_export.tflite.fast_layers import with_fast_layers
from hub_export.tflite.flatbuffer_edits import with_centred_factors, with_float_depthwise
from hub_export.tflite.integer_layers import with_integer_layers, with_softmax_performer
from hub_export.tflite.metadata import with_metadata
from hub_export.tflite.settings import (
    InputShape,
    Settings,
    check_settings,
    choose_input_shape,
    choose_input_type,
    describe_file,
)
from hub_export.verification.tflite_file import Quantize, custom_operators, float_tensors
from hub_export.verification.verify import Verification, export_verified
from keras_mixers.atomic_files import check_writable
from keras_mixers.inference import DEFAULT_SIZE, takes_pixels
from keras_mixers.models.heads import Output, with_output
from keras_mixers.models.precision import in_float32

# Number of calibration images that an integer file is compared with its model on.
_COMPARED_IMAGES = 16


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
    """Write a model as a TFLite file that uses only TFLite's built-in operators.

    The file's input `images` has the shape (batch, H, W, C) and holds pixels in [0, 255] for a
    model with `include_preprocessing=True`. A model in half precision is converted in float32.

    `quantize` chooses the types of the file's numbers:

    - "none": float32.
    - "float16": float16 weights, half the size; computed in float32.
    - "dynamic": int8 weights, except for tensors of fewer than 1,024 numbers, which stay float32;
      activations are quantised anew for each image.
    - "int8": integers only, except for input and output if `input_type` is "float32". Otherwise the
      output is uint8 too, and `quantization` in LiteRT's output details says what its numbers mean.
    - "int16x8": int8 weights and int16 activations.

    The file carries TFLite Metadata: the names of its classes, and that it takes pixels. Before it
    appears at `path`, it is loaded in a new process and compared with the model; see `verify`.

    Args:
        model: A model with one input.
        path: The file to write; its name must end in `.tflite`. It appears whole or not at all.
        quantize: Types of the file's numbers, as above.
        representative_data: For "int8" and "int16x8": images like those that the file will see,
            up to 100 ("int8") or 500 ("int16x8") of which, evenly spaced, calibrate the ranges of
            the integers. A folder of images, or an array (N, H, W, C) as the model takes it, such
            as `training.data.sample_images` draws from a data set.
        batch: Number of images at a time; None for any number, which is slower.
        input_shape: Shape (H, W, C) of the images, for a model that takes any size; None for H or W
            leaves it open.
        input_type: Type of the images, "float32" or "uint8". By default "uint8" for an "int8" file
            of a model that takes pixels, otherwise "float32".
        output: "logits" or "probabilities", for a classifier. By default, the model's own output.
        labels: One name per class.
        licence: SPDX identifier of the weights' licence.
        overwrite: Whether to replace a file at `path`.
        data: Images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ValueError: If TFLite lacks an operator that the model needs, the images have no fixed size
            and none is given, `path` has another ending, arguments don't fit the model, there are
            too few images or they have another shape, Keras doesn't run on TensorFlow, or the
            comparison fails.
        ImportError: If a package of the extra `export` is missing.
        FileExistsError: If `path` exists and may not be replaced.
        FileNotFoundError: If the folder to write into, or the folder of images, doesn't exist.

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
    check_writable(path, overwrite)  # Checked first, because the conversion takes a while.
    if path.suffix != ".tflite":
        raise ValueError(f"A TFLite file's name must end in '.tflite'; received {path.name!r}.")
    settings = Settings(quantize, batch, input_shape, input_type, output, labels, licence)
    calibration = _load_calibration(model, settings, representative_data)
    if data is None and calibration is not None and takes_pixels(model):
        # Other images may exceed the ranges that the integers were calibrated for.
        step = max(len(calibration) // _COMPARED_IMAGES, 1)
        data = calibration[::step][:_COMPARED_IMAGES]
    write = partial(write_with_settings, model, settings, calibration)
    return export_verified(write, model, path, overwrite, data=data)


def write_tflite(
    model: keras.Model,
    path: Path,
    quantize: Quantize = "none",
    representative_data: np.ndarray | str | Path | None = None,
    *,
    input_shape: InputShape | None = None,
) -> None:
    """Write the file of `export_tflite` directly to `path`, without comparing it with the model.

    Arguments and errors are those of `export_tflite`.
    """
    settings = Settings(quantize, input_shape=input_shape)
    calibration = _load_calibration(model, settings, representative_data)
    write_with_settings(model, settings, calibration, path)


def write_with_settings(
    model: keras.Model, settings: Settings, calibration: np.ndarray | None, path: Path
) -> None:
    """Write a TFLite file directly to `path`, without comparing it with the model.

    Args:
        model: See `export_tflite`.
        settings: What the file should be like.
        calibration: Images (N, H, W, C), float32, that show the ranges of the integers; None for a
            file that isn't quantised to integers.
        path: The file to write.

    Errors are those of `export_tflite`.
    """
    require_tensorflow()
    require_packages("export", "ai_edge_litert")
    check_settings(settings)
    shape = choose_input_shape(model, settings.input_shape)
    input_type = choose_input_type(model, settings.input_type, settings.quantize)
    network = model
    if settings.output is not None:
        require_classifier(model, "output")
        network = with_output(model, settings.output)
    description = describe_file(network, model, settings.labels, settings.licence)
    content = convert(
        _rewrite_for_file(network, settings.quantize),
        (settings.batch, *shape),
        settings.output or "output_0",
        settings.quantize,
        input_type,
        calibration,
    )
    if settings.quantize == "dynamic":
        content = with_float_depthwise(content)
    elif settings.quantize == "int8":
        content = with_centred_factors(content)
    _check_content(content, model, settings.quantize)
    path.write_bytes(with_metadata(content, description))


def _load_calibration(
    model: keras.Model, settings: Settings, data: np.ndarray | str | Path | None
) -> np.ndarray | None:
    """Return the images that calibrate the ranges of integers, or None if none are needed."""
    if settings.quantize not in INTEGER_OPERATORS:
        if data is not None:
            raise ValueError(
                "representative_data is for quantize='int8' and 'int16x8'; received "
                f"{settings.quantize!r}."
            )
        return None
    height, width, channels = choose_input_shape(model, settings.input_shape)
    size = (height or DEFAULT_SIZE, width or DEFAULT_SIZE, channels)
    return calibration_images(model, data, size, MOST_IMAGES[settings.quantize])


def _rewrite_for_file(network: keras.Model, quantize: Quantize) -> keras.Model:
    """Return a model in the form that the file computes: fast layers, fit for its numbers."""
    is_half_precision = any(
        layer.compute_dtype != "float32"
        for layer in network.layers
        if not isinstance(layer, keras.layers.InputLayer)
    )
    if not is_half_precision and quantize == "none":
        return with_fast_layers(network, quantize)
    # On a copy, because the rewriting below changes layers in place.
    network = with_fast_layers(in_float32(network), quantize)
    if quantize == "none":
        return network
    if quantize in INTEGER_OPERATORS:
        return with_integer_layers(network)
    return with_softmax_performer(network)


def _check_content(content: bytes, model: keras.Model, quantize: Quantize) -> None:
    """Raise ValueError if a file has operators that TFLite lacks, or floats despite "int8"."""
    foreign = custom_operators(content)
    if foreign:
        raise ValueError(missing_operator_message(model, ", ".join(foreign)))
    floating = float_tensors(content) if quantize == "int8" else []
    if floating:
        raise ValueError(
            f"The model {model.name!r} can't be fully quantised to int8: {len(floating)} tensors "
            f"stay floating-point, such as {floating[0]!r}; try quantize='dynamic'."
        )
