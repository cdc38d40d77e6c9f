import dataclasses
import json

import pytest

from training.errors import RecipeError
from training.recipe import ModelSpec, Optimizer, Recipe
from training.recipes import RECIPES, find_recipe
from training.schedule_settings import WarmupCosine

RECIPE = find_recipe("convmixer_digits")


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_survives_json(name):
    assert Recipe.from_json(RECIPES[name].to_json()) == RECIPES[name]


def edited(**changes: object) -> dict:
    return {**RECIPE.to_dict(), **changes}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (edited(epoch=3), "Recipe has no field 'epoch'; did you mean epochs?"),
        (edited(zzz=3), "Recipe has no field 'zzz'; it has name, model, data"),
        (edited(epochs="3"), "Recipe.epochs must be an integer; received '3'."),
        (edited(epochs=True), "Recipe.epochs must be an integer; received True."),
        (edited(epochs=0), "Recipe.epochs must be at least 1; received 0."),
        (edited(ema="x"), "Recipe.ema must be a number or none; received 'x'."),
        (edited(ema=1.0), "Recipe.ema must be at least 0 and below 1; received 1.0."),
        (edited(loss="hinge"), "Recipe.loss must be 'softmax' or 'sigmoid'; received 'hinge'."),
        (edited(loss="sigmoid"), "Recipe.label_smoothing needs loss='softmax'"),
        (edited(accumulate=3), "Recipe.accumulate must divide batch_size 64; received 3."),
        (
            edited(batch_size=4, mix_slices=4, augmentation={"mixup": 0.5}),
            "need at least 2 images in",
        ),
        (edited(head_bias=float("nan")), "Recipe.head_bias must be a number or none"),
        (edited(optimizer=3), "Recipe.optimizer must be Optimizer; received 3."),
        (edited(optimizer={"kind": "adam"}), "Optimizer.kind must be 'adamw' or 'lamb' or 'sgd'"),
        (edited(optimizer={}), "Optimizer needs its field 'kind'; add it."),
        (edited(schedule={"peak": 1.0}), "Recipe.schedule has no kind None; expected OneCycle"),
        (edited(schedule={"kind": "OneCycl"}), "has no kind 'OneCycl'; did you mean OneCycle?"),
        (edited(schedule={"kind": "OneCycle", "peak": 0}), "OneCycle.peak must be above 0"),
        (edited(model={"name": "convmixer_1024_21"}), "There is no model 'convmixer_1024_21'; did"),
        (
            edited(model={"name": "T2TViT", "input_shape": [8, 8]}),
            "must be a list of 3 (each an integer",
        ),
        ([], "Recipe must be a JSON object of its fields; received []."),
    ],
)
def test_bad_content_is_one_line(content, message):
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named():
    content = RECIPE.to_dict()
    del content["data"]
    with pytest.raises(RecipeError, match="Recipe needs its field 'data'; add it"):
        Recipe.from_dict(content)


def test_broken_json_is_one_line():
    with pytest.raises(RecipeError, match="The recipe isn't valid JSON: Expecting"):
        Recipe.from_json("{")


def test_json_tells_which_schedule():
    content = json.loads(RECIPE.to_json())
    assert content["schedule"] == {"kind": "WarmupCosine", "peak": 0.01, "warmup_share": 0.2}


def test_replace_checks_too():
    assert dataclasses.replace(RECIPE, epochs=3).epochs == 3
    with pytest.raises(RecipeError, match=r"Recipe\.batch_size must be an integer"):
        dataclasses.replace(RECIPE, batch_size=1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Optimizer("adamw", backbone_scale=0.1), "backbone_scale needs kind='sgd'"),
        (lambda: Optimizer("sgd", clip_norm=0.0), "Optimizer.clip_norm must be above 0"),
        (lambda: Optimizer("sgd", weight_decay=-1.0), "weight_decay must be at least 0"),
        (
            lambda: WarmupCosine(0.1, warmup_share=1.0),
            "warmup_share must be at least 0 and below 1",
        ),
        (lambda: ModelSpec("mixer_b16", input_shape=(0, 8, 3)), "sizes must be at least 1"),
        (lambda: ModelSpec("mixer_b16", {"activation": None}), "ModelSpec.arguments must be"),
        (lambda: ModelSpec("mixer_b16", frozen=("a", 1)), "must be a list (each a string)"),
    ],
)
def test_parts_check_themselves(make, message):
    with pytest.raises(RecipeError) as caught:
        make()
    assert message in str(caught.value)
