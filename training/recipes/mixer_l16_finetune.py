"""Fine-tunes Mixer-L/16, pretrained on ImageNet-1k, on CIFAR-10; published top-1: 96.59 %.

    keras-mixers train mixer_l16_finetune
    keras-mixers train mixer_l16_finetune --weights imagenet21k

The settings are those of Mixer-B/16. From ImageNet-21k, the authors' code reached 98.34 %. Not run
here.
"""

from dataclasses import replace

from training.recipe import Published
from training.recipes import mixer_b16_finetune

RECIPE = replace(
    mixer_b16_finetune.RECIPE,
    name="mixer_l16_finetune",
    model=replace(mixer_b16_finetune.RECIPE.model, name="mixer_l16"),
    published=Published(96.59, "vision_transformer's README"),
)
