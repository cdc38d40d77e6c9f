import pytest

from keras_mixers.catalogue import model_info
from tests.helpers.small_networks import small
from training.optimizer import is_decayed
from training.recipe import FAMILIES
from training.recipes import RECIPES

BLOCK = ("depthwise/kernel", "pointwise/kernel")
DECAYED = {
    ("ConvMixer", "matrices"): ["patch_embed/conv/kernel", *BLOCK, "head/kernel"],
    ("MLPMixer", "kernels"): [
        "patch_embed/conv/kernel",
        *(f"{mlp}_mlp/dense_{i}/kernel" for mlp in ("token", "channel") for i in (0, 1)),
        "head/kernel",
    ],
    ("T2TViT", "matrices"): [
        *(
            f"token_mixer_{i}/{layer}/kernel"
            for i in (0, 1)
            for layer in ("kqv", "projection", "mlp_0", "mlp_1")
        ),
        "patch_embed/kernel",
        *(f"block_0/{layer}/kernel" for layer in ("qkv", "projection")),
        *(f"block_0/mlp/dense_{i}/kernel" for i in (0, 1)),
        "head/kernel",
    ],
    ("ViT", "matrices"): [
        "patch_embed/conv/kernel",
        *(f"block_0/{layer}/kernel" for layer in ("qkv", "projection")),
        *(f"block_0/mlp/dense_{i}/kernel" for i in (0, 1)),
        "head/kernel",
    ],
    ("ResMLP", "matrices"): [
        "patch_embed/conv/kernel",
        "block_0/token_dense/kernel",
        *(f"block_0/channel_mlp/dense_{i}/kernel" for i in (0, 1)),
        "head/kernel",
    ],
    ("gMLP", "kernels"): [
        "patch_embed/conv/kernel",
        *(f"block_0/dense_{i}/kernel" for i in (0, 1)),
        "block_0/gate/token_dense/kernel",
        "head/kernel",
    ],
}


def family_of(recipe) -> str:
    name = recipe.model.name
    return name if name in FAMILIES else model_info(name).family


@pytest.mark.parametrize("name", [name for name in RECIPES if not name.endswith("digits")])
def test_which_variables_each_published_recipe_decays(name):
    recipe = RECIPES[name]
    model = small(family_of(recipe))
    rule = recipe.optimizer.decayed
    received = {v.path for v in model.trainable_variables if is_decayed(v, rule)}
    if "cifar" in name:
        assert received == {v.path for v in model.trainable_variables}
    elif "finetune" in name:
        assert recipe.optimizer.weight_decay == 0
    else:
        wanted = DECAYED[family_of(recipe), rule]
        assert len(received) == len(wanted)
        assert all(any(path.endswith(end) for path in received) for end in wanted)
