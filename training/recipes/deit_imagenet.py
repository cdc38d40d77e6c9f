"""Trains DeiT-Ti and DeiT-S on ImageNet-1k, without distillation; published top-1: 72.2 and 79.9 %.

    keras-mixers train deit_s16_imagenet --data-dir DIR

The settings are those of the two commands in the authors' `README_deit.md`, for Touvron et al.,
https://arxiv.org/abs/2012.12877, with the defaults of their `main.py`: four GPUs with 256 images
each, a learning rate of 5e-4 for every 512 images, and 300 epochs, since the ten epochs of
cool-down that it mentions are never run. Each epoch sees a third of the images, three times each.
`main.py` sets an epoch's learning rate only after the epoch, which is `lag_epochs`; and it keeps a
moving average of the weights but evaluates the weights themselves, as is done here. It computes in
float16 where it can; here, the computation is in bfloat16. Not run here.

| recipe | published top-1, % |
|---|---|
| deit_ti16_imagenet | 72.2 |
| deit_s16_imagenet | 79.9 |
"""

from dataclasses import replace

from keras_mixers.catalogue import model_info
from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.recipes.shared_augmentations import TIMM
from training.schedule_settings import EpochCosine


def _recipe(variant: str) -> Recipe:
    return Recipe(
        name=f"{variant}_imagenet",
        model=ModelSpec(
            variant,
            drop_path_rate=0.1,
            # `main.py` evaluates a crop of 224 of 256 pixels; timm, one of 0.9.
            preprocessing=Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.875),
        ),
        data="tfds:imagenet2012",
        epochs=300,
        batch_size=1024,
        optimizer=Optimizer("adamw", weight_decay=0.05, decayed="matrices"),
        schedule=EpochCosine(1e-3, minimum=1e-5, warmup_epochs=5, warmup_start=1e-6, lag_epochs=1),
        augmentation=replace(TIMM, interpolation="bicubic", mixup=0.8, cutmix=1.0),
        label_smoothing=0.1,
        precision="bfloat16",
        mix_slices=4,
        repeats=3,
        published=Published(model_info(variant).top1, "DeiT authors' README"),
    )


RECIPES = (_recipe("deit_ti16"), _recipe("deit_s16"))
