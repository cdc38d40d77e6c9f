"""Trains Mixer-L/16 on ImageNet-1k from scratch; published top-1: 71.76 %.

    keras-mixers train mixer_l16_imagenet --data-dir DIR

The settings are those of Mixer-B/16, as in table 4 of the paper. The network overfits, so its
accuracy is lower than that of Mixer-B/16. Not run here.
"""

from dataclasses import replace

from training.recipe import Published
from training.recipes import mixer_b16_imagenet

RECIPE = replace(
    mixer_b16_imagenet.RECIPE,
    name="mixer_l16_imagenet",
    model=replace(mixer_b16_imagenet.RECIPE.model, name="mixer_l16"),
    published=Published(71.76, "MLP-Mixer paper, table 3"),
)
