"""Which position table a trained T2T-ViT needs at another resolution: the evidence.

The digits of scikit-learn are drawn at 96 x 96 pixels, so that a patch sees a quarter of a digit
and a digit is told by where its strokes lie. The soft splits and token mixers keep their initial
weights, and the blocks learn from what they give: that takes seconds instead of minutes.
"""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import keras_mixers as km
from keras_mixers.weights.resize import interpolate_positions

TRAINED = 96
GRIDS = {64: (4, 4), TRAINED: (6, 6), 144: (9, 9)}
# Strokes of one size only would make another resolution strange to the model in any case.
ZOOMS = (0.75, 1, 1.25)
EPOCHS, BATCH, LEARNING_RATE = 10, 64, 3e-3


def drawn(scans: np.ndarray, size: int) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.image.resize(scans, (size, size)))


def zoomed(scans: np.ndarray, zoom: float) -> np.ndarray:
    """Return images of TRAINED pixels with the scans `zoom` times as large, at random places."""
    rng = np.random.default_rng(0)
    size = round(TRAINED * zoom)
    margin = max(0, TRAINED - size)
    large = np.pad(
        drawn(scans, size), ((0, 0), (margin, margin), (margin, margin), (0, 0)), constant_values=-1
    )
    corners = rng.integers(0, abs(TRAINED - size) + 1, (len(scans), 2))
    return np.stack(
        [
            image[top : top + TRAINED, left : left + TRAINED]
            for image, (top, left) in zip(large, corners, strict=True)
        ]
    )


def build(size: int) -> keras.Model:
    return km.T2TViT(
        64,
        2,
        num_heads=2,
        include_preprocessing=False,
        input_shape=(size, size, 1),
        classes=10,
        classifier_activation=None,
    )


def train(model: keras.Model, scans: np.ndarray, labels: np.ndarray) -> None:
    tokens = model.get_layer("patch_embed").output
    stem, blocks = keras.Model(model.inputs, tokens), keras.Model(tokens, model.outputs)
    seen = [stem.predict(zoomed(scans, zoom), batch_size=BATCH, verbose=0) for zoom in ZOOMS]
    steps = EPOCHS * len(ZOOMS) * len(scans) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=LEARNING_RATE, warmup_steps=steps // 10
    )
    blocks.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    blocks.fit(np.concatenate(seen), np.tile(labels, len(ZOOMS)), BATCH, epochs=EPOCHS, verbose=0)


def with_weights_of(trained: keras.Model, size: int) -> keras.Model:
    """Return the model for another resolution, its table computed and all else as trained."""
    model = build(size)
    weights = {weight.path: weight for weight in trained.weights}
    for weight in model.weights:
        if weight.path != "position/table":
            weight.assign(weights[weight.path])
    return model


@pytest.mark.slow
def test_an_interpolated_table_loses_less_accuracy_than_a_computed_one() -> None:
    digits = load_digits()
    scans = (digits.images[..., np.newaxis] / 8 - 1).astype("float32")
    held_out = np.arange(len(scans)) % 5 == 0

    def accuracy(model: keras.Model, size: int) -> float:
        scores = model.predict(drawn(scans[held_out], size), batch_size=90, verbose=0)
        return float((scores.argmax(axis=1) == digits.target[held_out]).mean())

    trained = build(TRAINED)
    train(trained, scans[~held_out], digits.target[~held_out])
    learned = accuracy(trained, TRAINED)
    print(f"T2T-ViT on digits of {TRAINED} x {TRAINED} pixels, as trained: {learned:.1%}")
    assert learned >= 0.9
    table = keras.ops.convert_to_numpy(trained.get_layer("position").table)
    for size in (64, 144):
        model = with_weights_of(trained, size)
        computed = accuracy(model, size)
        model.get_layer("position").table.assign(
            interpolate_positions(table, GRIDS[TRAINED], GRIDS[size])
        )
        interpolated = accuracy(model, size)
        print(f"at {size} x {size}: table computed {computed:.1%}, interpolated {interpolated:.1%}")
        assert interpolated >= computed + 0.25
