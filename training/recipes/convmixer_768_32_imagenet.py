"""ConvMixer-768/32 (ReLU, patch 7, kernel 7) on ImageNet-1k: 80.16 %.

    keras-mixers train convmixer_768_32_imagenet --data-dir DIR

The settings of ConvMixer-1536/20 with 300 epochs instead of 150, as the authors' README says.
Not run here.
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
