"""The pictures that `keras-mixers explain` draws of a model, and of what it makes of an image."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hub_export.exportable_model import ExportableModel, load_exportable_model
from hub_export.named_model import Form, find_model
from keras_mixers.inference import image_shape, read_pixels
from keras_mixers.run_files import read_preprocessing
from keras_mixers.visualize import (
    ReceptiveField,
    attention_rollout_figure,
    depthwise_figure,
    draw_fields,
    feature_maps_figure,
    grad_cam_figure,
    noise_images,
    patch_filters,
    shown_fields,
    token_mixing_figure,
)
from keras_mixers_cli.model_argument import check_model

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

_MOST_FILTERS = 96


@dataclass
class Subject:
    """A model to explain.

    Attributes:
        name: What stands beside its pictures.
        model: The model, which takes pixels in [0, 255].
        labels: Names of its classes, if known.
        images: Images as it takes them, (B, H, W, C), which may be none.
        block: Number of the block for Grad-CAM.
    """

    name: str
    model: "keras.Model"
    labels: list[str] | None
    images: np.ndarray
    block: int | None

    @cached_property
    def fields(self) -> list[ReceptiveField]:
        """The receptive fields of the blocks that are drawn, measured once."""
        images = self.images if len(self.images) else noise_images(self.images.shape[1:])
        return shown_fields(self.model, images)


class Picture(NamedTuple):
    """A picture: whether there is one an image, and what draws it."""

    needs_image: bool
    draw: Callable[[Subject, int], "Figure"]


PICTURES = {
    "filters": Picture(False, lambda it, _: patch_filters(it.model, 12, _MOST_FILTERS)),
    "token-mixing": Picture(False, lambda it, _: token_mixing_figure(it.model)),
    "depthwise": Picture(False, lambda it, _: depthwise_figure(it.model)),
    "receptive-field": Picture(False, lambda it, _: draw_fields(it.fields)),
    "feature-maps": Picture(True, lambda it, i: feature_maps_figure(it.model, it.images[i])),
    "attention": Picture(
        True, lambda it, i: attention_rollout_figure(it.model, it.images[i], it.labels)
    ),
    "grad-cam": Picture(
        True, lambda it, i: grad_cam_figure(it.model, it.images[i], it.labels, it.block)
    ),
}


def open_subject(
    name: str, weights: str | None, images: list[Path], size: int | None, block: int | None
) -> Subject:
    """Open a model, and read the images as it takes them.

    Args:
        name: A run's folder, a `.keras` file or a variant's name.
        weights: Weights of a variant; ignored for other models.
        images: Image files.
        size: Height and width of images, if the model takes any.
        block: Number of the block for Grad-CAM.

    Raises:
        UsageError: If a variant comes without weights.
        FileNotFoundError: If there is no such model or image.
        ValueError: If one can't be read.
    """
    origin = _open_model(name, weights)
    height, width, _ = origin.model.inputs[0].shape[1:]
    # With several models, the size is for those that take any.
    shape = image_shape(origin.model, size if None in (height, width) else None)
    found = find_model(name)
    folder = found.file().parent if found.form is Form.HUB else found.path
    preprocessing = read_preprocessing(folder)
    pixels = [read_pixels(path, origin.model, shape, preprocessing) for path in images]
    stacked = np.stack(pixels) if pixels else np.zeros((0, *shape))
    return Subject(Path(name).name, origin.model, origin.labels, stacked, block)


def _open_model(name: str, weights: str | None) -> ExportableModel:
    own_weights = weights if find_model(name).form is Form.VARIANT else None
    check_model(name, own_weights, keras=True)
    return load_exportable_model(name, own_weights)
