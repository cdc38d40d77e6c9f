"""Trains a small ConvMixer on scikit-learn's digits, offline and in seconds.

    keras-mixers train convmixer_digits

The 1,433 training scans of 8 x 8 pixels are each shifted by up to one pixel, for 20 epochs.
docs/training.md has the accuracy on the 364 held-out scans, with the command that measures it.
"""

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from training.recipe import ModelSpec, Optimizer, Recipe
from training.recipes.shared_augmentations import DIGITS
from training.schedule_settings import WarmupCosine

RECIPE = Recipe(
    name="convmixer_digits",
    model=ModelSpec(
        "ConvMixer",
        {"hidden_dim": 64, "depth": 4, "patch_size": 1, "kernel_size": 5},
        input_shape=(8, 8, 1),
        preprocessing=Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 1.0, "bilinear"),
    ),
    data="digits",
    epochs=20,
    batch_size=64,
    optimizer=Optimizer("adamw", weight_decay=0.05, clip_norm=1.0),
    schedule=WarmupCosine(peak=0.01, warmup_share=0.2),
    augmentation=DIGITS,
    label_smoothing=0.1,
)
