import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from keras_mixers.catalogue import model_info
from training.errors import RecipeError
from training.loop.network import evaluation_preprocessing
from training.recipes import RECIPES, find_recipe
from training.run.setup import build_network


def test_near_names_are_offered():
    with pytest.raises(RecipeError, match="no recipe 't2t_vit_14'; did you mean t2t_vit_14_"):
        find_recipe("t2t_vit_14")
    with pytest.raises(RecipeError, match="no recipe 'zzz'; there are convmixer_digits, mixer"):
        find_recipe("zzz")


def test_the_command_reads_recipes_without_tensorflow():
    code = (
        "import sys; import keras_mixers_cli; import training.recipes; "
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_itself_and_its_result(name):
    recipe = RECIPES[name]
    assert recipe.name == name
    assert (recipe.published is None) == name.endswith("digits")
    if recipe.weights is not None:
        assert recipe.weights in [s.name for s in model_info(recipe.model.name).weights]


def values(name: str) -> tuple:
    r = RECIPES[name]
    o, a = r.optimizer, r.augmentation
    return (
        r.epochs,
        r.batch_size,
        r.schedule.peak,
        o.weight_decay,
        o.clip_norm,
        a.mixup,
        a.cutmix,
        r.label_smoothing,
        r.ema,
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("convmixer_1536_20_imagenet", (150, 640, 0.01, 2e-5, 1.0, 0.5, 0.5, 0.1, None)),
        ("convmixer_768_32_imagenet", (300, 640, 0.01, 2e-5, 1.0, 0.5, 0.5, 0.1, None)),
        ("convmixer_1024_20_imagenet", (150, 640, 0.01, 2e-5, 1.0, 0.5, 0.5, 0.1, None)),
        ("convmixer_256_8_cifar10", (25, 512, 0.05, 0.005, None, 0, 0, 0, None)),
        ("convmixer_256_8_cifar10_100_epochs", (100, 512, 0.05, 0.005, None, 0, 0, 0, None)),
        ("mixer_b16_imagenet", (300, 4096, 1e-3, 0.1, 1.0, 0.5, 0, 0, None)),
        ("mixer_l16_imagenet", (300, 4096, 1e-3, 0.1, 1.0, 0.5, 0, 0, None)),
        ("mixer_b16_finetune", (103, 512, 0.03, 0, 1.0, 0, 0, 0, None)),
        ("mixer_l16_finetune", (103, 512, 0.03, 0, 1.0, 0, 0, 0, None)),
        ("t2t_vit_7_imagenet", (310, 512, 1e-3, 0.03, None, 0.8, 1.0, 0.1, 0.99996)),
        ("t2t_vit_14_imagenet", (310, 512, 5e-4, 0.05, None, 0.8, 1.0, 0.1, 0.99996)),
        ("t2t_vit_24_imagenet", (310, 512, 5e-4, 0.065, None, 0.8, 1.0, 0.1, 0.99996)),
        ("t2t_vit_t_19_imagenet", (310, 512, 5e-4, 0.065, None, 0.8, 1.0, 0.1, 0.99996)),
        ("deit_ti16_imagenet", (300, 1024, 1e-3, 0.05, None, 0.8, 1.0, 0.1, None)),
        ("deit_s16_imagenet", (300, 1024, 1e-3, 0.05, None, 0.8, 1.0, 0.1, None)),
        ("resmlp_12_imagenet", (400, 2048, 5e-3, 0.2, 1.0, 0.8, 1.0, 0.1, None)),
        ("resmlp_24_imagenet", (400, 2048, 5e-3, 0.2, 1.0, 0.8, 1.0, 0.1, None)),
        ("gmlp_s16_imagenet", (300, 4096, 1e-3, 0.05, 1.0, 0.8, 1.0, 0.1, None)),
        ("t2t_vit_14_cifar10", (60, 64, 0.05, 5e-4, None, 0, 0, 0, None)),
    ],
)
def test_values_are_the_papers(name, wanted):
    assert values(name) == wanted


def test_epsilons_are_the_papers():
    assert find_recipe("convmixer_768_32_imagenet").optimizer.epsilon == 1e-3
    assert find_recipe("convmixer_256_8_cifar10").optimizer.epsilon == 1e-8
    assert find_recipe("t2t_vit_19_imagenet").optimizer.epsilon == 1e-8
    assert find_recipe("deit_s16_imagenet").optimizer.epsilon == 1e-8
    assert find_recipe("resmlp_12_imagenet").optimizer.epsilon == 1e-8
    assert find_recipe("gmlp_s16_imagenet").optimizer.epsilon == 1e-6


def test_repeats_and_drop_paths_are_the_papers():
    repeated = {name: recipe.repeats for name, recipe in RECIPES.items() if recipe.repeats > 1}
    assert repeated == dict.fromkeys(
        [f"{name}_imagenet" for name in ("deit_ti16", "deit_s16", "resmlp_12", "resmlp_24")], 3
    )
    rates = {"deit_s16": 0.1, "resmlp_12": 0.05, "resmlp_24": 0.1, "gmlp_s16": 0.05}
    for name, rate in rates.items():
        assert find_recipe(f"{name}_imagenet").model.drop_path_rate == rate


def small(name: str):
    """A recipe's network, as narrow and shallow as can be."""
    recipe = find_recipe(name)
    tiny = {"hidden_dim": 8, "depth": 1}
    if "num_heads" in model_info(recipe.model.name).arguments:
        tiny["num_heads"] = 2
    arguments = {**recipe.model.arguments, **tiny}
    return replace(recipe, model=replace(recipe.model, arguments=arguments), weights=None)


def test_the_models_own_layer_normalises_as_the_recipe_says():
    model = build_network(small("convmixer_256_8_cifar10"), 10)
    layer = model.get_layer("preprocessing")
    np.testing.assert_allclose(layer.scale, 1 / (255 * np.array([0.2471, 0.2435, 0.2616])))
    assert model.input.shape == (None, 32, 32, 3)
    assert model.layers[-1].name == "head"


def test_transfer_leaves_class_token_and_last_norm_alone():
    model = build_network(small("t2t_vit_14_cifar10"), 10)
    trained = {v.path.split("/")[0] for v in model.trainable_variables}
    assert trained == {"token_mixer_0", "token_mixer_1", "patch_embed", "block_0", "head"}


def test_mixers_head_starts_at_the_papers_bias():
    head = build_network(small("mixer_b16_imagenet"), 5).get_layer("head")
    np.testing.assert_array_equal(head.bias.numpy(), np.full(5, -6.9, "float32"))
    np.testing.assert_array_equal(head.kernel.numpy(), 0)
    head = build_network(small("mixer_b16_finetune"), 5).get_layer("head")
    np.testing.assert_array_equal(head.bias.numpy(), 0)


def test_released_weights_bring_their_preprocessing_and_activation():
    recipe = replace(find_recipe("mixer_b16_imagenet"), weights="imagenet-miil")
    assert evaluation_preprocessing(recipe.model, recipe.weights).interpolation == "bilinear"
    recipe = replace(recipe, model=replace(recipe.model, name="MLPMixer"), weights=None)
    with pytest.raises(RecipeError, match="preprocessing is required for 'MLPMixer'"):
        evaluation_preprocessing(recipe.model, recipe.weights)


def test_same_seed_same_weights():
    recipe = small("convmixer_256_8_cifar10")
    first, again = (build_network(recipe, 10).get_weights() for _ in range(2))
    other = build_network(replace(recipe, seed=1), 10).get_weights()
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def test_what_a_network_has_not_is_refused():
    recipe = small("convmixer_256_8_cifar10")
    with pytest.raises(RecipeError, match=r"must be 0 for ConvMixer, .*; received 0\.1"):
        build_network(replace(recipe, model=replace(recipe.model, drop_path_rate=0.1)), 10)
    with pytest.raises(RecipeError, match="names a layer 'blok_0' that convmixer_256_8_p"):
        build_network(replace(recipe, model=replace(recipe.model, frozen=("blok_0",))), 10)
