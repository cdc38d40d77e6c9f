"""Loads Keras's own `.weights.h5` files."""

from pathlib import Path

import keras
import numpy as np

from keras_mixers.weights.errors import CheckpointError, as_checkpoint_error


def load_keras_weights(model: keras.Model, path: Path) -> None:
    """Load a `.weights.h5` file; if anything does not fit, the model stays as it was.

    The files have no checksum.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file is damaged, does not fit the model, or holds NaN or infinity.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file {str(path)!r}.")
    before = model.get_weights()
    try:
        with as_checkpoint_error(path, "Keras"):
            _check_sizes(path)
            model.load_weights(path)
            _check_finite(path, model)
    except BaseException:  # Keras assigns each weight as soon as it is read.
        model.set_weights(before)
        raise


def _check_sizes(path: Path) -> None:
    """Raise CheckpointError if an array claims more bytes than the file has."""
    import h5py

    size = path.stat().st_size

    def check(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.compression is None and item.nbytes > size:
            raise CheckpointError(
                f"{path.name} is damaged: {name!r} claims {item.nbytes} bytes, but the file has "
                f"{size}; get the file again."
            )

    with h5py.File(path) as file:
        file.visititems(check)


def _check_finite(path: Path, model: keras.Model) -> None:
    """Raise CheckpointError if a weight is NaN or infinite."""
    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise CheckpointError(
                f"{path.name} holds NaN or infinity for {weight.path}; expected finite numbers, "
                "take another file."
            )
