"""Reads released files into {name: array}; nothing else knows containers."""

import argparse
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from keras_mixers.weights.errors import CheckpointError

Checkpoint = dict[str, np.ndarray]

# Where training programs put the weights inside what they save; the averaged ones come first.
_NESTED = ("state_dict_ema", "state_dict", "model", "net")
_PREFIXES = ("module.", "opt/target/", "params/")


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read the weights of a released file.

    Args:
        path: `.safetensors`; `.npz`; `.pth`, `.pt`, `.bin` or `.tar` of torch, the weights flat or
            under `state_dict_ema` (preferred), `state_dict`, `model` or `net`. Names lose a common
            prefix such as `module.`. Pickles are read with `weights_only=True`: they run no code.

    Returns:
        The arrays by name.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if the file is of no such kind, or damaged.
        ImportError: if it needs torch, which is not installed.

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
            f"{path.name}: the ending {path.suffix!r} is not one of a checkpoint; expected one of "
            f"{', '.join(_READERS)}."
        )
    return _strip(_READERS[path.suffix](path))


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise _damaged(path, "safetensors", error) from None


def _read_npz(path: Path) -> Checkpoint:
    try:
        # numpy would leave a file that it opened itself open when it turns out damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise _damaged(path, "npz", error) from None


def _read_torch(path: Path) -> Checkpoint:
    try:
        import torch
    except ImportError:
        raise ImportError(
            f"{path.name} is a file of PyTorch, which is not installed: "
            "pip install 'keras-mixers[torch]'."
        ) from None
    try:
        # The T2T-ViT authors saved their command line beside the weights.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _damaged(path, "torch", error) from None
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


def _damaged(path: Path, kind: str, error: Exception) -> CheckpointError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return CheckpointError(
        f"{path.name} can't be read as a {kind} checkpoint; it may be cut short, of another kind, "
        f"or unsafe ({reason[:200]})."
    )


def _strip(arrays: Checkpoint) -> Checkpoint:
    """Drop the prefixes that all names share."""
    for prefix in _PREFIXES:
        if arrays and all(name.startswith(prefix) for name in arrays):
            arrays = {name.removeprefix(prefix): array for name, array in arrays.items()}
    return arrays
