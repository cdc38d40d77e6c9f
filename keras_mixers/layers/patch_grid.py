"""The grid of patches into which a network cuts its images."""

from collections.abc import Iterable

import keras

from keras_mixers.layers.patch_embed import PatchEmbed
from keras_mixers.layers.soft_split import SoftSplit


def patch_grid(layers: Iterable[keras.layers.Layer]) -> tuple[int, int] | None:
    """Return the (rows, columns) of patches that come from the last patch layer among `layers`.

    Returns None if none of them is a `PatchEmbed` or `SoftSplit` layer, or if the size of the
    images is unknown.

    >>> import keras_mixers
    >>> patch_grid(keras_mixers.MLPMixer(8, 1, patch_size=16, input_shape=(32, 48, 3)).layers)
    (2, 3)
    """
    patch_layers = [layer for layer in layers if isinstance(layer, PatchEmbed | SoftSplit)]
    if not patch_layers or None in patch_layers[-1].input.shape[1:3]:
        return None
    return patch_layers[-1].grid(*patch_layers[-1].input.shape[1:3])
