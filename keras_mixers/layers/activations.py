"""Activations by name: Keras's own, and the two forms of GELU that the references use."""

from collections.abc import Callable

import keras
from keras import ops

Activation = str | Callable


@keras.saving.register_keras_serializable(package="keras_mixers")
def gelu(x: keras.KerasTensor) -> keras.KerasTensor:
    """Exact GELU, `x / 2 * (1 + erf(x / sqrt(2)))`, of a tensor of any shape.

    Same values as `keras.activations.gelu(x, approximate=False)`, which TensorFlow computes with
    `erfc`: slower on CPUs, and ONNX has no such operator. TFLite fuses this form into its own
    GELU, and only in this order of the factors.

    Reference: Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415.

    >>> float(gelu(keras.ops.convert_to_tensor(0.0)))
    0.0
    """
    return 0.5 * x * (1.0 + ops.erf(x * 0.7071067811865476))


@keras.saving.register_keras_serializable(package="keras_mixers")
def gelu_tanh(x: keras.KerasTensor) -> keras.KerasTensor:
    """GELU's tanh approximation, as Google's MLP-Mixer computes it, of a tensor of any shape.

    >>> float(gelu_tanh(keras.ops.convert_to_tensor(0.0)))
    0.0
    """
    return ops.gelu(x, approximate=True)


_OURS = {"gelu": gelu, "gelu_tanh": gelu_tanh}


def get_activation(activation: Activation) -> Callable:
    """Return the function that `activation` names.

    Args:
        activation: `"gelu"` (exact), `"gelu_tanh"`, the name of any Keras activation, or a
            callable.

    Raises:
        ValueError: if there is no activation of that name.

    >>> get_activation("relu").__name__
    'relu'
    """
    if isinstance(activation, str) and activation in _OURS:
        return _OURS[activation]
    try:
        function = keras.activations.get(activation)
    except (ValueError, TypeError):
        function = None
    if activation is None or function is None:
        raise ValueError(
            f"activation must be 'gelu', 'gelu_tanh', the name of a Keras activation such as "
            f"'relu', or a callable; received {activation!r}."
        )
    return function


def serialize_activation(activation: Callable) -> object:
    """Return what `get_activation` turns back into `activation`: a name where it has one."""
    for name, function in _OURS.items():
        if activation is function:
            return name
    return keras.activations.serialize(activation)
