import json
from dataclasses import replace
from pathlib import Path

import pytest

from keras_mixers_cli.recipe_options import load_recipe, parse
from training.errors import RecipeError
from training.recipes import RECIPES, find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_without_options_a_recipe_is_itself(name):
    command = parse(name)
    assert command.recipe == find_recipe(name)
    assert command.folder == Path("runs", name)
    assert not command.quiet


def test_fields_are_options():
    options = (
        "--epochs 3 --schedule.peak 0.2 --optimizer.clip-norm 1 --augmentation.crop-scale 0.5 1 "
        "--model.arguments depth 2 activation relu --ema 0.9 --remat --run there --quiet"
    )
    command = parse("convmixer_256_8_cifar10", options.split())
    recipe = find_recipe("convmixer_256_8_cifar10")
    assert command.recipe == replace(
        recipe,
        epochs=3,
        schedule=replace(recipe.schedule, peak=0.2),
        optimizer=replace(recipe.optimizer, clip_norm=1.0),
        augmentation=replace(recipe.augmentation, crop_scale=(0.5, 1.0)),
        model=replace(recipe.model, arguments={"depth": 2, "activation": "relu"}),
        ema=0.9,
        remat=True,
    )
    assert (command.folder, command.quiet) == (Path("there"), True)


def test_file_may_hold_what_no_option_reaches(tmp_path):
    content = find_recipe("convmixer_digits").to_dict()
    content["schedule"] = {"kind": "OneCycle", "peak": 0.5}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content))
    command = parse(str(path), ["--schedule.peak", "0.25"])
    assert command.recipe.schedule.peak == 0.25
    assert type(command.recipe.schedule).__name__ == "OneCycle"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--epoch 3", r"Unrecognized options: --epoch, 3; did you mean --epochs\?$"),
        ("--modle.name x", r"--modle\.name, x; did you mean --model\.name\?$"),
        ("--epochs x", r"^Error parsing --epochs: invalid literal for int"),
        ("--epochs 0", r"Recipe\.epochs must be at least 1; received 0\.$"),
        ("--precision bf", r"invalid choice 'bf' for argument '--precision'\. Expected one of"),
        ("--model.name resnet", r"There is no model 'resnet'"),
        ("--epochs", r"--epochs"),
    ],
)
def test_misuse_is_one_line(arguments, message):
    with pytest.raises(RecipeError, match=message) as caught:
        parse("convmixer_digits", arguments.split())
    assert "\n" not in str(caught.value)
    assert "help" not in str(caught.value)


def test_unknown_recipes(tmp_path):
    with pytest.raises(RecipeError, match="no recipe 'convmixer_digit'; did you mean convmixer_d"):
        parse("convmixer_digit")
    with pytest.raises(RecipeError, match=r"There is no recipe file 'a\.json'"):
        load_recipe("a.json")
    path = tmp_path / "a.json"
    path.write_bytes(b"\xff")
    with pytest.raises(RecipeError, match=r"a\.json is not a recipe; expected UTF-8 text"):
        load_recipe(str(path))
    path.write_text("[]")
    with pytest.raises(RecipeError, match="must be a JSON object of its fields"):
        load_recipe(str(path))


def test_help_names_every_field(capsys):
    with pytest.raises(SystemExit) as end:
        parse("t2t_vit_14_cifar10", ["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for option in (
        "--epochs",
        "--model.preprocessing.crop",
        "--model.frozen",
        "--optimizer.backbone-scale",
        "--schedule.cooldown-epochs",
        "--augmentation.erase-fill",
        "--run",
        "--data-dir",
        "--accumulate",
    ):
        assert option in text
