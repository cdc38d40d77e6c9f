"""A classifier's scores before and after their last activation."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_mixers.labels import decode_predictions
from keras_mixers.visualize.network import Network, NoPictureError


def logits_of(network: Network) -> keras.KerasTensor:
    """Return the scores (B, classes) before the last activation, if that is a layer.

    Raises:
        NoPictureError: If the model doesn't end in scores.
    """
    last = network.calls[-1]
    if len(last.output.shape) != 2:
        raise NoPictureError(
            f"The model {network.name!r} has no scores of classes: expected an output "
            f"(B, classes), received {last.output.shape}."
        )
    is_activation = isinstance(last.layer, keras.layers.Activation | keras.layers.Softmax)
    return last.input if is_activation else last.output


def describe_classes(
    network: Network, image: np.ndarray, names: Sequence[str] | None, top: int = 3
) -> str:
    """Return the most likely classes of an image, one a line, or nothing without a classifier."""
    try:
        logits = logits_of(network)
    except NoPictureError:
        return ""
    output = network.calls[-1].output
    (scores,) = network.compute([output], np.asarray(image)[None])
    if logits is output and not _are_probabilities(scores):
        scores = keras.ops.convert_to_numpy(keras.ops.softmax(scores))
    names = names or [f"class {i}" for i in range(scores.shape[1])]
    best = decode_predictions(scores, top, names)[0]
    return "\n".join(f"{100 * share:.0f} %  {name}" for name, share in best)


def _are_probabilities(scores: np.ndarray) -> bool:
    """Tell whether scores are probabilities already, as of a last layer that ends in a softmax."""
    return bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3))
