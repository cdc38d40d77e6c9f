"""Trains gMLP-S on ImageNet-1k; published top-1: 79.6 %.

    keras-mixers train gmlp_s16_imagenet --data-dir DIR

The settings are those of Liu et al., https://arxiv.org/abs/2105.08050, table 7, as quoted by
others: 300 epochs with a batch size of 4096, and 10,000 steps of warm-up. The authors' code isn't
public, and the paper doesn't say how images are cropped. One thing differs: the authors augment
with AutoAugment, whose policy they don't name; here, RandAugment takes its place, as in DeiT. Not
run here.
"""

from dataclasses import replace

from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.recipes.shared_augmentations import TIMM
from training.schedule_settings import WarmupCosine

_STEPS_PER_EPOCH = 1_281_167 // 4096

RECIPE = Recipe(
    name="gmlp_s16_imagenet",
    # A survival probability of 0.95.
    model=ModelSpec("gmlp_s16", drop_path_rate=0.05),
    data="tfds:imagenet2012",
    epochs=300,
    batch_size=4096,
    optimizer=Optimizer("adamw", weight_decay=0.05, decayed="kernels", clip_norm=1.0, epsilon=1e-6),
    schedule=WarmupCosine(peak=1e-3, warmup_share=10_000 / (300 * _STEPS_PER_EPOCH)),
    augmentation=replace(TIMM, interpolation="bicubic", erase=0.0, mixup=0.8, cutmix=1.0),
    label_smoothing=0.1,
    precision="bfloat16",
    published=Published(79.6, "gMLP paper"),
)
