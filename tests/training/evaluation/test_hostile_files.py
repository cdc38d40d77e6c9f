"""The JSON files of runs and exports, damaged or written by an enemy: a value, or one line."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_export.exportable_model import _read_result
from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.run_files import read_preprocessing
from training.errors import RecipeError
from training.evaluation.load_exports import read_crop
from training.evaluation.load_model import run_preprocessing
from training.recipes import find_recipe, read_recipe

RECIPE = find_recipe("convmixer_digits").to_dict()


class File(NamedTuple):
    """A file that others may have written, with the function that reads it."""

    name: str
    read: Callable[[Path], object]
    good: dict
    error: type[Exception] = ValueError


FILES = {
    file.name: file
    for file in (
        File(
            "preprocessing.json",
            lambda path: read_preprocessing(path.parent),
            asdict(Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 0.9)),
        ),
        File("recipe.json", read_recipe, RECIPE, RecipeError),
        File(
            "result.json",
            _read_result,
            {"accuracy": 0.5, "command": "keras-mixers train a", "dataset": "digits"},
        ),
        File("metadata.json", read_crop, {"crop": 0.9, "interpolation": "bicubic"}),
    )
}

PARTS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    PARTS | st.sampled_from([10**400, 1e-320, "text"]),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module", params=FILES)
def file(request, tmp_path_factory) -> tuple[File, Path]:
    return FILES[request.param], tmp_path_factory.mktemp("files") / request.param


def read_or_refuse(file: File, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    message = ""
    try:
        file.read(path)
    except file.error as error:  # Any other ends the test.
        message = f"{type(error).__name__}: {error}"
    if message:
        assert message.startswith(f"{file.error.__name__}: {path} is not ")
        assert len(message.splitlines()) == 1


def places(content: object, before: tuple = ()) -> list[tuple]:
    """Return the way to each value in a JSON value, itself included."""
    items = content.items() if isinstance(content, dict) else ()
    return [before, *(place for key, part in items for place in places(part, (*before, key)))]


def replaced(content: object, place: tuple, value: object) -> object:
    if not place:
        return value
    return {**content, place[0]: replaced(content[place[0]], place[1:], value)}


def test_good_ones_are_read(file):
    file, path = file
    path.write_text(json.dumps(file.good))
    assert file.read(path)


@given(data=st.data())
def test_any_json_is_read_or_refused(file, data):
    file, path = file
    place = data.draw(st.sampled_from(places(file.good)))
    content = replaced(file.good, place, data.draw(VALUES))
    read_or_refuse(file, path, json.dumps(content).encode())


@given(data=st.data())
def test_any_bytes_are_read_or_refused(file, data):
    file, path = file
    text = bytearray(json.dumps(file.good).encode())
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    text[start:end] = data.draw(st.binary(max_size=8))
    read_or_refuse(file, path, bytes(text))


@pytest.mark.parametrize(
    "content",
    [b"[]", b"7", b"[" * 100_000, b'{"crop": NaN}', b'{"a": 1%s}' % (b"0" * 5000), b"\xff", b""],
    ids=["list", "number", "deep", "NaN", "huge", "no text", "empty"],
)
def test_what_is_no_object_within_bounds_is_refused(file, content):
    file, path = file
    path.write_bytes(content)
    with pytest.raises(file.error, match=rf"^{re.escape(str(path))} is not .*correct or rest"):
        file.read(path)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("preprocessing.json", {"crop": 1e-320}, "crop must be a number from 0.0001 to 1; rec"),
        ("preprocessing.json", {"crop": "text"}, "crop must be .*; received 'text'; correct"),
        ("preprocessing.json", {"std": [0.5, 0.5, 0]}, "each std must be a number from 1e-06 to"),
        ("metadata.json", {"crop": 1e-320}, "crop must be a number from 0.0001 to 1; received"),
        ("metadata.json", {"interpolation": []}, r"interpolation must be .*; received \[\]"),
        ("result.json", {"accuracy": 1.5}, "accuracy must be a number from 0 to 1; received 1.5"),
        ("result.json", {"command": 1}, "command must be a text; received 1"),
        ("result.json", {"dataset": {}}, r"dataset must be a text; received \{\}"),
        ("recipe.json", {"schedule": {"kind": []}}, r"Recipe.schedule has no kind \[\]"),
        ("recipe.json", {"ema": 10**15}, "Recipe.ema must be at least 0 and below 1"),
        (
            "recipe.json",
            {"model": {**RECIPE["model"], "preprocessing": {"mean": 1, "std": 1, "crop": 1}}},
            "Preprocessing: mean must be three numbers; received 1; correct",
        ),
    ],
)
def test_the_value_is_named(tmp_path, name, change, said):
    path = tmp_path / name
    path.write_text(json.dumps({**FILES[name].good, **change}))
    with pytest.raises(FILES[name].error, match=said):
        FILES[name].read(path)


def test_an_old_run_with_such_a_recipe_has_no_crop(tmp_path):
    (tmp_path / "recipe.json").write_text("[" * 100_000)
    with pytest.raises(RecipeError, match=r"recipe\.json is not a recipe; .*nested more than 20"):
        run_preprocessing(tmp_path)
