"""What several recipes do to training images."""

from training.augment.settings import Augmentation

# timm's usual policy; ConvMixer's authors mix with 0.5 and 0.5, T2T-ViT's with 0.8 and 1.0.
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

# A pixel up, down, left or right, of the 8 x 8 of a digit; nothing is mirrored.
DIGITS = Augmentation(policy="keras_cv", crop="pad", pad=1, flip=0.0)
