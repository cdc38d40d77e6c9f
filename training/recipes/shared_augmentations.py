"""Augmentations that several recipes share."""

from training.augment.settings import Augmentation

# The usual settings of timm. Recipes add mixup and cutmix: 0.5 and 0.5 for ConvMixer, 0.8 and 1.0
# for T2T-ViT, DeiT, ResMLP and gMLP, as their authors do.
TIMM = Augmentation(
    policy="reference",
    crop="random_resized",
    interpolation="random",
    rand_layers=2,
    rand_magnitude=9.0,
    rand_magnitude_std=0.5,
    rand_probability=0.5,
    erase=0.25,
)

# Shifts the 8 x 8 pixels of a digit by up to one pixel in each direction, and never flips them.
DIGITS = Augmentation(policy="keras_cv", crop="pad", pad=1, flip=0.0)
