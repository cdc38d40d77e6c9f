"""Trains a small gMLP on scikit-learn's digits, offline and in seconds.

    keras-mixers train gmlp_digits

The network sees 16 patches of 2 x 2 pixels, for 40 epochs. Its depth and width are the best of
three choices, compared on a fifth of the training scans. docs/training.md has the accuracy on the
held-out scans, with the command that measures it.
"""

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from training.recipe import ModelSpec, Optimizer, Recipe
from training.recipes.shared_augmentations import DIGITS
from training.schedule_settings import WarmupCosine

RECIPE = Recipe(
    name="gmlp_digits",
    model=ModelSpec(
        "gMLP",
        {"hidden_dim": 64, "depth": 8, "patch_size": 2, "channels_mlp_dim": 128},
        input_shape=(8, 8, 1),
        preprocessing=Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 1.0, "bilinear"),
    ),
    data="digits",
    epochs=40,
    batch_size=64,
    optimizer=Optimizer("adamw", weight_decay=0.05, clip_norm=1.0),
    schedule=WarmupCosine(peak=3e-3, warmup_share=0.2),
    augmentation=DIGITS,
    label_smoothing=0.1,
)
