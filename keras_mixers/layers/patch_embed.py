from typing import Any

import keras

from keras_mixers.argument_checks import check_channels_last, check_integer, check_known, check_rank
from keras_mixers.layers.reshape import reshape_keeping_batch


@keras.saving.register_keras_serializable(package="keras_mixers")
class PatchEmbed(keras.layers.Layer):
    """Embeds each p x p patch of an image linearly: a p x p convolution with stride p.

    Input: (B, H, W, C). Output: the map (B, H // p, W // p, hidden_dim), or, with
    `flatten=True`, its positions row by row as tokens (B, N, hidden_dim). Rows and columns
    that don't fill a whole patch are dropped.

    Args:
        hidden_dim: Channels of the embedding.
        patch_size: Side p of a patch, in pixels.
        flatten: Whether to return tokens instead of a map.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the biases.

    Raises:
        ValueError: If a size is not a positive integer, or an image is smaller than a patch.

    Example:

    >>> tuple(PatchEmbed(8, patch_size=4)(keras.ops.ones((1, 32, 24, 3))).shape)
    (1, 8, 6, 8)

    Reference: Dosovitskiy et al., https://arxiv.org/abs/2010.11929.
    """

    def __init__(
        self,
        hidden_dim: int,
        patch_size: int,
        flatten: bool = False,
        kernel_initializer: str | keras.initializers.Initializer = "lecun_normal",
        bias_initializer: str | keras.initializers.Initializer = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last()
        self.hidden_dim = check_integer("hidden_dim", hidden_dim)
        self.patch_size = check_integer("patch_size", patch_size)
        self.flatten = flatten
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.conv = keras.layers.Conv2D(
            self.hidden_dim,
            self.patch_size,
            strides=self.patch_size,
            padding="valid",
            data_format="channels_last",
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            dtype=self.dtype_policy,
            name="conv",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.compute_output_shape(input_shape)
        check_known("PatchEmbed", "the channels", input_shape[-1])
        self.conv.build(input_shape)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of patches in an image of this size."""
        return height // self.patch_size, width // self.patch_size

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        shape = self.compute_output_shape(inputs.shape)
        x = self.conv(inputs)
        return reshape_keeping_batch(x, shape[1:], like=inputs) if self.flatten else x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        check_rank("PatchEmbed", input_shape, "(B, H, W, C)")
        batch, height, width, _ = input_shape
        if any(side is not None and side < self.patch_size for side in (height, width)):
            raise ValueError(
                f"The image is smaller than a patch: received height {height} and width {width}, "
                f"expected at least patch_size={self.patch_size} pixels each."
            )
        rows, columns = (side and side // self.patch_size for side in (height, width))
        if not self.flatten:
            return (batch, rows, columns, self.hidden_dim)
        return (batch, rows and columns and rows * columns, self.hidden_dim)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "patch_size": self.patch_size,
            "flatten": self.flatten,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
