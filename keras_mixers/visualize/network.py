"""A network taken apart: its layers and blocks, with what goes into each and comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_mixers.layers.patch_grid import patch_grid
from keras_mixers.models.published import FAMILY_OF_BLOCK


class NoPictureError(ValueError):
    """The picture that was asked for does not exist for this model.

    >>> issubclass(NoPictureError, ValueError)
    True
    """


@dataclass(frozen=True, eq=False)
class Call:
    """A layer that was called, with its symbolic input and output."""

    layer: keras.layers.Layer
    input: keras.KerasTensor
    output: keras.KerasTensor
    # Rows and columns of patches, if a patch layer came before.
    grid: tuple[int, int] | None


@dataclass(frozen=True)
class Network:
    """A model's layers in the order in which they compute, those of models inside it, too.

    Attributes:
        name: Name of the model.
        images: Its symbolic input.
        calls: What was called, one after the other; the last one gives the output.
    """

    name: str
    images: keras.KerasTensor
    calls: list[Call]

    def blocks(self, *types: type[keras.layers.Layer]) -> list[Call]:
        """Return the calls of blocks, by default those of all families."""
        return [call for call in self.calls if isinstance(call.layer, types or _BLOCKS)]

    def compute(self, outputs: Sequence[keras.KerasTensor], images: np.ndarray) -> list[np.ndarray]:
        """Return the outputs for images (B, H, W, C)."""
        found = keras.Model(self.images, list(outputs))(
            check_images(images, self.images.shape), training=False
        )
        return [keras.ops.convert_to_numpy(values) for values in keras.tree.flatten(found)]


_BLOCKS = tuple(FAMILY_OF_BLOCK)


def take_apart(model: keras.Model) -> Network:
    """Call the layers of a model once more, symbolically, and return what they do.

    Layers that compute in half precision are replaced by copies in float32, so that gradients
    neither overflow nor vanish. All others are the model's own.

    Args:
        model: A functional or sequential model of images. Models inside it are taken apart, too.

    Raises:
        ValueError: If it is neither, or has several inputs or outputs.

    >>> import keras_mixers
    >>> network = take_apart(keras_mixers.MLPMixer(8, 2, input_shape=(32, 48, 3)))
    >>> [call.layer.name for call in network.blocks()]
    ['block_0', 'block_1']
    """
    inputs, outputs = (getattr(model, name, None) or [] for name in ("inputs", "outputs"))
    if [len(tensor.shape) for tensor in inputs] != [4] or len(outputs) != 1:
        raise ValueError(
            f"The model {model.name!r} can't be taken apart: expected a functional or sequential "
            f"model from images (B, H, W, C) to one output, received {len(inputs)} inputs and "
            f"{len(outputs)} outputs."
        )
    images = keras.Input(batch_shape=inputs[0].shape, dtype="float32", name="pixels")
    calls: list[Call] = []
    _run(model, images, calls)
    return Network(model.name, images, calls)


def _run(model: keras.Model, x: keras.KerasTensor, calls: list[Call]) -> keras.KerasTensor:
    """Call a model's layers on `x`, add them to `calls`, and return the output."""

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> keras.KerasTensor:
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            return _run(layer, args[0], calls)
        layer, output = _call_in_float32(layer, args, kwargs)
        grid = patch_grid([*(each.layer for each in calls), layer])
        calls.append(Call(layer, args[0] if args else None, output, grid))
        return output

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            x = call(layer, x)
        return x
    # A copy of a compiled model would be compiled, too, with an optimizer as large as the model.
    keras.models.clone_model(
        keras.Model(model.inputs, model.outputs),
        input_tensors=[x],
        clone_function=lambda layer: layer,
        call_function=call,
    )
    return calls[-1].output  # Only the output is computed last.


def _call_in_float32(
    layer: keras.layers.Layer, args: tuple, kwargs: dict
) -> tuple[keras.layers.Layer, keras.KerasTensor]:
    """Return the layer that was called, and its output."""
    if getattr(layer, "compute_dtype", None) not in ("float16", "bfloat16"):
        return layer, layer(*args, **kwargs)
    copy = type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    output = copy(*args, **kwargs)
    copy.set_weights(layer.get_weights())
    return copy, output


def find_layers(model: keras.Model, *types: type[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """Return the layers of these types, those of models inside the model, too."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += find_layers(layer, *types)
        elif isinstance(layer, types):
            found.append(layer)
    return found


def require_layers(
    model: keras.Model, picture: str, *types: type[keras.layers.Layer]
) -> list[keras.layers.Layer]:
    """Return what `find_layers` does, or raise NoPictureError if there is none."""
    found = find_layers(model, *types)
    if not found:
        raise _no_blocks(model.name, picture, types)
    return found


def largest_first(arrays: np.ndarray) -> np.ndarray:
    """Return arrays (N, ...) in order of their norms, the largest first.

    >>> largest_first(np.array([[1.0, 0.0], [-2.0, 0.0]])).tolist()
    [[-2.0, 0.0], [1.0, 0.0]]
    """
    norms = np.linalg.norm(arrays.reshape(len(arrays), -1), axis=1)
    return arrays[np.argsort(-norms, kind="stable")]


def weights_of(variable: keras.Variable) -> np.ndarray:
    """Return a variable's values in float32."""
    return keras.ops.convert_to_numpy(variable).astype("float32")


def check_images(images: np.ndarray, shape: Sequence[int | None]) -> np.ndarray:
    """Return images in float32, or raise ValueError if a model doesn't take them."""
    images = np.asarray(images, "float32")
    fits = images.ndim == 4 and all(
        side in (None, actual) for side, actual in zip(shape[1:], images.shape[1:], strict=True)
    )
    if not fits or not len(images):
        raise ValueError(
            f"images must be (B, {', '.join(str(side) for side in shape[1:])}), at least one; "
            f"received shape {images.shape}."
        )
    return images


def to_maps(call: Call, values: np.ndarray) -> np.ndarray:
    """Return a block's output as maps (B, rows, columns, C), without class tokens.

    Raises:
        NoPictureError: If it is neither a map nor the tokens of one.
    """
    if values.ndim == 4:
        return values
    if values.ndim == 3 and call.grid is not None:
        rows, columns = call.grid
        if values.shape[1] >= rows * columns:
            patches = values[:, values.shape[1] - rows * columns :]
            return patches.reshape(len(values), rows, columns, -1)
    raise NoPictureError(
        f"The output of {call.layer.name!r}, of shape {values.shape}, is neither a map "
        "(B, H, W, C) nor the tokens of one."
    )


def require_blocks(network: Network, picture: str, *types: type[keras.layers.Layer]) -> list[Call]:
    """Return the blocks of a network, or raise NoPictureError if it has none of these types."""
    found = network.blocks(*types)
    if not found:
        raise _no_blocks(network.name, picture, types or _BLOCKS)
    return found


def _no_blocks(name: str, picture: str, types: Sequence[type]) -> NoPictureError:
    names = ", ".join(kind.__name__ for kind in types)
    return NoPictureError(
        f"The model {name!r} has no {picture}: expected blocks of type {names}, received none."
    )
