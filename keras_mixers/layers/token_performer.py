import math
from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_integer, check_positive, check_rank, check_rate
from keras_mixers.layers.activations import Activation, gelu
from keras_mixers.layers.dtypes import at_least_float32
from keras_mixers.layers.initializers import transformer_normal
from keras_mixers.layers.layer_norm import TORCH_EPSILON, LayerNorm


@keras.saving.register_keras_serializable(package="keras_mixers")
class TokenPerformer(keras.layers.Layer):
    """`TokenTransformer` with attention approximated by random features, at a cost linear in N.

    With k, q, v of LN(x) and the features `phi(t) = exp(t w' - |t|^2 / 2) / sqrt(m)`, token t
    attends as `y_t = phi(q_t) (sum_s phi(k_s)' v_s) / (phi(q_t) sum_s phi(k_s)')`; then
    `y = v + proj(y)` and `y = y + MLP(LN(y))`. The m rows of w are orthogonal,
    drawn once and never trained; they are saved with the weights.

    Always computed in float32 or wider, even under a mixed precision policy: the exponentials
    exceed the range of half precision, which made T2T-ViT's training end in NaN.

    Input: (B, N, C). Output: (B, N, hidden_dim). A mask (B, N) hides the tokens for which it is
    False from all others.

    Args:
        hidden_dim: Width of queries, keys, values, MLP and output.
        kernel_ratio: Number of random features m, as a fraction of `hidden_dim`.
        drop_rate: Dropout rate after the projection and after the MLP, in [0, 1).

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> tuple(TokenPerformer(hidden_dim=64)(keras.ops.ones((1, 16, 147))).shape)
    (1, 16, 64)

    Reference: Yuan et al., https://arxiv.org/abs/2101.11986, `models/token_performer.py`;
    Choromanski et al., https://arxiv.org/abs/2009.14794.
    """

    def __init__(
        self,
        hidden_dim: int = 64,
        kernel_ratio: float = 0.5,
        drop_rate: float = 0.1,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=at_least_float32(dtype), **kwargs)
        self.hidden_dim = check_integer("hidden_dim", hidden_dim)
        self.kernel_ratio = check_positive("kernel_ratio", kernel_ratio)
        self.features = check_integer("kernel_ratio * hidden_dim", int(kernel_ratio * hidden_dim))
        self.drop_rate = check_rate("drop_rate", drop_rate)
        self.supports_masking = True
        shared = {"dtype": self.dtype_policy}
        self.attention_norm = LayerNorm(TORCH_EPSILON, name="attention_norm", **shared)
        self.kqv = self._dense(3 * self.hidden_dim, "kqv")
        self.projection = self._dense(self.hidden_dim, "projection")
        self.mlp_norm = LayerNorm(TORCH_EPSILON, name="mlp_norm", **shared)
        # Not `MLP`: here dropout follows only the second Dense layer.
        self.mlp_0 = self._dense(self.hidden_dim, "mlp_0", activation=gelu)
        self.mlp_1 = self._dense(self.hidden_dim, "mlp_1")
        self.dropout = keras.layers.Dropout(self.drop_rate, **shared)

    def _dense(
        self, width: int, name: str, activation: Activation | None = None
    ) -> keras.layers.Dense:
        return keras.layers.Dense(
            width,
            activation=activation,
            kernel_initializer=transformer_normal(),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("TokenPerformer", input_shape, "(B, N, C)")
        self.attention_norm.build(input_shape)
        self.kqv.build(input_shape)
        for layer in (self.projection, self.mlp_norm, self.mlp_0, self.mlp_1):
            layer.build(self.compute_output_shape(input_shape))
        self.random_features = self.add_weight(
            shape=(self.features, self.hidden_dim),
            initializer=keras.initializers.Orthogonal(gain=math.sqrt(self.features)),
            trainable=False,
            name="random_features",
        )

    def _phi(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the random features of queries or keys, (B, N, m)."""
        projected = ops.matmul(x, ops.transpose(self.random_features))
        half_norm = ops.sum(x * x, axis=-1, keepdims=True) / 2
        return ops.exp(projected - half_norm) / math.sqrt(self.features)

    def _attention(
        self, x: keras.KerasTensor, mask: keras.KerasTensor | None
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Return the attended values and the values, (B, N, hidden_dim) each."""
        key, query, value = ops.split(self.kqv(x), 3, axis=-1)
        key, query = self._phi(key), self._phi(query)
        if mask is not None:
            key = key * ops.cast(mask, key.dtype)[:, :, None]
        summed = ops.matmul(ops.transpose(key, (0, 2, 1)), value)
        weight = ops.sum(query * ops.sum(key, axis=1, keepdims=True), axis=-1, keepdims=True)
        return ops.matmul(query, summed) / (weight + 1e-8), value

    def call(
        self,
        inputs: keras.KerasTensor,
        mask: keras.KerasTensor | None = None,
        training: bool = False,
    ) -> keras.KerasTensor:
        y, value = self._attention(self.attention_norm(inputs), mask)
        y = value + self.dropout(self.projection(y), training=training)
        z = self.mlp_1(self.mlp_0(self.mlp_norm(y)))
        return y + self.dropout(z, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.hidden_dim)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "kernel_ratio": self.kernel_ratio,
            "drop_rate": self.drop_rate,
        }
