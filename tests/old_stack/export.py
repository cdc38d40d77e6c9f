"""Writes small SavedModels, and what the old stack must find in them.

Usage, in the development environment: python -m tests.old_stack.export FOLDER

For each family FOLDER gets the classifier `NAME`, its feature vector `NAME-feature-vector`, of the
same weights, and `NAME.npz` with what the Keras 3 model itself computes.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_mixers
from hub_export.saved_model.export import write_saved_model
from keras_mixers.models.heads import features_of, without_softmax
from tests.helpers.rounding import rounding_bound, roundings_in

SHAPE = (32, 32, 3)
OPTIONS = {"input_shape": SHAPE, "classes": 5}
L2 = keras.regularizers.L2(0.01)
MODELS = {
    "ConvMixer": lambda: keras_mixers.ConvMixer(8, 2, patch_size=4, kernel_size=3, **OPTIONS),
    "MLPMixer": lambda: keras_mixers.MLPMixer(8, 2, drop_rate=0.2, drop_path_rate=0.2, **OPTIONS),
    "T2TViT": lambda: keras_mixers.T2TViT(
        8, 2, num_heads=2, drop_rate=0.2, drop_path_rate=0.2, **OPTIONS
    ),
    "ViT": lambda: keras_mixers.ViT(
        8, 2, num_heads=2, distilled=True, drop_rate=0.2, drop_path_rate=0.2, **OPTIONS
    ),
    "ResMLP": lambda: keras_mixers.ResMLP(8, 2, drop_rate=0.2, drop_path_rate=0.2, **OPTIONS),
    "gMLP": lambda: keras_mixers.gMLP(8, 2, drop_rate=0.2, drop_path_rate=0.2, **OPTIONS),
}


def main(folder: Path) -> None:
    """Write the exports of all families into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        model = build(name)
        write_saved_model(model, folder / name)
        write_saved_model(features_of(model), folder / f"{name}-feature-vector")
        np.savez(folder / f"{name}.npz", **expected(model))


def build(name: str) -> keras.Model:
    """Return a model whose every weight has a value that the initialisers don't give."""
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    random = np.random.default_rng(0)
    for weight in model.weights:
        if "float" in weight.dtype:  # The others are the seeds of dropout.
            # More would drown the token mixers: the exponentials of a performer underflow.
            size = 0.05 if "token_mixer" in weight.path else 0.2
            weight.assign(weight + random.uniform(-size, size, weight.shape))
    if name == "ConvMixer":
        for weight in model.trainable_variables:
            if len(weight.shape) > 1:
                weight.regularizer = L2
    return model


def expected(model: keras.Model) -> dict[str, np.ndarray]:
    """Return images in [0, 1], what becomes of them, and the model's losses and variables.

    `rounding` is how far another TensorFlow may be from it, with none of them wrong.
    """
    squares = np.random.default_rng(1).random((4, 4, 4, 3), dtype="float32")
    images = squares.repeat(8, axis=1).repeat(8, axis=2)
    features = features_of(model)
    outputs = {
        "logits": np.asarray(without_softmax(model)(255 * images, training=False)),
        "features": np.asarray(features(255 * images, training=False)),
    }
    largest = max(outputs.values(), key=lambda numbers: np.abs(numbers).max())
    return {
        "images": images,
        **outputs,
        "rounding": np.array(rounding_bound(largest, roundings_in(model.weights))),
        "losses": np.array([float(loss) for loss in model.losses]),
        "features_losses": np.array([float(loss) for loss in features.losses]),
        "trainable": np.array(len(model.trainable_variables)),
        "features_trainable": np.array(len(features.trainable_variables)),
        "statistics": np.array(sum("moving_" in weight.path for weight in model.variables)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
