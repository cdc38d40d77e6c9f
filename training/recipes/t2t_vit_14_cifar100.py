"""Fine-tunes T2T-ViT-14, pretrained on ImageNet-1k, on CIFAR-100; published top-1: 88.4 %.

    keras-mixers train t2t_vit_14_cifar100

The settings are those for CIFAR-10. Not run here.
"""

from dataclasses import replace

from training.recipe import Published
from training.recipes import t2t_vit_14_cifar10

RECIPE = replace(
    t2t_vit_14_cifar10.RECIPE,
    name="t2t_vit_14_cifar100",
    data="tfds:cifar100",
    published=Published(88.4, "T2T-ViT authors' README"),
)
