"""Reads released files of all formats into {name: array}."""

import argparse
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from keras_mixers.weights.errors import CheckpointError

Checkpoint = dict[str, np.ndarray]

# Keys under which training programs save the weights; the averaged weights come first.
_NESTED = ("state_dict_ema", "state_dict", "model", "net")
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
    return _remove_prefixes(_READERS[path.suffix](path))


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise _damage_error(path, "safetensors", error) from None


def _read_npz(path: Path) -> Checkpoint:
    try:
        # numpy does not close a damaged file that it opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise _damage_error(path, "npz", error) from None


def _read_torch(path: Path) -> Checkpoint:
    try:
        import torch
    except ImportError:
        raise ImportError(
            f"{path.name} is a PyTorch file, and PyTorch is not installed: "
            "pip install 'keras-mixers[torch]'."
        ) from None
    try:
        # The T2T-ViT authors saved their command line beside the weights.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _damage_error(path, "torch", error) from None
    while isinstance(content, Mapping):
        nested = next((name for name in _NESTED if isinstance(content.get(name), Mapping)), None)
        if nested is None:
            break
        content = content[nested]
    tensors = content if isinstance(content, Mapping) else {}
    if not tensors or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise CheckpointError(f"{path.name} holds no weights by name; expected a state_dict.")
    return {
        str(name): (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        for name, value in tensors.items()
    }


_READERS: dict[str, Callable[[Path], Checkpoint]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    **dict.fromkeys((".pth", ".pt", ".bin", ".tar"), _read_torch),
}


def _damage_error(path: Path, kind: str, error: Exception) -> CheckpointError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return CheckpointError(
        f"{path.name} can't be read as a {kind} checkpoint; it may be incomplete, of another "
        f"format, or unsafe ({reason[:200]})."
    )


def _remove_prefixes(arrays: Checkpoint) -> Checkpoint:
    """Remove the prefixes that all names share."""
    for prefix in _PREFIXES:
        if arrays and all(name.startswith(prefix) for name in arrays):
            arrays = {name.removeprefix(prefix): array for name, array in arrays.items()}
    return arrays
