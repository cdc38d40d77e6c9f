"""Reads files that torch saved: zip archives, and the pickles that they were before torch 1.6."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_mixers.weights.errors import CheckpointError
from keras_mixers.zip_archive import check_archive

if TYPE_CHECKING:
    import torch

# Keys under which training programs save the weights; the averaged weights come first.
_NESTED = ("state_dict_ema", "state_dict", "model", "net")
_DEPTH = 8  # levels, more than any program saves; a pickle can hold itself
_ZIP = b"PK\x03\x04"  # torch takes any other file for a pickle


def read_torch(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state_dict by name, which may be nested in what else was saved.

    Raises:
        CheckpointError: If the file holds no state_dict, or a tensor that is not an array of
            numbers.
        ImportError: If torch is not installed.
        Exception: If the file is damaged.
    """
    try:
        import torch
    except ImportError:
        raise ImportError(
            f"{path.name} is a PyTorch file, and PyTorch is not installed: "
            "pip install 'keras-mixers[torch]'."
        ) from None
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
    size = sum(check_archive(path).values()) if is_zip else path.stat().st_size
    tensors = _find_weights(_load(path, is_zip, size))
    if not tensors or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in tensors.items()
    ):
        raise CheckpointError(f"{path.name} holds no weights by name; expected a state_dict.")
    return {name: _to_array(path, name, value, size) for name, value in tensors.items()}


def _load(path: Path, is_zip: bool, size: int) -> Any:
    """Return what was saved in a file of that many bytes, unpacked."""
    import torch

    # The T2T-ViT authors saved their command line beside the weights.
    with path.open("rb") as file, torch.serialization.safe_globals([argparse.Namespace]):
        content = torch.load(file, map_location=_counter(path, size), weights_only=True)
        if not is_zip and file.read(1):
            # A pickle whose list of storages lacks one leaves its tensors as the memory was.
            raise CheckpointError(
                f"{path.name} is damaged: bytes are left over at its end; get the file again."
            )
    return content


def _counter(path: Path, size: int) -> Callable:
    """Return a `map_location` that keeps all on the CPU and counts the bytes of the numbers.

    torch believes what the pickle says about sizes. It calls this for each storage before it writes
    or reads the memory.
    """
    claimed = 0

    def keep(storage: "torch.UntypedStorage", _location: str) -> "torch.UntypedStorage":
        nonlocal claimed
        claimed += storage.nbytes()
        if claimed > size:
            raise CheckpointError(
                f"{path.name} is damaged: it claims {claimed} bytes of numbers or more, but has "
                f"{size}; get the file again."
            )
        return storage

    return keep


def _find_weights(content: Any) -> Mapping:
    """Return the mapping that is nested deepest, or an empty one."""
    for _ in range(_DEPTH):
        if not isinstance(content, Mapping):
            return {}
        nested = next((name for name in _NESTED if isinstance(content.get(name), Mapping)), None)
        if nested is None:
            return content
        content = content[nested]
    return {}


def _to_array(path: Path, name: str, tensor: "torch.Tensor", size: int) -> np.ndarray:
    """Return a tensor's numbers, which may require a gradient or be a view that negates."""
    import torch

    # A view may repeat a single number without end.
    if tensor.layout == torch.strided and tensor.numel() * tensor.element_size() > size:
        raise CheckpointError(
            f"{path.name} holds {name} of shape {tuple(tensor.shape)}, more numbers than the file "
            "has bytes for; get the file again."
        )
    try:
        plain = tensor.detach().resolve_conj().resolve_neg()
        return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    except (TypeError, RuntimeError):
        raise CheckpointError(
            f"{path.name} holds {name} as a tensor of {tensor.dtype}, {tensor.layout} and device "
            f"{tensor.device}, which can't be read; expected a dense one of float32, float16 or "
            "bfloat16, convert it first."
        ) from None
