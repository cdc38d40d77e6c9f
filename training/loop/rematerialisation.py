"""Rematerialisation, or activation checkpointing: the backward pass computes blocks again.

Only a block's input stays in memory, not its activations. `keras.RematScope` won't do: it calls a
block twice, which updates BatchNormalization's statistics twice, and draws dropout masks that
differ from those that the output was computed with.
"""

import inspect
from typing import Any

import keras
import tensorflow as tf

from keras_mixers.layers.token_performer import TokenPerformer
from keras_mixers.layers.token_transformer import TokenTransformer
from keras_mixers.models.published import FAMILY_OF_BLOCK
from training.errors import RecipeError

BLOCKS = (*FAMILY_OF_BLOCK, TokenPerformer, TokenTransformer)


@keras.saving.register_keras_serializable(package="keras_mixers")
class Remat(keras.layers.Layer):
    """A block of which only the input is kept for the backward pass.

    Input and output are those of the block. A training step updates the block's state, such as
    batch statistics and random seeds, once: both computations start from the same state.

    Args:
        block: a built layer with one input.

    Example:

    >>> from keras_mixers import ConvMixerBlock
    >>> block = ConvMixerBlock(kernel_size=3)
    >>> block.build((None, 8, 8, 4))
    >>> tuple(Remat(block)(keras.ops.ones((1, 8, 8, 4))).shape)
    (1, 8, 8, 4)

    Reference: Chen et al., "Training Deep Nets with Sublinear Memory Cost",
    https://arxiv.org/abs/1604.06174.
    """

    def __init__(self, block: keras.layers.Layer) -> None:
        super().__init__(name=f"remat_{block.name}", dtype=block.dtype_policy)
        self.block = block
        self._has_modes = "training" in inspect.signature(block.call).parameters
        self.built = True

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        # Passed explicitly, because Keras doesn't know in the backward pass that it is training.
        mode = {"training": training} if self._has_modes else {}
        if not training:
            return self.block(inputs, **mode)
        weights = self.block.trainable_variables
        state = self.block.non_trainable_variables
        # Values, not variables, which will have changed by the time of the second computation.
        before = [(variable, tf.identity(variable.value)) for variable in state]

        def stateless(inputs: keras.KerasTensor, *values: keras.KerasTensor) -> tuple:
            own = [*zip(weights, values, strict=True), *before]
            with keras.StatelessScope(state_mapping=own) as scope:
                output = self.block(inputs, **mode)
            return (output, *(scope.get_current_value(variable) for variable in state))

        values = [tf.identity(variable.value) for variable in weights]
        output, *after = keras.remat(stateless)(inputs, *values)
        for variable, value in zip(state, after, strict=True):
            variable.assign(value)
        return output

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.block.compute_output_shape(input_shape)


def rematerialise_blocks(network: keras.Model) -> keras.Model:
    """Return a model that shares all weights with a network and rematerialises its blocks.

    Use it for training only, and save the network itself.

    Args:
        network: a functional model of any family.

    Raises:
        RecipeError: if the network has no blocks.

    >>> import keras_mixers
    >>> network = keras_mixers.MLPMixer(8, 2, 4, input_shape=(8, 8, 3), classes=2)
    >>> [layer.name for layer in rematerialise_blocks(network).layers if isinstance(layer, Remat)]
    ['remat_block_0', 'remat_block_1']
    """
    if not any(isinstance(layer, BLOCKS) for layer in network.layers):
        raise RecipeError(
            f"Recipe.remat must be False for {network.name}, which has no blocks to rematerialise; "
            "to save memory, use accumulate, or another precision."
        )
    return keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=_call
    )


def _call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> keras.KerasTensor:
    # A block's only other argument is a mask, and these networks have no masks.
    return Remat(layer)(args[0]) if isinstance(layer, BLOCKS) else layer(*args, **kwargs)
