"""Trains T2T-ViT on ImageNet-1k, in nine sizes; published top-1: 71.7 to 82.6 %.

    keras-mixers train t2t_vit_14_imagenet --data-dir DIR

The settings are those of the commands in the authors' README, for Yuan et al.,
https://arxiv.org/abs/2101.11986: eight GPUs, a batch size of 512, and 300 epochs followed by ten at
the lowest learning rate. The moving average of the weights is what is evaluated. The authors also
trained T2T-ViT-14 on four GPUs, with `--schedule.peak 1e-3`. Their mixed precision, which is
optional and turned some of their runs into NaN, is not used. Not run here.

| recipe | learning rate | weight decay | published top-1, % |
|---|---|---|---|
| t2t_vit_7_imagenet | 1e-3 | 0.03 | 71.7 |
| t2t_vit_10_imagenet | 1e-3 | 0.03 | 75.2 |
| t2t_vit_12_imagenet | 1e-3 | 0.03 | 76.5 |
| t2t_vit_14_imagenet | 5e-4 | 0.05 | 81.5 |
| t2t_vit_19_imagenet | 5e-4 | 0.065 | 81.9 |
| t2t_vit_24_imagenet | 5e-4 | 0.065 | 82.3 |
| t2t_vit_t_14_imagenet | 5e-4 | 0.05 | 81.7 |
| t2t_vit_t_19_imagenet | 5e-4 | 0.065 | 82.4 |
| t2t_vit_t_24_imagenet | 5e-4 | 0.065 | 82.6 |
"""

from dataclasses import replace

from keras_mixers.catalogue import model_info
from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.recipes.shared_augmentations import TIMM
from training.schedule_settings import EpochCosine


def _recipe(variant: str, peak: float, weight_decay: float) -> Recipe:
    return Recipe(
        name=f"{variant}_imagenet",
        model=ModelSpec(variant, drop_path_rate=0.1),
        data="tfds:imagenet2012",
        epochs=310,
        batch_size=512,
        optimizer=Optimizer("adamw", weight_decay=weight_decay, decayed="matrices"),
        schedule=EpochCosine(
            peak, minimum=1e-5, warmup_epochs=10, warmup_start=1e-6, cooldown_epochs=10
        ),
        augmentation=replace(TIMM, mixup=0.8, cutmix=1.0),
        label_smoothing=0.1,
        ema=0.99996,
        published=Published(model_info(variant).top1, "T2T-ViT authors' README"),
    )


RECIPES = (
    _recipe("t2t_vit_7", 1e-3, 0.03),
    _recipe("t2t_vit_10", 1e-3, 0.03),
    _recipe("t2t_vit_12", 1e-3, 0.03),
    _recipe("t2t_vit_14", 5e-4, 0.05),
    _recipe("t2t_vit_19", 5e-4, 0.065),
    _recipe("t2t_vit_24", 5e-4, 0.065),
    _recipe("t2t_vit_t_14", 5e-4, 0.05),
    _recipe("t2t_vit_t_19", 5e-4, 0.065),
    _recipe("t2t_vit_t_24", 5e-4, 0.065),
)
