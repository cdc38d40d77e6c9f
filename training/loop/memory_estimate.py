"""How much device memory a run will need, before it starts."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from training.loop.trainer import Trainer

# Operations whose result is their input, or a variable, under another name.
_ALIASES = {"Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "StopGradient"}
_WITHOUT_MEMORY = {"Placeholder", "Const", "ReadVariableOp", "NoOp"}


@dataclass(frozen=True)
class Memory:
    """Bytes of device memory.

    Attributes:
        weights: of the network.
        optimizer: its averages of gradients, and of weights.
        step: activations and gradients, where they are most in a step.
    """

    weights: int
    optimizer: int
    step: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.optimizer + self.step

    def __str__(self) -> str:
        """Return it as one line."""
        return (
            f"about {size_text(self.total)} of device memory: weights {size_text(self.weights)}, "
            f"optimizer {size_text(self.optimizer)}, a step {size_text(self.step)}"
        )


def estimate(model: Trainer, batch_size: int) -> Memory:
    """Estimate the device memory that training takes, without computing anything.

    The step is traced, and its operations followed in their order: a tensor takes memory from the
    operation that makes it to the last one that needs it. What TensorFlow itself, XLA's fusions
    and the libraries on a GPU need or save is not part of it.

    Args:
        model: compiled, its optimizer built.
        batch_size: images in a step.

    >>> import keras, keras_mixers
    >>> network = keras_mixers.MLPMixer(
    ...     8, 1, 4, input_shape=(8, 8, 3), classes=2, classifier_activation=None
    ... )
    >>> model = Trainer(network)
    >>> model.compile(keras.optimizers.Adam(), "categorical_crossentropy")
    >>> model.optimizer.build(model.trainable_variables)
    >>> memory = estimate(model, batch_size=16)
    >>> memory.weights == 4 * network.count_params(), memory.optimizer // memory.weights
    (True, 2)
    """
    part = batch_size // model.accumulate
    function = tf.function(model.backward).get_concrete_function(
        tf.TensorSpec((part, *model.network.input.shape[1:]), "float32"),
        tf.TensorSpec((part, model.classes), "float32"),
    )
    step = peak_bytes(function.graph)
    if model.accumulate > 1:
        step += _bytes_of(model.trainable_variables)  # The sums of gradients.
    return Memory(_bytes_of(model.network.variables), _bytes_of(model.optimizer.variables), step)


def peak_bytes(graph: tf.Graph) -> int:
    """Return the most bytes that the tensors of a graph take at once, run in its order.

    >>> @tf.function
    ... def double(x):
    ...     return 2 * x
    >>> peak_bytes(double.get_concrete_function(tf.TensorSpec((250,), "float32")).graph)
    1000
    """
    operations = graph.get_operations()
    last_use: dict[int, int] = {}
    for i, operation in enumerate(operations):
        for tensor in operation.inputs:
            last_use[id(_source(tensor))] = i
    for tensor in graph.outputs:
        last_use[id(_source(tensor))] = len(operations)
    live = most = 0
    released: dict[int, int] = {}
    for i, operation in enumerate(operations):
        if operation.type not in _ALIASES | _WITHOUT_MEMORY:
            for tensor in operation.outputs:
                # What nobody reads is freed at once.
                end = last_use.get(id(tensor), i)
                released[end] = released.get(end, 0) + _tensor_bytes(tensor)
                live += _tensor_bytes(tensor)
        most = max(most, live)
        live -= released.pop(i, 0)
    return most


def _source(tensor: tf.Tensor) -> tf.Tensor:
    while tensor.op.type in _ALIASES:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor


def _tensor_bytes(tensor: tf.Tensor) -> int:
    if not tensor.shape.is_fully_defined() or tensor.dtype in (tf.resource, tf.variant, tf.string):
        return 0
    return tensor.shape.num_elements() * tensor.dtype.size


def _bytes_of(variables: Iterable) -> int:
    return sum(
        int(np.prod(variable.shape)) * tf.as_dtype(variable.dtype).size for variable in variables
    )


def size_text(size: int) -> str:
    """Return a number of bytes for people.

    >>> size_text(51_200_000)
    '51 MB'
    """
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 999.5:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
