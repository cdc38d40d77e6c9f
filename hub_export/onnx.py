"""Writes a model as an ONNX file, for onnxruntime and other runtimes."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hub_export.requirements import require_packages, require_tensorflow
from hub_export.verification.verify import Verification, export_verified
from keras_mixers.models.precision import in_float32

OUTPUT = "output_0"
# tf2onnx slices a whole axis, such as the batch, from 0 to this number or to a larger one.
_BEYOND_ANY_AXIS = 10**9


def export_onnx(
    model: keras.Model,
    path: str | Path,
    overwrite: bool = False,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write a model as a float32 ONNX file.

    The file's input `images` is the model's input: (B, H, W, C), float32, any batch size; pixels in
    [0, 255] for a model with `include_preprocessing=True`. Its output `output_0` is the model's.

    Before the file appears at `path`, it is loaded with onnxruntime in a new process and compared
    with the model; see `verify`.

    Args:
        model: A model with one input. A model in half precision is converted in float32.
        path: The file to write; its name must end in `.onnx`. It appears whole or not at all.
        overwrite: Whether to replace a file at `path`.
        data: Images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ImportError: If a package of the extra `onnx` is missing.
        ValueError: If the model needs an operator that ONNX lacks, `path` has another ending, Keras
            doesn't run on TensorFlow, or the comparison fails.
        FileExistsError: If `path` exists and may not be replaced.
        FileNotFoundError: If the folder to write into doesn't exist.

    Reference: https://onnx.ai/onnx/intro, https://github.com/onnx/tensorflow-onnx.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise ValueError(f"The name of an ONNX file must end in '.onnx'; received {path.name!r}.")
    return export_verified(partial(write_onnx, model), model, path, overwrite, data=data)


def write_onnx(model: keras.Model, path: Path) -> None:
    """Write the file of `export_onnx` directly to `path`, without comparing it with the model.

    Arguments and errors are those of `export_onnx`.
    """
    require_packages("onnx", "onnx", "tf2onnx", "onnxruntime")
    require_tensorflow()
    images = keras.InputSpec(shape=model.inputs[0].shape, dtype="float32", name="images")
    with warnings.catch_warnings():
        # tf2onnx causes this warning under NumPy 2.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        in_float32(model).export(str(path), format="onnx", input_signature=[images], verbose=False)
    _edit_in_place(model, path)


def _edit_in_place(model: keras.Model, path: Path) -> None:
    """Give tf2onnx's file the output's name and a batch without bounds.

    Raises:
        ValueError: If tf2onnx left operators that ONNX lacks.
    """
    import onnx

    content = onnx.load(path)
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    foreign = sorted({node.op_type for node in content.graph.node} - known)
    if foreign:
        raise ValueError(
            f"ONNX has no operator for a part of the model {model.name!r}: {', '.join(foreign)}."
        )
    _slice_cut_axes_alone(content.graph)
    (output,) = content.graph.output
    for node in content.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = OUTPUT if name == output.name else name
    output.name = OUTPUT
    onnx.save(content, path)


def _slice_cut_axes_alone(graph: Any) -> None:
    """Leave out of each slice the axes that it keeps whole.

    OpenVINO takes the end of such a slice for a bound of the batch. From that bound its CPU plugin
    computes impossible sizes, and refuses some networks ("Can not clone DnnlBlockedMemoryDesc").
    """
    from onnx import numpy_helper

    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Slice" or not constants.keys() >= set(node.input[1:]):
            continue
        numbers = [constants[name] for name in node.input[1:]]
        starts, ends, _, *steps = numbers
        cut = (starts != 0) | (ends < _BEYOND_ANY_AXIS) | ((steps or [1])[0] != 1)
        if not cut.any():
            node.op_type = "Identity"
            del node.input[1:]
            continue
        for i, array in enumerate(numbers, start=1):
            node.input[i] = f"{node.name}/{i}"
            graph.initializer.append(numpy_helper.from_array(array[cut], node.input[i]))
    used = {name for node in graph.node for name in node.input}
    for tensor in list(graph.initializer):
        if tensor.name not in used:
            graph.initializer.remove(tensor)
