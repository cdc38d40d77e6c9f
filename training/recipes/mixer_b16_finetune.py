"""Mixer-B/16 of ImageNet-1k, fine-tuned on CIFAR-10: 96.72 %.

    keras-mixers train mixer_b16_finetune
    keras-mixers train mixer_b16_finetune --data folder:/my/images --epochs 20

The paper's fine-tuning, with the defaults of https://github.com/google-research/vision_transformer:
10,000 steps of 512 images at 224 x 224, of which 500 to warm up, that are 103 epochs here; a new
head of zeros; momentum in float32 instead of bfloat16. Not run here.
"""

from keras_mixers.catalogue.preprocessing import Preprocessing
from training.augment.settings import Augmentation
from training.recipe import ModelSpec, Optimizer, Published, Recipe, WarmupCosine

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
