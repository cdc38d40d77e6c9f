"""Small models of each architecture, for tests of what they share."""

from collections.abc import Callable
from functools import partial

import keras

from keras_mixers import ConvMixer, MLPMixer, ResMLP, T2TViT, ViT, gMLP

SHAPE = (32, 48, 3)

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "conv_mixer": partial(ConvMixer, 8, 2, patch_size=4, kernel_size=3),
    "mlp_mixer": partial(MLPMixer, 8, 2, patch_size=8),
    "t2t_vit_performer": partial(T2TViT, 16, 2, num_heads=2),
    "t2t_vit_transformer": partial(T2TViT, 16, 2, num_heads=2, token_mixer="transformer"),
    "vit": partial(ViT, 16, 2, num_heads=2, patch_size=8),
    "vit_average": partial(ViT, 16, 2, num_heads=2, patch_size=8, class_token=False),
    "deit_distilled": partial(ViT, 16, 2, num_heads=2, patch_size=8, distilled=True),
    "res_mlp": partial(ResMLP, 8, 2, patch_size=8, initial_scale=0.1),
    "gmlp": partial(gMLP, 8, 2, patch_size=8),
}


def build(name: str, **options: object) -> keras.Model:
    """Build the small model `name` for images of SHAPE and five classes, unless told otherwise."""
    return BUILDERS[name](**{"input_shape": SHAPE, "classes": 5, **options})
