"""Every field of a recipe works for every family."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.runs import PREPROCESSING, SMALL, tiny
from training.recipe import FAMILIES, ModelSpec, Optimizer
from training.train import train

_SHAPES = {"T2TViT": (32, 32, 1)}
_OTHERS = {"patch_size": 4, "drop_rate": 0.1}
_ARGUMENTS = {"ConvMixer": {"patch_size": 4, "kernel_size": 3}, "T2TViT": {"drop_rate": 0.1}}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_field(family):
    spec = ModelSpec(
        family,
        {**SMALL[family], **_ARGUMENTS.get(family, _OTHERS)},
        _SHAPES.get(family, (8, 8, 1)),
        drop_path_rate=0.0 if family == "ConvMixer" else 0.1,
        preprocessing=PREPROCESSING,
        frozen=("patch_embed",),
    )
    kind = "lamb" if family == "ResMLP" else "adamw"
    pad = spec.input_shape[0] // 8
    recipe = tiny(
        model=spec,
        epochs=1,
        batch_size=512,
        optimizer=Optimizer(kind, weight_decay=0.05, clip_norm=1.0),
        augmentation=replace(tiny().augmentation, pad=pad, mixup=0.5, cutmix=0.5),
        loss="sigmoid",
        label_smoothing=0.0,
        ema=0.5,
        head_bias=-1.0,
        precision="float16",
        accumulate=2,
        mix_slices=2,
        repeats=2,
        remat=True,
    )
    result = train(recipe, quiet=True)
    assert np.isfinite(result.loss)
    assert {layer.compute_dtype for layer in result.network.layers} == {"float32"}
    assert not any("remat" in layer.name for layer in result.network.layers)
