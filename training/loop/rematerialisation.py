"""Activation checkpointing: blocks are computed again in the backward pass, to save memory.

Not `keras.RematScope`: a block that is simply called twice moves the statistics of its batch
normalisations twice, and draws other dropout masks than those that its output came from.
"""

import inspect
from typing import Any

import keras
import tensorflow as tf

from keras_mixers.layers.conv_mixer_block import ConvMixerBlock
from keras_mixers.layers.mixer_block import MixerBlock
from keras_mixers.layers.token_performer import TokenPerformer
from keras_mixers.layers.token_transformer import TokenTransformer
from keras_mixers.layers.transformer_block import TransformerBlock

BLOCKS = (ConvMixerBlock, MixerBlock, TransformerBlock, TokenPerformer, TokenTransformer)


@keras.saving.register_keras_serializable(package="keras_mixers")
class Remat(keras.layers.Layer):
    """Runs a block and keeps nothing but its input for the backward pass.

    Input and output: those of the block. Its state moves once in a training step, and the second
    computation starts from what the first one started from, random seeds too.

    Args:
        block: a layer of one input, built.

    Example:

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
        # In the backward pass Keras would not know that it is training.
        mode = {"training": training} if self._has_modes else {}
        if not training:
            return self.block(inputs, **mode)
        weights = self.block.trainable_variables
        state = self.block.non_trainable_variables
        # Values, not variables: the state will have moved when it is needed again.
        before = [(variable, tf.identity(variable.value)) for variable in state]

        def pure(inputs: keras.KerasTensor, *values: keras.KerasTensor) -> tuple:
            own = [*zip(weights, values, strict=True), *before]
            with keras.StatelessScope(state_mapping=own) as scope:
                output = self.block(inputs, **mode)
            return (output, *(scope.get_current_value(variable) for variable in state))

        values = [tf.identity(variable.value) for variable in weights]
        output, *after = keras.remat(pure)(inputs, *values)
        for variable, value in zip(state, after, strict=True):
            variable.assign(value)
        return output

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.block.compute_output_shape(input_shape)


def checkpointed(network: keras.Model) -> keras.Model:
    """Return a model that shares all weights with `network` and computes its blocks twice.

    Only for training: the result is not meant to be saved.

    Args:
        network: functional, of ConvMixer, MLP-Mixer or T2T-ViT.

    Raises:
        ValueError: if it has no block.

    >>> import keras_mixers
    >>> network = keras_mixers.MLPMixer(8, 2, 4, input_shape=(8, 8, 3), classes=2)
    >>> [layer.name for layer in checkpointed(network).layers if isinstance(layer, Remat)]
    ['remat_block_0', 'remat_block_1']
    """
    if not any(isinstance(layer, BLOCKS) for layer in network.layers):
        raise ValueError(f"{network.name} has no block that could be computed again.")
    return keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=_call
    )


def _call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> keras.KerasTensor:
    # What remains of a block's arguments are a mask, of which these networks have none.
    return Remat(layer)(args[0]) if isinstance(layer, BLOCKS) else layer(*args, **kwargs)
