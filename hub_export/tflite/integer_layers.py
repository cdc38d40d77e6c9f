"""Layers in a form whose intermediate numbers fit in 8 bits; the same in exact arithmetic.

An integer file has one range for each tensor, so one large number costs all others their digits.
These forms keep apart what differs in size. Each takes the weights of the layer that it stands for.
"""

import math

import keras
from keras import ops

from keras_mixers.layers.class_token import ClassToken
from keras_mixers.layers.layer_norm import LayerNorm
from keras_mixers.layers.mixer_block import MixerBlock
from keras_mixers.layers.token_performer import TokenPerformer

# What TokenPerformer adds to its denominators.
_PERFORMER_EPSILON = 1e-8


def with_softmax_performer(model: keras.Model) -> keras.Model:
    """Change, in place, each `TokenPerformer` to the form that float16 and integers can hold."""
    return _changed(model, {TokenPerformer: SoftmaxPerformer})


def with_integer_forms(model: keras.Model) -> keras.Model:
    """Change, in place, all layers to the form whose activations integers can hold.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> images = 255 * keras.random.uniform((1, 32, 32, 3))
    >>> before = model(images)
    >>> bool(ops.max(ops.abs(with_integer_forms(model)(images) - before)) < 1e-6)
    True
    """
    forms: dict[type[keras.layers.Layer], type[keras.layers.Layer]] = {
        TokenPerformer: SoftmaxPerformer,
        keras.layers.BatchNormalization: ConvolvedBatchNorm,
        ClassToken: RepeatedClassToken,
    }
    # MLP-Mixer's tokens do not differ so much: there a second step would only take its time.
    if not any(isinstance(layer, MixerBlock) for layer in model.layers):
        forms[LayerNorm] = TwoStepLayerNorm
    return _changed(model, forms)


def _changed(
    model: keras.Model, forms: dict[type[keras.layers.Layer], type[keras.layers.Layer]]
) -> keras.Model:
    # The class alone is replaced: the weights stay, and layers within layers are reached.
    for layer in model._flatten_layers(include_self=False):
        layer.__class__ = forms.get(type(layer), type(layer))
    return model


class ConvolvedBatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation at inference as a depthwise convolution with kernel 1.

    A channel that hardly varies has a factor of hundreds and an offset that undoes it. As a product
    and a sum, the product's range takes the digits of all channels; a convolution adds its bias
    before it rounds, and has a scale for each channel's factor.
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
    """Layer normalisation that divides twice, by the root of a size each time.

    The variances of tokens, such as flat and textured patches, differ by more than integers hold,
    and their inverse roots do too. Here d is first divided by the square root of its largest
    number, `d a`; of what is left the variance is taken: `d a / sqrt(mean((d a)^2) + epsilon a^2)`.
    That is the same for any a, and both divisors differ by the square root of what one does.
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        mean = ops.mean(inputs, axis=-1, keepdims=True)
        # A flat token has a = epsilon**-0.25, and the second divisor is as large as the first.
        # The rounded mean of a flat token may exceed its rounded numbers, and no root takes that.
        largest = ops.relu(ops.max(inputs, axis=-1, keepdims=True) - mean)
        a = ops.rsqrt(largest + math.sqrt(self.epsilon))
        d = (inputs - mean) * a
        scale = ops.rsqrt(ops.mean(d * d, axis=-1, keepdims=True) + a * a * self.epsilon)
        return d * scale * self.gamma + self.beta


class RepeatedClassToken(ClassToken):
    """`ClassToken` without zeros like another tensor, for which TFLite has no integers."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        token = ops.tile(self.token, (ops.shape(inputs)[0], 1, 1))
        return ops.concatenate([token, inputs], axis=1)


class SoftmaxPerformer(TokenPerformer):
    """`TokenPerformer` whose exponentials are those of two normalised sums.

    Of the keys, `L_j = log sum_s exp(phi_js)` and the values' averages with these weights; of a
    query, a softmax over the features j of its own exponent and L_j. The epsilon of the denominator
    is one more feature, of value 0. Nothing overflows, and no sum becomes 0 in half precision.
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
        # Means, not sums: TFLite gives the sum of integers the range of what is summed.
        share = ops.mean(weight, axis=-1, keepdims=True)
        average = self._average(weight, share, value)
        # All less the epsilon's logarithm: its own is 0 then, which integers can be padded with.
        tokens = math.log(x.shape[1] / self.features / _PERFORMER_EPSILON)
        logits = self._exponent(query) + ops.transpose(top + ops.log(share) + tokens, (0, 2, 1))
        attention = ops.softmax(ops.pad(logits, ((0, 0), (0, 0), (0, 1))), axis=-1)
        return ops.matmul(attention[..., : self.features], average), value

    def _average(
        self, weight: keras.KerasTensor, share: keras.KerasTensor, value: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Return `weight @ value / sum(weight)`, divided by a root before and after."""
        root = ops.rsqrt(share)
        return ops.matmul(weight * root, value * (1 / value.shape[1])) * root

    def _exponent(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the logarithm of `_phi`, but for its constant."""
        projected = ops.matmul(x, ops.transpose(self.random_features))
        return projected - ops.mean(x * x, axis=-1, keepdims=True) * (x.shape[-1] / 2)
