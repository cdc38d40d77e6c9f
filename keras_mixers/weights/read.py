"""Reads released files of all formats into {name: array}."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_mixers.weights.errors import CheckpointError, as_checkpoint_error
from keras_mixers.weights.read_npz import read_npz
from keras_mixers.weights.read_safetensors import read_safetensors
from keras_mixers.weights.read_torch import read_torch

Checkpoint = dict[str, np.ndarray]

_PREFIXES = ("module.", "opt/target/", "params/")


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read the weights of a released file.

    Args:
        path: A `.safetensors` or `.npz` file; or a `.pth`, `.pt`, `.bin` or `.tar` file of torch,
            with the weights at its top level or under `state_dict_ema` (preferred), `state_dict`,
            `model` or `net`. A prefix of all names, such as `module.`, is removed. Pickles are
            read with `weights_only=True`, so they can't run code.

    Returns:
        The arrays by name.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file has another format or is damaged.
        ImportError: If it needs torch, which is not installed.

    Example:

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.npz")
    >>> np.savez(path, **{"params/head/bias": np.zeros(2)})
    >>> list(read_checkpoint(path))
    ['head/bias']
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint file {str(path)!r}.")
    if path.suffix not in _READERS:
        raise CheckpointError(
            f"{path.name} does not have the ending of a checkpoint; received {path.suffix!r}, "
            "expected one of "
            f"{', '.join(_READERS)}."
        )
    kind, read = _READERS[path.suffix]
    with as_checkpoint_error(path, kind):
        arrays = _remove_prefixes(read(path))
    for name in arrays:
        if not name.isprintable():
            raise CheckpointError(
                f"{path.name} is damaged: it holds the key {name!r}, expected printable text; get "
                "the file again."
            )
    return arrays


_READERS: dict[str, tuple[str, Callable[[Path], Checkpoint]]] = {
    ".safetensors": ("safetensors", read_safetensors),
    ".npz": ("npz", read_npz),
    **dict.fromkeys((".pth", ".pt", ".bin", ".tar"), ("torch", read_torch)),
}


def _remove_prefixes(arrays: Checkpoint) -> Checkpoint:
    """Remove the prefixes that all names share."""
    for prefix in _PREFIXES:
        if arrays and all(name.startswith(prefix) for name in arrays):
            arrays = {name.removeprefix(prefix): array for name, array in arrays.items()}
    return arrays
