"""Fine-tunes T2T-ViT-14, pretrained on ImageNet-1k, on CIFAR-10; published top-1: 98.3 %.

    keras-mixers train t2t_vit_14_cifar10

The settings are those of the authors' command `transfer_learning.py --lr 0.05 --b 64 --img-size 224
--transfer-learning True`. Images are enlarged to 224 x 224 pixels. The head trains at the full
learning rate and all other layers at a peak of 1/100 of it, but both end at 2e-4; the class token
and the last normalisation are frozen. The authors report the best of 60 epochs. Not run here.
"""

from keras_mixers.catalogue.preprocessing import CIFAR_MEAN, Preprocessing
from training.augment.settings import Augmentation
from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.schedule_settings import EpochCosine

RECIPE = Recipe(
    name="t2t_vit_14_cifar10",
    model=ModelSpec(
        "t2t_vit_14",
        drop_path_rate=0.1,
        # The authors' own standard deviation; the usual one is 0.2471, 0.2435, 0.2616.
        preprocessing=Preprocessing(
            CIFAR_MEAN, (0.2023, 0.1994, 0.2010), crop=1.0, interpolation="bilinear"
        ),
        frozen=("class_token", "norm"),
    ),
    data="tfds:cifar10",
    epochs=60,
    batch_size=64,
    optimizer=Optimizer("sgd", weight_decay=5e-4, decayed="all", momentum=0.9, backbone_scale=0.01),
    schedule=EpochCosine(peak=0.05, minimum=2e-4),
    # A random crop of the image padded with 28 pixels on each side.
    augmentation=Augmentation(policy="keras_cv", crop="pad", pad=28),
    weights="imagenet",
    published=Published(98.3, "T2T-ViT authors' README"),
)
