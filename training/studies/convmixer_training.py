"""ConvMixer's training, one part left out at a time, as in the paper's ablation on CIFAR-10.

keras-mixers compare convmixer_training
"""

from dataclasses import replace

from training.studies.shared_recipes import LIMITS, MNIST5K
from training.study import Arm, Study

_RECIPE = replace(
    MNIST5K,
    augmentation=replace(
        MNIST5K.augmentation,
        rand_layers=2,
        rand_magnitude=9.0,
        rand_magnitude_std=0.5,
        rand_probability=0.5,
        mixup=0.5,
        cutmix=0.5,
        erase=0.25,
    ),
)

STUDY = Study(
    name="convmixer_training",
    question="Which parts of its training does ConvMixer need?",
    recipe=_RECIPE,
    arms=(
        Arm("All"),
        Arm("No RandAugment", {"augmentation.rand_layers": 0}),
        Arm("No MixUp", {"augmentation.mixup": 0.0}),
        Arm("No CutMix", {"augmentation.cutmix": 0.0}),
        Arm("No erasing", {"augmentation.erase": 0.0}),
        Arm("No clipping", {"optimizer.clip_norm": None}),
    ),
    limits=(*LIMITS, "Strong augmentation pays off in long runs, and these are short."),
)
