"""Activations by name: Keras's own, and the two forms of GELU that the references use."""

from collections.abc import Callable

import keras
from keras import ops

from keras_mixers.gradients.activations import gelu_derivative, gelu_tanh_derivative, recompute
from keras_mixers.gradients.use import gradients_pay

Activation = str | Callable


@keras.saving.register_keras_serializable(package="keras_mixers")
def gelu(x: keras.KerasTensor) -> keras.KerasTensor:
    """Exact GELU, `x / 2 * (1 + erf(x / sqrt(2)))`, for a tensor of any shape.

    It returns the values of `keras.activations.gelu(x, approximate=False)`, which TensorFlow
    computes with `erfc`: that is slower on CPUs, and ONNX has no such operator. TFLite fuses this
    form into its own GELU, but only with the factors in this order.

    Reference: Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415.

    >>> float(gelu(keras.ops.convert_to_tensor(0.0)))
    0.0
    """
    return 0.5 * x * (1.0 + ops.erf(x * 0.7071067811865476))


@keras.saving.register_keras_serializable(package="keras_mixers")
def gelu_tanh(x: keras.KerasTensor) -> keras.KerasTensor:
    """Tanh approximation of GELU, as Google's MLP-Mixer uses it, for a tensor of any shape.

    >>> float(gelu_tanh(keras.ops.convert_to_tensor(0.0)))
    0.0
    """
    return ops.gelu(x, approximate=True)


_OURS = {"gelu": gelu, "gelu_tanh": gelu_tanh}
_DERIVATIVES = {gelu: gelu_derivative, gelu_tanh: gelu_tanh_derivative}


def activate(
    activation: Callable, inputs: keras.KerasTensor, training: bool | None
) -> keras.KerasTensor:
    """Apply an activation; in training, GELU keeps its inputs alone for the gradient.

    >>> float(activate(gelu, keras.ops.convert_to_tensor(0.0), training=True))
    0.0
    """
    if activation in _DERIVATIVES and gradients_pay(training):
        return recompute(activation, _DERIVATIVES[activation], inputs)
    return activation(inputs)


def get_activation(activation: Activation) -> Callable:
    """Return an activation as a function.

    Args:
        activation: `"gelu"` (exact), `"gelu_tanh"`, the name of any Keras activation, or a
            callable.

    Raises:
        ValueError: If there is no activation with that name.

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
    """Return a config from which `get_activation` restores `activation`: a name if it has one."""
    for name, function in _OURS.items():
        if activation is function:
            return name
    return keras.activations.serialize(activation)
