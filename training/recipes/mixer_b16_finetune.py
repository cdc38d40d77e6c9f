"""Fine-tunes Mixer-B/16, pretrained on ImageNet-1k, on CIFAR-10; published top-1: 96.72 %.

    keras-mixers train mixer_b16_finetune
    keras-mixers train mixer_b16_finetune --data folder:/my/images --epochs 20

The settings are the paper's, with the defaults of
https://github.com/google-research/vision_transformer: 10,000 steps (103 epochs here) with 512
images of 224 x 224 pixels, including 500 steps of warm-up, and a new head that starts at zero. One
thing differs: momentum is kept in float32 instead of bfloat16. Not run here.
"""

from keras_mixers.catalogue.preprocessing import Preprocessing
from training.augment.settings import Augmentation
from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.schedule_settings import WarmupCosine

RECIPE = Recipe(
    name="mixer_b16_finetune",
    model=ModelSpec(
        "mixer_b16",
        preprocessing=Preprocessing((0.5,) * 3, (0.5,) * 3, crop=1.0, interpolation="bilinear"),
    ),
    data="tfds:cifar10",
    epochs=103,
    batch_size=512,
    optimizer=Optimizer("sgd", momentum=0.9, clip_norm=1.0),
    schedule=WarmupCosine(peak=0.03, warmup_share=0.05),
    augmentation=Augmentation(
        policy="keras_cv",
        crop="inception",
        crop_scale=(0.05, 1.0),
        interpolation="bilinear",
    ),
    precision="bfloat16",
    weights="imagenet",
    published=Published(96.72, "vision_transformer's README"),
)
