"""Reads `.safetensors` files."""

from pathlib import Path

import numpy as np

from keras_mixers.weights.errors import CheckpointError


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a `.safetensors` file by name.

    The library compares all sizes with the file's before it reads. The format has no checksum.

    Raises:
        CheckpointError: If an array has a type that numpy does not have, such as float8.
        Exception: If the file is damaged.
    """
    from safetensors import safe_open

    arrays = {}
    with safe_open(path, framework="np") as file:
        for name in file.keys():  # noqa: SIM118, the file is no mapping
            try:
                arrays[name] = file.get_tensor(name)
            except (AttributeError, TypeError, KeyError):
                raise CheckpointError(
                    f"{path.name} holds {name} in the type {file.get_slice(name).get_dtype()}, "
                    "which can't be read; expected float32, float16 or bfloat16, convert it first."
                ) from None
    return arrays
