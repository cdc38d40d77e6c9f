"""Runs the small models on the backend of this process and writes what they compute.

Usage: KERAS_BACKEND=jax python -m tests.backends.compute FOLDER [FOLDER_OF_ANOTHER_BACKEND]
"""

import sys
from pathlib import Path

import keras
import numpy as np

import keras_mixers
from keras_mixers.layers import DropPath, TokenPerformer, TokenTransformer, TransformerBlock
from keras_mixers.visualize import attention_rollout, feature_maps, grad_cam, receptive_fields
from tests.helpers.backend_gradients import PAIRS, draw, gradients
from tests.helpers.rounding import roundings_in
from tests.helpers.tiny_models import BUILDERS, SHAPE, build
from tests.keras_mixers.weights.golden import DATA, GOLDEN, reference
from tests.keras_mixers.weights.golden import build as build_golden

Arrays = dict[str, np.ndarray]


def main(folder: Path, other: Path | None = None) -> None:
    """Write `arrays.npz` and one `.keras` file a model into `folder`; read those of `other`."""
    arrays = {
        f"{name}/{key}": a for name in BUILDERS for key, a in run(name, folder, other).items()
    }
    for name in GOLDEN:
        model = build_golden(name)
        keras_mixers.load_checkpoint(model, DATA / name)
        arrays[f"golden/{name}"] = logits(model, reference(name).images)
        arrays[f"golden/{name}/roundings"] = np.array(roundings_in(model.weights))
    arrays.update(layers_alone())
    for name, pair in PAIRS.items():
        for side in ("own", "backends"):
            found = gradients(getattr(pair, side), draw(pair))
            arrays.update({f"gradients/{name}/{side}/{i}": a for i, a in enumerate(found)})
    arrays["backend"] = np.array(keras.backend.backend())
    arrays["modules"] = np.array(sorted(name for name in sys.modules if "." not in name))
    np.savez(folder / "arrays.npz", **arrays)


def run(name: str, folder: Path, other: Path | None) -> Arrays:
    """Return the logits of one small model: built, loaded, and after a step of training."""
    model, images = model_and_images(name)
    arrays = {"logits": logits(model, images), "roundings": np.array(roundings_in(model.weights))}
    model.save(folder / f"{name}.keras")
    arrays.update(pictures(model, images))
    arrays["loaded"] = logits(keras.saving.load_model(folder / f"{name}.keras"), images)
    if other is not None:
        arrays["of_other"] = logits(keras.saving.load_model(other / f"{name}.keras"), images)
    model.compile(
        keras.optimizers.AdamW(1e-3, weight_decay=0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    arrays["loss"] = np.array(model.train_on_batch(images, np.arange(4)), "float32")
    arrays["trained"] = logits(model, images)
    return arrays


def pictures(model: keras.Model, images: np.ndarray) -> Arrays:
    """Return what the pictures of a model show, in units of the largest number of each."""
    found = {
        "grad_cam": grad_cam(model, images, block=0, classes=[0, 1, 2, 3]),
        "receptive_field": receptive_fields(model, images[:1], blocks=[1])[0].field,
        "feature_maps": feature_maps(model, images)[1],
    }
    if any(isinstance(layer, TransformerBlock) for layer in model.layers):
        found["attention_rollout"] = attention_rollout(model, images)
    # What is added up in float64 was computed in float32.
    return {
        f"pictures/{name}": (array / np.abs(array).max()).astype("float32")
        for name, array in found.items()
    }


def layers_alone() -> Arrays:
    """Return what the models leave out: outputs under a mask, and what DropPath drops."""
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(2, 5, 6)), rng.uniform(size=(2, 5)) > 0.4
    arrays = {}
    for layer in (TokenTransformer(4), TokenPerformer(4), TransformerBlock(2)):
        layer.build(x.shape)
        set_weights(layer, rng)
        arrays[f"masked/{layer.name}"] = keras.ops.convert_to_numpy(layer(x, mask=mask))
        arrays[f"roundings/{layer.name}"] = np.array(roundings_in(layer.weights))
    dropped = DropPath(0.5, seed=0)(np.ones((64, 2, 3)), training=True)
    return {**arrays, "drop_path": keras.ops.convert_to_numpy(dropped)}


def model_and_images(name: str) -> tuple[keras.Model, np.ndarray]:
    """Return a small model with random weights, and four images of different brightness."""
    rng = np.random.default_rng(0)
    brightness = np.array([64, 128, 192, 255]).reshape(4, 1, 1, 1)
    images = (rng.uniform(0, 1, (4, *SHAPE)) * brightness).astype("float32")
    model = build(name, classifier_activation=None)
    set_weights(model, rng)
    return model, images


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def set_weights(model: keras.layers.Layer, rng: np.random.Generator) -> None:
    """Give every weight but a fixed position table a random value, in the order of the model."""
    for weight in model.weights:
        path, shape = weight.path, weight.shape
        if path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 1.5, shape))
        elif path.endswith("random_features"):
            weight.assign(rng.normal(0, 0.7, shape))
        elif path.endswith("kernel"):
            # The exponentials of the Performer need short keys and queries.
            gain = 0.25 if "kqv" in path else 1
            weight.assign(rng.normal(0, gain / np.sqrt(np.prod(shape[:-1])), shape))
        elif weight.trainable or not path.endswith("table"):  # A fixed table is computed.
            weight.assign(rng.normal(0, 0.1, shape))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
