"""Layers rewritten so that their activations fit in 8 bits; equivalent in exact arithmetic.

An integer file has one range for each tensor, so that a single large number costs all the others
precision. These layers keep numbers of different magnitude in different tensors. Each has the
weights of the layer that it replaces.
"""

import math

import keras
from keras import ops

from keras_mixers.layers.class_token import ClassToken
from keras_mixers.layers.layer_norm import LayerNorm
from keras_mixers.layers.mixer_block import MixerBlock
from keras_mixers.layers.token_performer import TokenPerformer

# The number that TokenPerformer adds to its denominators.
_PERFORMER_EPSILON = 1e-8


def with_softmax_performer(model: keras.Model) -> keras.Model:
    """Replace, in place, each `TokenPerformer` with the form that float16 and integers can hold."""
    return _replace_classes(model, {TokenPerformer: SoftmaxPerformer})


def with_integer_layers(model: keras.Model) -> keras.Model:
    """Replace, in place, layers with forms whose activations integers can hold.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> images = 255 * keras.random.uniform((1, 32, 32, 3))
    >>> before = model(images)
    >>> bool(ops.max(ops.abs(with_integer_layers(model)(images) - before)) < 1e-6)
    True
    """
    replacements: dict[type[keras.layers.Layer], type[keras.layers.Layer]] = {
        TokenPerformer: SoftmaxPerformer,
        keras.layers.BatchNormalization: ConvolvedBatchNorm,
        ClassToken: RepeatedClassToken,
    }
    # MLP-Mixer's tokens differ less, so that a second step would only take time.
    if not any(isinstance(layer, MixerBlock) for layer in model.layers):
        replacements[LayerNorm] = TwoStepLayerNorm
    return _replace_classes(model, replacements)


def _replace_classes(
    model: keras.Model, replacements: dict[type[keras.layers.Layer], type[keras.layers.Layer]]
) -> keras.Model:
    # Replacing only the class keeps the weights, and works for layers inside layers.
    for layer in model._flatten_layers(include_self=False):
        layer.__class__ = replacements.get(type(layer), type(layer))
    return model


class ConvolvedBatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation at inference as a 1 x 1 depthwise convolution.

    A channel that hardly varies has a factor in the hundreds and an offset that undoes it. Computed
    as a product and a sum, the large range of the product would cost all channels precision. A
    convolution adds its bias before it rounds, and quantises each channel's factor with a scale of
    its own.
    """

    def call(
        self,
        inputs: keras.KerasTensor,
        training: bool | None = None,
        mask: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        if len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs, training=False, mask=mask)
        factor = ops.rsqrt(self.moving_variance + self.epsilon)
        if self.scale:
            factor = factor * self.gamma
        offset = -self.moving_mean * factor
        if self.center:
            offset = offset + self.beta
        return ops.depthwise_conv(inputs, ops.reshape(factor, (1, 1, -1, 1))) + offset


class TwoStepLayerNorm(LayerNorm):
    """Layer normalisation that divides in two steps.

    The variances of different tokens, such as flat and textured patches, differ by more than
    integers can hold, and so do their inverse square roots. Here the centred input d is first
    multiplied by a, the inverse square root of its largest number, and then divided by its standard
    deviation: `d a / sqrt(mean((d a)^2) + epsilon a^2)`. The result is the same for any a, but each
    of the two divisors varies only by the square root of the factor that a single one would.
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        mean = ops.mean(inputs, axis=-1, keepdims=True)
        # For a flat token a = epsilon**-0.25, and both divisors are equally large. Its rounded mean
        # may exceed its rounded numbers; `relu` keeps the argument of the root positive.
        largest = ops.relu(ops.max(inputs, axis=-1, keepdims=True) - mean)
        a = ops.rsqrt(largest + math.sqrt(self.epsilon))
        d = (inputs - mean) * a
        scale = ops.rsqrt(ops.mean(d * d, axis=-1, keepdims=True) + a * a * self.epsilon)
        return d * scale * self.gamma + self.beta


class RepeatedClassToken(ClassToken):
    """`ClassToken` without `zeros_like`, for which TFLite has no integer operator."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        token = ops.tile(self.token, (ops.shape(inputs)[0], 1, 1))
        return ops.concatenate([token, inputs], axis=1)


class SoftmaxPerformer(TokenPerformer):
    """`TokenPerformer` that takes exponentials only inside normalised sums.

    For each feature j, the keys give `L_j = log sum_s exp(phi_js)` and the average of the values
    with the weights `exp(phi_js)`. Each query then takes a softmax over the features j, of its own
    exponents plus L_j. The epsilon of the denominator becomes one more feature, with value 0.
    Nothing overflows, and no sum becomes 0 in half precision.
    """

    def _attention(
        self, x: keras.KerasTensor, mask: keras.KerasTensor | None
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        if mask is not None:
            return super()._attention(x, mask)
        key, query, value = ops.split(self.kqv(x), 3, axis=-1)
        features = ops.transpose(self._exponent(key), (0, 2, 1))
        top = ops.max(features, axis=-1, keepdims=True)
        weight = ops.exp(features - top)
        # Means instead of sums, because TFLite gives a sum of integers the range of its terms.
        share = ops.mean(weight, axis=-1, keepdims=True)
        average = self._average(weight, share, value)
        # The epsilon's logarithm is subtracted from all logits, which leaves 0 for its own
        # feature: integers can only be padded with 0.
        tokens = math.log(x.shape[1] / self.features / _PERFORMER_EPSILON)
        logits = self._exponent(query) + ops.transpose(top + ops.log(share) + tokens, (0, 2, 1))
        attention = ops.softmax(ops.pad(logits, ((0, 0), (0, 0), (0, 1))), axis=-1)
        return ops.matmul(attention[..., : self.features], average), value

    def _average(
        self, weight: keras.KerasTensor, share: keras.KerasTensor, value: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Return `weight @ value / sum(weight)`, divided by a square root before and after."""
        root = ops.rsqrt(share)
        return ops.matmul(weight * root, value * (1 / value.shape[1])) * root

    def _exponent(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the logarithm of `_phi`, without its constant term."""
        projected = ops.matmul(x, ops.transpose(self.random_features))
        return projected - ops.mean(x * x, axis=-1, keepdims=True) * (x.shape[-1] / 2)
