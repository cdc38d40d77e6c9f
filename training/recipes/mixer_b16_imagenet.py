"""Trains Mixer-B/16 on ImageNet-1k from scratch; published top-1: 76.44 %.

    keras-mixers train mixer_b16_imagenet --data-dir DIR

The settings are those of Tolstikhin et al., https://arxiv.org/abs/2105.01601, as in Big Vision's
`configs/mlp_mixer_i1k.py`: 300 epochs with a batch size of 4096, in 2 h 11 min on a TPU v3-128, to
76.3 %. The learning rate ends at 1e-5 times its peak, because Big Vision's schedules are factors.
Two things differ here: Big Vision holds out 1 % of the training images for validation, and doesn't
rescale the branches that its stochastic depth keeps. Not run here.
"""

from training.augment.settings import Augmentation
from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.schedule_settings import WarmupLinear

RECIPE = Recipe(
    name="mixer_b16_imagenet",
    model=ModelSpec("mixer_b16", {"activation": "gelu_tanh"}, drop_path_rate=0.1),
    data="tfds:imagenet2012",
    epochs=300,
    batch_size=4096,
    optimizer=Optimizer("adamw", weight_decay=0.1, decayed="kernels", clip_norm=1.0),
    schedule=WarmupLinear(peak=1e-3, warmup_steps=10_000, end=1e-8),
    augmentation=Augmentation(
        policy="reference",
        crop="inception",
        crop_scale=(0.05, 1.0),
        interpolation="bilinear",
        rand_layers=2,
        rand_operations="google",
        rand_magnitude=15.0,
        mixup=0.5,
    ),
    loss="sigmoid",
    head_bias=-6.9,
    precision="bfloat16",
    published=Published(76.44, "MLP-Mixer paper, table 3; 76.3 in Big Vision's configuration"),
)
