"""The images of a recipe: found, checked, and as batches."""

from pathlib import Path

import tensorflow as tf

from keras_mixers.catalogue import list_models, model_info
from training.augment import make_policy
from training.data import Data, evaluation_batches, open_data, train_batches
from training.distributed.cluster import ALONE, Cluster
from training.errors import RecipeError
from training.loop.network import evaluation_preprocessing
from training.recipe import Recipe

_SOFT_SPLIT = 7  # Side of the first patches of T2T-ViT.
_CACHED_BYTES = 1 << 28


def open_inputs(recipe: Recipe, data_dir: str | Path | None = None) -> Data:
    """Open a recipe's data.

    Args:
        recipe: its `data` and `model` count.
        data_dir: of tensorflow-datasets; None: its usual one.

    Raises:
        DataError: if the data can't be had, or have images smaller than a patch.
        RecipeError: if they have not as many channels as the network.

    >>> from training.recipes import find_recipe
    >>> open_inputs(find_recipe("convmixer_digits")).num_classes
    10
    """
    channels = recipe.model.input_shape[2]
    data = open_data(
        recipe.data,
        data_dir,
        min_side=_patch(recipe),
        channels=channels if channels in (1, 3) else 3,
    )
    found = data.train.image_shape[2]
    if found != channels:
        raise RecipeError(
            f"{data.address} has images of {found} channels, and the network of {recipe.name} "
            f"takes {channels}; change the last number of ModelSpec.input_shape to {found}."
        )
    return data


def training_batches(
    recipe: Recipe, data: Data, start_step: int = 0, cluster: Cluster = ALONE
) -> tf.data.Dataset:
    """Return augmented batches (images, labels (B, classes)) without end.

    Args:
        recipe: what is done to the images.
        data: from `open_inputs`.
        start_step: the first batch to return.
        cluster: of the run; a worker decodes its own share of each batch.
    """
    height, width, channels = recipe.model.input_shape
    how = evaluation_preprocessing(recipe)
    mean: tuple[float, ...] = how.mean
    std: tuple[float, ...] = how.std
    if channels == 1:  # As the network's own normalisation has it.
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    policy = make_policy(recipe.augmentation, (height, width), mean, std)
    return train_batches(
        data.train,
        recipe.batch_size,
        recipe.seed,
        start_step,
        map_image=policy.image,
        map_batch=policy.batch,
        shard=(cluster.index, cluster.size),
        parts=recipe.mix_slices,
    )


def validation_batches(recipe: Recipe, data: Data, cluster: Cluster = ALONE) -> tf.data.Dataset:
    """Return batches (images, labels (B,)) to measure with; few images stay in memory.

    Args:
        recipe: its evaluation's resize and crop.
        data: from `open_inputs`.
        cluster: of the run; a worker measures with its own share of the images.
    """
    height, width, channels = recipe.model.input_shape
    how = evaluation_preprocessing(recipe)
    batches = evaluation_batches(
        data.validation,
        recipe.batch_size // recipe.accumulate // cluster.size,
        (height, width),
        how.crop,
        how.interpolation,
        shard=(cluster.index, cluster.size),
    )
    few = data.validation.size * height * width * channels <= _CACHED_BYTES
    return batches.cache() if few else batches


def _patch(recipe: Recipe) -> int:
    """Return the side of the patches that the network cuts its input into first."""
    spec = recipe.model
    arguments = dict(spec.arguments)
    if spec.name in list_models():
        arguments = {**model_info(spec.name).arguments, **arguments}
    patch = arguments.get("patch_size", _SOFT_SPLIT)
    return patch if isinstance(patch, int) else 1
