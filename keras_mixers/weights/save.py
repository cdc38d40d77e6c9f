"""Saves a model's weights under the names of timm, of the authors or of Google."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import keras
import numpy as np

from keras_mixers.layers.transformer_block import TransformerBlock
from keras_mixers.weights.checks import first_few
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.layouts import Layout
from keras_mixers.weights.layouts.fitting import fitting_layouts, number_of_blocks
from keras_mixers.weights.layouts.layout import Origin
from keras_mixers.weights.read import Checkpoint


def save_checkpoint(
    model: keras.Model, path: str | Path, layout: Origin = "timm", *, overwrite: bool = False
) -> None:
    """Save the weights of a model of this library as other libraries name them.

    It is the inverse of `load_checkpoint`: names, axes and shapes are those of released files, in
    float32, so that `timm.create_model(name, checkpoint_path=path)` loads a file of "timm". Only
    weights are saved. The other side must be told what else makes the network: the activation, the
    number of attention heads, and with which mean and deviation images are normalised. Nor does a
    file say what rows and columns its patches have: `load_checkpoint` takes a square number of them
    for a square image.

    Args:
        model: Built by `ConvMixer`, `MLPMixer`, `T2TViT`, `ViT`, `ResMLP`, `gMLP` or
            `create_model`.
        path: The file to write, `.safetensors`, `.npz`, or `.pth`, which needs torch. It appears
            whole or not at all.
        layout: Whose names: "timm", for all but T2T-ViT, which it doesn't have; "authors", those of
            ConvMixer, T2T-ViT and ResMLP; "google", for MLP-Mixer and ViT. The authors of DeiT use
            timm's.
        overwrite: Whether to replace the file.

    Raises:
        CheckpointError: A ValueError, if the model has no such layout, or a weight is NaN or
            infinite.
        ValueError: If the layout is unknown or `path` has another ending.
        FileExistsError: If the file exists and must stay.
        OSError: If the disk is full, or can't be written.
        ImportError: If the file needs torch, which is not installed.

    Example:

    >>> import os, tempfile
    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> path = os.path.join(tempfile.mkdtemp(), "mixer.safetensors")
    >>> keras_mixers.save_checkpoint(model, path)
    >>> keras_mixers.load_checkpoint(model, path)
    """
    # It needs filelock, which building and loading models doesn't.
    from keras_mixers.atomic_files import write_atomically

    path = Path(path)
    if path.suffix not in _WRITERS:
        raise ValueError(f"{path} must end in one of {', '.join(_WRITERS)}.")
    arrays = _arrays(model, _find_layout(model, layout))
    with write_atomically(path, overwrite) as place:
        try:
            _WRITERS[path.suffix](arrays, place)
        except OSError:
            raise
        except Exception as error:  # safetensors and torch have their own for a full disk.
            raise OSError(f"{path} can't be written: {error}.") from None


def _find_layout(model: keras.Model, origin: Origin) -> Layout:
    if origin not in get_args(Origin):
        raise ValueError(f"layout must be one of {get_args(Origin)}; received {origin!r}.")
    fitting = [layout for layout in fitting_layouts(model) if layout.origin is not None]
    for layout in fitting:
        if layout.origin == origin:
            return layout
    known = " or ".join(dict.fromkeys(repr(layout.origin) for layout in fitting))
    raise CheckpointError(
        f"The model {model.name!r} has no layout {origin!r}; its files are of {known}."
    )


def _arrays(model: keras.Model, layout: Layout) -> Checkpoint:
    """Return the arrays of a checkpoint by name."""
    blocks = [layer for layer in model.layers if isinstance(layer, TransformerBlock)]
    heads = blocks[0].num_heads if blocks else 1
    weights = {weight.path: weight for weight in model.weights}
    arrays: Checkpoint = {}
    wrong = []
    for rule in layout.expand(number_of_blocks(weights)):
        if rule.weight in weights:
            value = keras.ops.convert_to_numpy(weights[rule.weight]).astype("float32")
            if not np.isfinite(value).all():
                wrong.append(rule.weight)
            arrays |= rule.arrays(value, heads)
    if wrong:
        raise CheckpointError(
            f"The model {model.name!r} holds NaN or infinity: {first_few(wrong)}; expected finite "
            "numbers, nothing was saved."
        )
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _write_safetensors(arrays: Checkpoint, place: Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, place)


def _write_npz(arrays: Checkpoint, place: Path) -> None:
    np.savez(place, allow_pickle=False, **arrays)


def _write_torch(arrays: Checkpoint, place: Path) -> None:
    import torch

    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, place)


_WRITERS: dict[str, Callable[[Checkpoint, Path], None]] = {
    ".safetensors": _write_safetensors,
    ".npz": _write_npz,
    ".pth": _write_torch,
}
