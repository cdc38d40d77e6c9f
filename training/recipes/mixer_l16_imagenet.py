"""Mixer-L/16 on ImageNet-1k from scratch: 71.76 %, less than Mixer-B/16, for it overfits.

    keras-mixers train mixer_l16_imagenet --data-dir DIR

The paper's table 4 gives it the settings of Mixer-B/16. Not run here.
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
