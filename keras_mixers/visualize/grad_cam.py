"""Where the patches lie that speak for a class: Grad-CAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_mixers.visualize.input_gradient import input_gradient
from keras_mixers.visualize.network import (
    Call,
    Network,
    NoPictureError,
    require_blocks,
    take_apart,
    to_maps,
)
from keras_mixers.visualize.overlay import overlay_figure
from keras_mixers.visualize.scores import describe_classes, logits_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    block: int | None = None,
    classes: Sequence[int] | None = None,
) -> np.ndarray:
    """Return how much each patch speaks for a class, by Grad-CAM at a block's output.

    The gradient of the class's score, before a last activation layer, is averaged over the
    positions; its product with the block's output is summed over the channels, and what is below
    zero becomes zero. A class token is left out.

    Args:
        model: A functional or sequential classifier with blocks of any family.
        images: (B, H, W, C), pixels as the model takes them.
        block: Number of the block, from 0; negative ones count from the end. By default the last
            one, or the one before it if there is a class token, to which no other token speaks
            after the last block.
        classes: A class for each image, by default the one with the highest score.

    Returns:
        The maps (B, rows, columns), at least 0.

    Raises:
        NoPictureError: If the model has no blocks or no scores, the score doesn't depend on the
            patches after this block, or not on them alone.
        ValueError: If there is no such block or class, or the model doesn't take these images.

    Reference: Selvaraju et al., https://arxiv.org/abs/1610.02391.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 2, patch_size=8, input_shape=(32, 48, 3), classes=5)
    >>> grad_cam(model, np.ones((1, 32, 48, 3)), block=0, classes=[3]).shape
    (1, 4, 6)
    """
    network = take_apart(model)
    return _grad_cam(network, images, _find_block(network, block), classes)


def _grad_cam(
    network: Network, images: np.ndarray, call: Call, classes: Sequence[int] | None = None
) -> np.ndarray:
    logits = logits_of(network)
    head = _head(network, call, logits)
    values, scores = network.compute([call.output, logits], images)
    wanted = scores.argmax(axis=1) if classes is None else np.asarray(classes)
    if wanted.shape != (len(scores),) or not all(0 <= i < scores.shape[1] for i in wanted):
        raise ValueError(
            f"classes must be {len(scores)} numbers from 0 to {scores.shape[1] - 1}, one for each "
            f"image; received {wanted.tolist()}."
        )
    chosen = ops.convert_to_tensor(np.eye(scores.shape[1], dtype=scores.dtype)[wanted])

    def score(x: Any) -> Any:
        return ops.sum(head(x, training=False) * chosen)

    gradient = to_maps(call, input_gradient(score, values))
    if not gradient.any():
        raise NoPictureError(
            f"The score of the model {network.name!r} doesn't depend on the patches after "
            f"{call.layer.name!r}; choose an earlier block."
        )
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    return np.maximum((weights * to_maps(call, values)).sum(axis=-1), 0)


def grad_cam_figure(
    model: keras.Model,
    image: np.ndarray,
    names: Sequence[str] | None = None,
    block: int | None = None,
) -> Figure:
    """Draw an image with its top classes, and Grad-CAM of the first of them over it.

    Args:
        model: See `grad_cam`.
        image: (H, W, C), pixels in [0, 255].
        names: Names of the classes.
        block: See `grad_cam`.

    Raises:
        NoPictureError: See `grad_cam`.
        ValueError: See `grad_cam`, or if there is not one name per class.
        ImportError: If matplotlib is not installed.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 2, patch_size=8, input_shape=(32, 48, 3), classes=5)
    >>> grad_cam_figure(model, np.ones((32, 48, 3))).axes[1].get_title()
    'Grad-CAM at block 1'
    """
    network = take_apart(model)
    call = _find_block(network, block)
    values = _grad_cam(network, np.asarray(image)[None], call)[0]
    number = network.blocks().index(call)
    titles = (describe_classes(network, image, names), f"Grad-CAM at block {number}")
    return overlay_figure(image, values, titles)


def _find_block(network: Network, number: int | None) -> Call:
    """Return the block of this number, or the one that Grad-CAM takes by default."""
    blocks = require_blocks(network, "blocks to explain")
    if number is None:
        last = blocks[-1]
        tokens = last.output.shape[1] if len(last.output.shape) == 3 else None
        has_class_token = last.grid is not None and tokens not in (None, np.prod(last.grid))
        number = max(-1 - has_class_token, -len(blocks))
    if not -len(blocks) <= number < len(blocks):
        raise ValueError(
            f"block must be a number from {-len(blocks)} to {len(blocks) - 1}; received {number}."
        )
    return blocks[number]


def _head(network: Network, call: Call, logits: keras.KerasTensor) -> keras.Model:
    """Return the model from a block's output to the scores."""
    try:
        return keras.Model(call.output, logits)
    except ValueError:  # Keras says which tensor is missing, in half a page.
        raise NoPictureError(
            f"The scores of the model {network.name!r} don't come from {call.layer.name!r} alone; "
            "choose a block that all paths go through."
        ) from None
