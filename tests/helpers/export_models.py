"""Small classifiers of each family, for the tests of exports."""

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow_hub

import keras_mixers
from hub_export.saved_model.export import write_saved_model
from keras_mixers.models.heads import features_of
from tests.backends.compute import set_weights
from tests.helpers.rounding import assert_close, roundings_in

SHAPE = (32, 32, 3)
LABELS = ["tench", "shark", "ray", "cock", "hen"]
PENALTY = 0.01


def conv_mixer(depth: int = 1, **options: object) -> keras.Model:
    options = {"classes": 5, "input_shape": SHAPE, **options}
    return keras_mixers.ConvMixer(8, depth, patch_size=4, kernel_size=3, **options)


def mlp_mixer(**options: object) -> keras.Model:
    """Return a Mixer of two blocks: the last one's stochastic depth has a rate above 0."""
    options = {"drop_rate": 0.5, "drop_path_rate": 0.5, **options}
    return keras_mixers.MLPMixer(8, 2, input_shape=SHAPE, classes=5, **options)


def t2t_vit() -> keras.Model:
    return keras_mixers.T2TViT(8, 1, num_heads=2, input_shape=SHAPE, classes=5, drop_rate=0.5)


_RELATIVE = {"patch_size": 8, "input_shape": SHAPE, "classes": 5, "drop_rate": 0.5}
_VIT = partial(keras_mixers.ViT, 8, 1, num_heads=2, **_RELATIVE)
MODELS: dict[str, Callable[..., keras.Model]] = {
    "ConvMixer": conv_mixer,
    "MLPMixer": mlp_mixer,
    "T2TViT": t2t_vit,
    "ViT": _VIT,
    "ViT average": partial(_VIT, class_token=False),
    "ViT distilled": partial(_VIT, distilled=True),
    "ResMLP": partial(keras_mixers.ResMLP, 8, 1, initial_scale=0.5, **_RELATIVE),
    "gMLP": partial(keras_mixers.gMLP, 8, 1, **_RELATIVE),
}
# Of the ViTs the distilled one has all that the others have, but the average; and what ResMLP and
# gMLP have beside MLP-Mixer are two layers.
SLOW = ("ViT", "ViT average", "ResMLP", "gMLP")
every_model = [
    pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in MODELS
]


def images_up_to_one(count: int, seed: int = 0) -> np.ndarray:
    """Return images (count, *SHAPE) in [0, 1], each of another brightness: the scores differ."""
    noise = np.random.default_rng(seed).random((count, *SHAPE), dtype="float32")
    return noise * np.linspace(0.1, 1, count, dtype="float32").reshape(-1, 1, 1, 1)


def perturb(model: keras.Model) -> None:
    """Give every weight another value: heads and running statistics start at zeros and ones."""
    set_weights(model, np.random.default_rng(0))


def perturbed(family: str) -> keras.Model:
    """Return a family's classifier, the same each time, with a penalty on its head's kernels."""
    keras.utils.set_random_seed(0)
    model = MODELS[family]()
    perturb(model)
    penalise_head(model)
    return model


def head_kernels(model: keras.Model) -> list[keras.Variable]:
    """Return the kernel of a classifier's head, or those of both heads of a distilled one."""
    return [w for w in model.get_layer("head").trainable_weights if w.path.endswith("kernel")]


def penalise_head(model: keras.Model) -> None:
    for kernel in head_kernels(model):
        kernel.regularizer = keras.regularizers.L2(PENALTY)


def copy_of(model: keras.Model) -> keras.Model:
    """Return a copy that may be trained, whose dropout draws what the model's would."""
    copy = keras.models.clone_model(model)
    for variable, original in zip(copy.variables, model.variables, strict=True):
        variable.assign(original)
    return copy


def assert_same(found: object, expected: object, model: keras.Model) -> None:
    """Assert that a model's outputs are the expected ones, but for rounding."""
    assert_close(found, expected, roundings_in(model.weights))


class Export:
    """A model and its SavedModel, which many tests look at and none changes.

    Attributes:
        model: what was exported.
        path: the SavedModel's folder.
    """

    def __init__(self, model: keras.Model, path: Path, labels: list[str] | None = None) -> None:
        self.model, self.path = model, path
        write_saved_model(model, path, labels)
        self._before = self._state()

    @cached_property
    def loaded(self) -> object:
        """The SavedModel as TensorFlow Hub loads it, for tests that only infer."""
        return tensorflow_hub.load(str(self.path))

    @property
    def changed(self) -> bool:
        return self._state() != self._before

    def _state(self) -> list[bytes]:
        return [variable.numpy().tobytes() for variable in self.model.variables]


class Exports:
    """One export of each kind, written into a folder when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.written: dict[str, Export] = {}
        self._folder = folder

    def __getitem__(self, kind: str) -> Export:
        """Return the export of a family's classifier, of "features", or of "any size"."""
        if kind not in self.written:
            model = self._model(kind)
            labels = LABELS if kind in MODELS else None
            self.written[kind] = Export(model, self._folder / kind.replace(" ", "-"), labels)
        return self.written[kind]

    def _model(self, kind: str) -> keras.Model:
        if kind == "features":
            return features_of(self["ConvMixer"].model)
        if kind == "any size":
            model = conv_mixer(input_shape=(None, None, 3), classifier_activation="sigmoid")
            perturb(model)
            return model
        return perturbed(kind)
