"""Trains ConvMixer-768/32 with ReLU on ImageNet-1k; published top-1: 80.16 %.

    keras-mixers train convmixer_768_32_imagenet --data-dir DIR

The network has patch size 7 and kernel size 7. The settings are those of ConvMixer-1536/20, but
with 300 epochs instead of 150, as the authors' README says. Not run here.
"""

from dataclasses import replace

from training.recipe import ModelSpec, Published
from training.recipes import convmixer_1536_20_imagenet

RECIPE = replace(
    convmixer_1536_20_imagenet.RECIPE,
    name="convmixer_768_32_imagenet",
    model=ModelSpec("convmixer_768_32"),
    epochs=300,
    published=Published(80.16, "mmpretrain's table of the authors' weights"),
)
