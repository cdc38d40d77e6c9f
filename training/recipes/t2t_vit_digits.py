"""Trains a small T2T-ViT on scikit-learn's digits, offline and in seconds.

    keras-mixers train t2t_vit_digits

T2T-ViT's soft splits reduce each side by a factor of 16, so the scans are enlarged to 32 x 32
pixels, which gives 4 tokens. docs/training.md has the accuracy on the 364 held-out scans, with the
command that measures it.
"""

from dataclasses import replace

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from training.recipe import ModelSpec, Optimizer, Recipe
from training.recipes.shared_augmentations import DIGITS
from training.schedule_settings import WarmupCosine

RECIPE = Recipe(
    name="t2t_vit_digits",
    model=ModelSpec(
        "T2TViT",
        {"hidden_dim": 64, "depth": 2, "num_heads": 4, "mlp_ratio": 2.0},
        input_shape=(32, 32, 1),
        preprocessing=Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 1.0, "bilinear"),
    ),
    data="digits",
    epochs=40,
    batch_size=64,
    optimizer=Optimizer("adamw", weight_decay=0.05, clip_norm=1.0),
    schedule=WarmupCosine(peak=2e-3, warmup_share=0.2),
    augmentation=replace(DIGITS, pad=4),  # As 1 of 8 pixels is 4 of 32.
    label_smoothing=0.1,
)
