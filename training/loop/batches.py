"""A recipe's data, for the input of its network."""

from pathlib import Path

import tensorflow as tf

from keras_mixers.catalogue import list_models, model_info
from keras_mixers.catalogue.preprocessing import Preprocessing
from training.augment import Augmentation, make_policy
from training.augment.policy import Policy
from training.data import Data, Split, evaluation_batches, open_data
from training.errors import RecipeError
from training.keras_applications import MODES
from training.recipe import RESNET, ModelSpec

_T2T_PATCH_SIZE = 7  # Side of the first patches of T2T-ViT.
_MAX_CACHED_BYTES = 1 << 28


def open_matching_data(address: str, spec: ModelSpec, data_dir: str | Path | None = None) -> Data:
    """Open data, and check that the network can take its images.

    Args:
        address: address of the data, as `open_data` takes it.
        spec: the recipe's network.
        data_dir: folder of tensorflow-datasets; None: its default.

    Raises:
        DataError: if the data can't be opened, or has images smaller than a patch.
        RecipeError: if images and network have different numbers of channels.

    >>> from training.recipes import find_recipe
    >>> open_matching_data("digits", find_recipe("convmixer_digits").model).num_classes
    10
    """
    channels = spec.input_shape[2]
    data = open_data(
        address,
        data_dir,
        min_side=_patch_size(spec),
        channels=channels if channels in (1, 3) else 3,
    )
    found = data.train.image_shape[2]
    if found != channels:
        raise RecipeError(
            f"ModelSpec.input_shape must end in {found}, the number of channels in {data.address}; "
            f"received {spec.input_shape}."
        )
    return data


def _patch_size(spec: ModelSpec) -> int:
    """Return the side of the patches into which the network first splits an image."""
    if spec.name in MODES or spec.name == RESNET:
        return 1
    arguments = dict(spec.arguments)
    if spec.name in list_models():
        arguments = {**model_info(spec.name).arguments, **arguments}
    patch_size = arguments.get("patch_size", _T2T_PATCH_SIZE)
    return patch_size if isinstance(patch_size, int) else 1


def augmentation_policy(
    augmentation: Augmentation, spec: ModelSpec, preprocessing: Preprocessing
) -> Policy:
    """Return the augmentation of training images for a network's input.

    Args:
        augmentation: the recipe's.
        spec: the recipe's network.
        preprocessing: the network's normalisation, in whose space noise is drawn.
    """
    height, width, channels = spec.input_shape
    mean: tuple[float, ...] = preprocessing.mean
    std: tuple[float, ...] = preprocessing.std
    if channels == 1:  # As in the network's own normalisation.
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    return make_policy(augmentation, (height, width), mean, std)


def validation_batches(
    split: Split,
    batch_size: int,
    size: tuple[int, int],
    preprocessing: Preprocessing,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return batches (images, labels (B,)) of each image once; small data stays in memory.

    Args:
        split: images to evaluate with.
        batch_size: images per batch of a worker.
        size: height and width of the network's input.
        preprocessing: resize and crop.
        shard: index of this worker, and the number of workers, each of which takes its share.
    """
    batches = evaluation_batches(
        split, batch_size, size, preprocessing.crop, preprocessing.interpolation, shard
    )
    total_bytes = split.size * size[0] * size[1] * split.image_shape[2]
    return batches.cache() if total_bytes <= _MAX_CACHED_BYTES else batches
