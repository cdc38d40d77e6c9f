"""Trains ConvMixer-1536/20 on ImageNet-1k; published top-1: 81.37 %.

    keras-mixers train convmixer_1536_20_imagenet --data-dir DIR

The settings are those of the authors' README, for Trockman and Kolter, "Patches Are All You Need?",
https://arxiv.org/abs/2201.09792. The authors trained in float16 for 150 epochs, on ten GPUs with 64
images each; here, the computation is in bfloat16. Not run here.
"""

from dataclasses import replace

from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.recipes.shared_augmentations import TIMM
from training.schedule_settings import OneCycle

RECIPE = Recipe(
    name="convmixer_1536_20_imagenet",
    model=ModelSpec("convmixer_1536_20"),
    data="tfds:imagenet2012",
    epochs=150,
    batch_size=640,
    # The README's command sets no weight decay; 2e-5 is the default of the script that it runs.
    optimizer=Optimizer(
        "adamw", weight_decay=2e-5, decayed="matrices", clip_norm=1.0, epsilon=1e-3
    ),
    schedule=OneCycle(peak=0.01),
    augmentation=replace(TIMM, mixup=0.5, cutmix=0.5),
    label_smoothing=0.1,
    precision="bfloat16",
    published=Published(81.37, "ConvMixer authors' README"),
)
