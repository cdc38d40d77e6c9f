"""Trains ConvMixer-256/8 (patch size 2, kernel size 5) on CIFAR-10; published top-1: 92.60 %.

    keras-mixers train convmixer_256_8_cifar10
    keras-mixers train convmixer_256_8_cifar10_100_epochs

The recipes are the two commands of https://github.com/locuslab/convmixer-cifar10. Its README gives
92.60 % after 25 epochs of 42.5 s each on an RTX 2080 Ti, and "over 94 %" for the 100 epochs of the
second command. It applies weight decay to all variables and trains in float16, instead of bfloat16
as here. Not run here.
"""

from dataclasses import replace

from training.augment.settings import Augmentation
from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.schedule_settings import OneCycle

RECIPE = Recipe(
    name="convmixer_256_8_cifar10",
    model=ModelSpec("convmixer_256_8_p2_k5", input_shape=(32, 32, 3)),
    data="tfds:cifar10",
    epochs=25,
    batch_size=512,
    optimizer=Optimizer("adamw", weight_decay=0.005, decayed="all"),
    schedule=OneCycle(peak=0.05),
    augmentation=Augmentation(
        policy="reference",
        crop="random_resized",
        crop_scale=(1.0, 1.0),
        crop_ratio=(1.0, 1.0),
        rand_layers=2,
        rand_operations="torchvision",
        rand_magnitude=12.0,
        erase_fill="mean",
    ),
    precision="bfloat16",
    published=Published(92.60, "convmixer-cifar10's README"),
)

LONGER = replace(
    RECIPE,
    name="convmixer_256_8_cifar10_100_epochs",
    epochs=100,
    augmentation=replace(RECIPE.augmentation, color_jitter=0.2, erase=0.2),
    published=Published(None, "convmixer-cifar10's README: over 94 %"),
)
