"""Studies as data: their fields, their JSON, and what their arms change."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.runs import tiny
from training.errors import RecipeError
from training.studies import STUDIES, find_study, read_study
from training.study import Arm, Series, Study, arm_recipe, field_value

ARMS = (
    Arm("Plain"),
    Arm("Wide", {"model.arguments.hidden_dim": 16, "optimizer.clip_norm": None}),
    Arm("ViT", {"model.name": "ViT", "model.arguments": {"hidden_dim": 8, "depth": 1}}),
)
STUDY = Study("example", "Which?", tiny(seed=5), ARMS)


def test_an_arm_changes_what_it_says_and_nothing_else() -> None:
    recipe = tiny(seed=5)
    assert arm_recipe(STUDY, ARMS[0]) == replace(recipe, name="example-plain")
    arguments = {**recipe.model.arguments, "hidden_dim": 16}
    assert arm_recipe(STUDY, ARMS[1], seed=2) == replace(
        recipe,
        name="example-wide",
        seed=7,
        model=replace(recipe.model, arguments=arguments),
        optimizer=replace(recipe.optimizer, clip_norm=None),
    )
    vit = replace(recipe.model, name="ViT", arguments={"hidden_dim": 8, "depth": 1})
    assert arm_recipe(STUDY, ARMS[2]).model == vit


@pytest.mark.parametrize("study", [STUDY, *STUDIES.values()], ids=lambda study: study.name)
def test_json_gives_the_same_study_again(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.write_text(study.to_json())
    assert read_study(path) == study
    assert find_study(str(path)) == study


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "^The arm 'Odd' has no recipe: Recipe has no field 'epoch'; did you mean"),
        ({"epochs": 0}, "^The arm 'Odd' has no recipe: Recipe.epochs must be at least 1"),
        ({"model.size.depth": 1}, r"there is no field 'model\.size\.depth' to change\.$"),
        ({"epochs.a": 1}, "there is no field 'epochs.a' to change"),
        ({"schedule.peak": "high"}, "WarmupCosine.peak must be a number; received 'high'"),
        ({"model.name": "VTI"}, "There is no model 'VTI'"),
        ({"model.arguments.depth": [1]}, "ModelSpec.arguments must be"),
    ],
)
def test_a_change_that_makes_no_recipe_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        replace(STUDY, arms=(Arm("Plain"), Arm("Odd", changes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../a"}, r"^Study.name must be up to 60 small letters.*received '\.\./a'"),
        ({"name": ""}, "received ''"),
        ({"arms": ARMS[:1]}, "^Study.arms must be 2 to 100; received 1"),
        ({"seeds": 0}, "^Study.seeds must be 1 to 1000; received 0"),
        ({"seeds": True}, "^Study.seeds must be an integer; received True"),
        ({"question": "a\x1b[2J"}, r"control characters in 'a\\x1b\[2J'"),
        ({"arms": (Arm("a b"), Arm("A-B"))}, "two arms 'a b'; rename one"),
        ({"series": (Series("a", "epochs", ("Plane",)),)}, "names 'Plane', which is no arm"),
        ({"series": (Series("a", "data", ("Plain",)),)}, "'data' of 'Plain' is 'digits'"),
        ({"series": (Series("a", "x.y", ("Plain",)),)}, "'x.y' of 'Plain' is None"),
    ],
)
def test_values_out_of_range_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        replace(STUDY, **changes)


@pytest.mark.parametrize("label", ["", "...", "a\nb", "a" * 61])
def test_labels_that_name_nothing_are_refused(label: str) -> None:
    with pytest.raises(RecipeError, match=r"^Arm\.label must have a letter or digit"):
        Arm(label)


def remove(name: str) -> Callable[[dict], None]:
    return lambda content: content.pop(name)


def put(name: str, value: object) -> Callable[[dict], None]:
    return lambda content: content.update({name: value})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("question"), "Study needs its field 'question'"),
        (put("seed", 3), "Study has no field 'seed'; did you mean seeds"),
        (put("arms", {}), "Study.arms must be a list"),
        (put("arms", [1, 2]), "Study.arms must be a list"),
        (put("arms", [{"label": 3}, {"label": "b"}]), "Arm.label must be a string"),
        (put("arms", [{"label": "a", "changes": []}] * 2), "Arm.changes must be"),
        (put("recipe", "convmixer_digits"), "Study.recipe must be Recipe"),
        (put("seeds", 10**30), "beyond 64 bits"),
    ],
)
def test_a_wrong_file_gets_one_line_with_its_name(
    spoil: Callable[[dict], None], message: str, tmp_path: Path
) -> None:
    content = json.loads(STUDY.to_json())
    spoil(content)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content))
    with pytest.raises(RecipeError) as caught:
        read_study(path)
    assert str(caught.value).startswith(f"{path} is not a study; ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"\xff", b"[" * 10_000, b'{"a": NaN}', b"[]", b"null", b"1" * 99])
def test_a_hostile_file_gets_one_line_with_its_name(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(text)
    with pytest.raises(RecipeError) as caught:
        read_study(path)
    assert str(caught.value).startswith(f"{path} is not a study; ")
    assert "\n" not in str(caught.value)


def test_missing_studies() -> None:
    with pytest.raises(RecipeError, match="did you mean convmixer_design"):
        find_study("convmixer_desing")
    with pytest.raises(RecipeError, match=r"^There is no study file 'nowhere\.json'\.$"):
        find_study("nowhere.json")


def test_field_value() -> None:
    assert field_value(tiny(), "schedule.peak") == 0.01
    assert field_value(tiny(), "schedule.peak.x") is None
