"""Trains a small ViT on scikit-learn's digits, offline and in a few minutes.

    keras-mixers train vit_digits

The network sees 16 patches of 2 x 2 pixels, for 120 epochs. It needs the most epochs of all: its
weights start small, and it has to learn where a patch is. Depth, number of epochs, learning rate,
and the class token instead of an average are the best of seven choices, compared on a fifth of the
training scans. docs/training.md has the accuracy on the held-out scans, with the command that
measures it.
"""

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from training.recipe import ModelSpec, Optimizer, Recipe
from training.recipes.shared_augmentations import DIGITS
from training.schedule_settings import WarmupCosine

RECIPE = Recipe(
    name="vit_digits",
    model=ModelSpec(
        "ViT",
        {"hidden_dim": 64, "depth": 4, "patch_size": 2, "num_heads": 4, "mlp_ratio": 2.0},
        input_shape=(8, 8, 1),
        preprocessing=Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 1.0, "bilinear"),
    ),
    data="digits",
    epochs=120,
    batch_size=64,
    optimizer=Optimizer("adamw", weight_decay=0.05, clip_norm=1.0),
    schedule=WarmupCosine(peak=3e-3, warmup_share=0.2),
    augmentation=DIGITS,
    label_smoothing=0.1,
)
