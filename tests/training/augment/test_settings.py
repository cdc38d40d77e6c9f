import inspect
import json
from dataclasses import fields

import pytest

from training.augment import Augmentation
from training.errors import RecipeError
from training.typed_fields import from_dict, to_dict


def test_settings_survive_json() -> None:
    settings = Augmentation(
        crop_scale=(0.05, 1.0), interpolation="random", rand_layers=2, mixup=0.8, erase=0.25
    )
    assert from_dict(Augmentation, json.loads(json.dumps(to_dict(settings)))) == settings


def test_nothing_but_crop_and_flip_is_on_by_default() -> None:
    settings = Augmentation()
    off = ("pad", "rand_layers", "color_jitter", "mixup", "cutmix", "erase")
    assert [getattr(settings, name) for name in off] == [0] * len(off)
    assert (settings.crop, settings.flip) == ("random_resized", 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"policy": "keras-cv"},
            "Augmentation.policy must be 'reference' or 'keras_cv' or 'none'; received 'keras-cv'.",
        ),
        ({"flip": 1.5}, "Augmentation.flip must be from 0 to 1; received 1.5."),
        ({"flip": True}, "Augmentation.flip must be a number; received True."),
        ({"erase": -0.1}, "Augmentation.erase must be from 0 to 1; received -0.1."),
        (
            {"rand_magnitude": 31},
            "Augmentation.rand_magnitude must be from 0 to 30; received 31.",
        ),
        ({"rand_layers": -1}, "Augmentation.rand_layers must be at least 0; received -1."),
        ({"rand_layers": 1.5}, "Augmentation.rand_layers must be an integer; received 1.5."),
        ({"mixup": -1.0}, "Augmentation.mixup must be at least 0; received -1.0."),
        (
            {"crop_scale": (0.5, 1.5)},
            "Augmentation.crop_scale must be two numbers above 0 and at most 1.0, the smaller "
            "first; received (0.5, 1.5).",
        ),
        (
            {"crop_scale": (0.0, 1.0)},
            "Augmentation.crop_scale must be two numbers above 0 and at most 1.0, the smaller "
            "first; received (0.0, 1.0).",
        ),
        (
            {"crop_ratio": (2.0, 1.0)},
            "Augmentation.crop_ratio must be two numbers above 0, the smaller first; received "
            "(2.0, 1.0).",
        ),
        (
            {"pad": 4},
            "Augmentation.pad must be above 0 with crop='pad', and 0 with any other; received "
            "pad=4 and crop='random_resized'.",
        ),
        (
            {"crop": "pad"},
            "Augmentation.pad must be above 0 with crop='pad', and 0 with any other; received "
            "pad=0 and crop='pad'.",
        ),
    ],
)
def test_errors(arguments: dict, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Augmentation(**arguments)
    assert str(caught.value) == message


def test_every_field_is_described() -> None:
    described = inspect.getdoc(Augmentation)  # Python 3.13 keeps no indentation in `__doc__`.
    for field in fields(Augmentation):
        assert f"\n    {field.name}: " in described
