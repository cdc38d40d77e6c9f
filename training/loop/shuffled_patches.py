"""Images whose patches, and the pixels within each, stand in another order, all alike."""

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from training.errors import RecipeError

if TYPE_CHECKING:
    import keras


def shuffle_patches(images: "keras.KerasTensor", side: int) -> "keras.KerasTensor":
    """Shuffle the patches of images, and the pixels within each, all images and patches alike.

    Nothing is lost: a network whose first layer is linear in such patches, and which treats all
    patches alike but for weights of their own, can learn the same as before.

    Args:
        images: (B, H, W, C), with known height and width.
        side: side of a patch.

    Raises:
        RecipeError: if patches of this size don't fill the images.

    Reference: Tolstikhin et al., https://arxiv.org/abs/2105.01601, section 4.2 ("Invariance to
    input permutations").
    """
    import keras

    height, width, channels = images.shape[1:]
    if height % side or width % side:
        raise RecipeError(
            "ModelSpec.shuffled_patches must divide the height and width of input_shape, "
            f"{height} and {width}; received {side}."
        )
    pixels = keras.layers.Reshape((height * width, channels), name="pixels")(images)
    pixels = keras.ops.take(pixels, pixel_order(height, width, side), axis=1)
    return keras.layers.Reshape((height, width, channels), name="shuffled_pixels")(pixels)


def pixel_order(height: int, width: int, side: int) -> np.ndarray:
    """Return which pixel goes to each place (H * W,), both counted row by row.

    The order is made by hashes, so that it is the same in all versions of all packages.

    >>> pixel_order(2, 4, 2).tolist()
    [5, 0, 7, 2, 1, 4, 3, 6]
    """
    rows, columns = height // side, width // side
    grid = np.arange(height * width, dtype="int32").reshape(rows, side, columns, side)
    patches = grid.transpose(0, 2, 1, 3).reshape(rows * columns, side * side)
    shuffled = patches[_order(rows * columns)][:, _order(side * side)]
    return shuffled.reshape(rows, columns, side, side).transpose(0, 2, 1, 3).ravel()


def _order(count: int) -> np.ndarray:
    hashes = [sha256(str(i).encode()).digest() for i in range(count)]
    return np.array(sorted(range(count), key=hashes.__getitem__))
