"""An estimate of the device memory that training needs, before it starts."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from rich.filesize import decimal

from training.loop.trainer import Trainer

# Operations whose output shares the memory of their input.
_ALIASES = {"Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "StopGradient"}
_WITHOUT_MEMORY = {"Placeholder", "Const", "ReadVariableOp", "NoOp"}


@dataclass(frozen=True)
class Memory:
    """Device memory in bytes.

    Attributes:
        weights: weights of the network.
        optimizer: averages of gradients and of weights.
        step: activations and gradients, at the peak of a step.
    """

    weights: int
    optimizer: int
    step: int

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return self.weights + self.optimizer + self.step

    def __str__(self) -> str:
        """Return a description of one line."""
        return (
            f"about {decimal(self.total)} of device memory: weights {decimal(self.weights)}, "
            f"optimizer {decimal(self.optimizer)}, step {decimal(self.step)}"
        )


def estimate_memory(trainer: Trainer, batch_size: int) -> Memory:
    """Estimate the device memory that training takes, without computing anything.

    A step is traced, and its operations are followed in order: a tensor takes memory from the
    operation that creates it to the last operation that reads it. The estimate doesn't include
    what TensorFlow itself, XLA's fusions and the libraries of a GPU take or save.

    Args:
        trainer: compiled, with a built optimizer.
        batch_size: images per step on one replica.

    >>> import keras, keras_mixers
    >>> network = keras_mixers.MLPMixer(
    ...     8, 1, 4, input_shape=(8, 8, 3), classes=2, classifier_activation=None
    ... )
    >>> trainer = Trainer(network)
    >>> trainer.compile(keras.optimizers.Adam(), "categorical_crossentropy")
    >>> trainer.optimizer.build(trainer.trainable_variables)
    >>> memory = estimate_memory(trainer, batch_size=16)
    >>> memory.weights == 4 * network.count_params(), memory.optimizer // memory.weights
    (True, 2)
    """
    part = batch_size // trainer.accumulate
    function = tf.function(trainer.backward).get_concrete_function(
        tf.TensorSpec((part, *trainer.network.input.shape[1:]), "float32"),
        tf.TensorSpec((part, trainer.classes), "float32"),
    )
    step = peak_bytes(function.graph)
    if trainer.accumulate > 1:
        step += _bytes_of(trainer.trainable_variables)  # The sums of gradients.
    return Memory(
        weights=_bytes_of(trainer.network.variables),
        optimizer=_bytes_of(trainer.optimizer.variables),
        step=step,
    )


def peak_bytes(graph: tf.Graph) -> int:
    """Return the peak memory, in bytes, of the tensors of a graph whose operations run in order.

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
                # A tensor that no operation reads is freed at once.
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
