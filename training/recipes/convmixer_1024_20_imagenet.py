"""Trains ConvMixer-1024/20 (patch size 14, kernel size 9) on ImageNet-1k; published top-1: 76.94 %.

    keras-mixers train convmixer_1024_20_imagenet --data-dir DIR

The authors released the weights of this network, but not its training command. The recipe uses the
settings of ConvMixer-1536/20; that 150 epochs are right could not be confirmed. Not run here.
"""

from dataclasses import replace

from training.recipe import ModelSpec, Published
from training.recipes import convmixer_1536_20_imagenet

RECIPE = replace(
    convmixer_1536_20_imagenet.RECIPE,
    name="convmixer_1024_20_imagenet",
    model=ModelSpec("convmixer_1024_20_p14"),
    published=Published(76.94, "mmpretrain's table of the authors' weights"),
)
