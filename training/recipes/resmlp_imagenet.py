"""Trains ResMLP-S12 and S24 on ImageNet-1k, without distillation; published top-1: 76.6 and 79.4 %.

    keras-mixers train resmlp_12_imagenet --data-dir DIR

The settings are those that the first author of Touvron et al., https://arxiv.org/abs/2105.03404,
lists in https://github.com/facebookresearch/deit/issues/106, with the defaults of DeiT's `main.py`
for what he doesn't mention: LAMB with a learning rate of 5e-3 and a weight decay of 0.2, 400 epochs
with batches of 2048, and no float16. He names the learning rate beside the batch size, so it isn't
scaled by it here. The drop path rate of 0.05 is ResMLP-S12's; 0.1 for ResMLP-S24 is his value for
fine-tuning (issue 117), as the one for ImageNet could not be confirmed. The number of GPUs, each of
which mixes its own images, isn't given; here, whole batches are mixed. Not run here.

| recipe | drop path rate | published top-1, % |
|---|---|---|
| resmlp_12_imagenet | 0.05 | 76.6 |
| resmlp_24_imagenet | 0.1 | 79.4 |
"""

from training.recipe import ModelSpec, Optimizer, Published, Recipe
from training.recipes import deit_imagenet
from training.schedule_settings import EpochCosine


def _recipe(variant: str, drop_path_rate: float, top1: float) -> Recipe:
    return Recipe(
        name=f"{variant}_imagenet",
        model=ModelSpec(variant, drop_path_rate=drop_path_rate),
        data="tfds:imagenet2012",
        epochs=400,
        batch_size=2048,
        # The gradients are clipped by the optimizer itself, apex's FusedLAMB.
        optimizer=Optimizer("lamb", weight_decay=0.2, decayed="matrices", clip_norm=1.0),
        schedule=EpochCosine(5e-3, minimum=1e-5, warmup_epochs=5, warmup_start=1e-6, lag_epochs=1),
        augmentation=deit_imagenet.RECIPES[0].augmentation,
        label_smoothing=0.1,
        repeats=3,
        published=Published(top1, "ResMLP paper"),
    )


RECIPES = (_recipe("resmlp_12", 0.05, 76.6), _recipe("resmlp_24", 0.1, 79.4))
