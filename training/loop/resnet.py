"""The small ResNets of He et al. for images of few pixels, as a pyramid to compare with."""

from typing import TYPE_CHECKING

from keras_mixers.argument_checks import check_integer
from training.errors import RecipeError
from training.recipe import ModelSpec

if TYPE_CHECKING:
    import keras

    from keras_mixers.catalogue.preprocessing import Preprocessing

_STAGES = 3
_ARGUMENTS = ("hidden_dim", "depth")


def build_resnet(
    spec: ModelSpec, preprocessing: "Preprocessing", classes: int, name: str | None = None
) -> "keras.Model":
    """Build a ResNet from images (B, H, W, C) in [0, 255] to logits (B, classes).

    As for CIFAR-10 in the paper: three stages of `(depth - 2) / 6` blocks, the later ones with
    half the height and width and twice the channels. A block that changes the shape has a 1 x 1
    convolution beside it (the paper's option B).

    Args:
        spec: the recipe's network, with the arguments `depth`, which is 6 n + 2 (8, 14, 20, ...),
            and `hidden_dim`, the channels of the first stage (16 in the paper).
        preprocessing: normalisation of the images.
        classes: number of classes of the data.
        name: name of the model.

    Raises:
        RecipeError: if the arguments aren't these two, or the depth is another.

    >>> from training.keras_applications import application_preprocessing
    >>> spec = ModelSpec("ResNet", {"hidden_dim": 16, "depth": 20}, (32, 32, 3))
    >>> preprocessing = application_preprocessing("keras.applications.ResNet50")
    >>> build_resnet(spec, preprocessing, classes=10).output.shape
    (None, 10)

    Reference: He et al., "Deep Residual Learning for Image Recognition",
    https://arxiv.org/abs/1512.03385, section 4.2.
    """
    import keras

    from keras_mixers.models import common

    hidden_dim, blocks = _sizes(spec)
    images = keras.Input(spec.input_shape, name="images")
    x = common.preprocess(images, preprocessing, None)
    x = _convolve(x, hidden_dim, 3, 1, "stem")
    x = keras.layers.ReLU(name="stem_relu")(x)
    for stage in range(_STAGES):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _block(x, hidden_dim * 2**stage, stride, f"block_{stage * blocks + block}")
    x = common.pool(x, "avg")
    logits = common.classify(x, classes, None, "glorot_uniform")
    return keras.Model(images, logits, name=name or "resnet")


def _sizes(spec: ModelSpec) -> tuple[int, int]:
    """Return the channels of the first stage, and the blocks of each stage."""
    if set(spec.arguments) != set(_ARGUMENTS):
        raise RecipeError(
            "ModelSpec.arguments of ResNet must be hidden_dim and depth; received "
            f"{', '.join(spec.arguments) or 'none'}."
        )
    if spec.drop_path_rate:
        raise RecipeError(
            "ModelSpec.drop_path_rate must be 0 for ResNet, which has no drop path; received "
            f"{spec.drop_path_rate!r}."
        )
    depth = check_integer("depth", spec.arguments["depth"])
    if depth < 8 or depth % (2 * _STAGES) != 2:
        raise RecipeError(f"ResNet's depth must be 8, 14, 20 or 6 more each; received {depth}.")
    return check_integer("hidden_dim", spec.arguments["hidden_dim"]), depth // (2 * _STAGES)


def _block(x: "keras.KerasTensor", channels: int, stride: int, name: str) -> "keras.KerasTensor":
    import keras

    shortcut = x
    if stride > 1:
        shortcut = _convolve(x, channels, 1, stride, f"{name}_shortcut")
    x = _convolve(x, channels, 3, stride, f"{name}_0")
    x = keras.layers.ReLU(name=f"{name}_0_relu")(x)
    x = _convolve(x, channels, 3, 1, f"{name}_1")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _convolve(
    x: "keras.KerasTensor", channels: int, kernel_size: int, stride: int, name: str
) -> "keras.KerasTensor":
    """Convolve, and normalise the result."""
    import keras

    from keras_mixers.layers.normalization import BATCH_NORM

    x = keras.layers.Conv2D(
        channels,
        kernel_size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(),
        name=name,
    )(x)
    return keras.layers.BatchNormalization(name=f"{name}_norm", **BATCH_NORM)(x)
