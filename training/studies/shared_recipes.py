"""Recipes that studies start from: networks of about 60,000 parameters, trained in a minute."""

from dataclasses import replace

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from training.augment.settings import Augmentation
from training.recipe import ModelSpec, Optimizer, Recipe
from training.recipes import convmixer_digits
from training.schedule_settings import WarmupCosine

PREPROCESSING = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 1.0, "bilinear")

# The images of 28 x 28 pixels are enlarged to 32 x 32, which patches of 2, 4, 8 and 16 pixels fill.
# Each is shifted by up to 4 pixels and never flipped.
MNIST5K = Recipe(
    name="mnist5k",
    model=ModelSpec(
        "ConvMixer",
        {"hidden_dim": 64, "depth": 9, "patch_size": 4, "kernel_size": 5},
        input_shape=(32, 32, 1),
        preprocessing=PREPROCESSING,
    ),
    data="mnist5k",
    epochs=15,
    batch_size=64,
    optimizer=Optimizer("adamw", weight_decay=0.05, clip_norm=1.0),
    schedule=WarmupCosine(peak=3e-3, warmup_share=0.2),
    augmentation=Augmentation(policy="reference", crop="pad", pad=4, flip=0.0),
    label_smoothing=0.1,
)

# The random numbers of the "reference" policy can be saved: a run that is stopped ends as if it had
# never been.
DIGITS = replace(
    convmixer_digits.RECIPE,
    name="digits",
    augmentation=replace(convmixer_digits.RECIPE.augmentation, policy="reference"),
)

# What each of the studies below can't say.
LIMITS = (
    "The images are few, small and of digits; nothing follows for photographs.",
    "Nothing was tuned: the learning rate, the number of epochs and the augmentation are the same "
    "for all arms, which suits some better than others.",
    "The networks are small; what is best may change with size.",
)
