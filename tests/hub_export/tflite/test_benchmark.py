"""The command that times TFLite files beside Keras: its figures, and how it fails."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

import keras_mixers
from benchmarks.tflite.ceiling import NAME, products_model
from benchmarks.tflite.speed import Result, report, table

SLOW = Result("mixer_s16", "dynamic", 0.9999, 18_000_000, [30.0, 20.0, 10.0], [4.0, 5.0, 5.0])


def test_the_ratio_is_that_of_medians_and_the_rounds_are_kept():
    assert SLOW.ratio == 4.0
    assert SLOW.pairs == [7.5, 4.0, 2.0]
    assert SLOW.bound == 8.0
    network = report([SLOW])["mixer_s16"]
    assert network["keras"]["milliseconds"] == {"median": 20.0, "rounds": [30.0, 20.0, 10.0]}
    assert network["dynamic"]["ratio_of_rounds"] == {"lowest": 2.0, "median": 4.0, "highest": 7.5}
    assert network["dynamic"]["megabytes"] == 18.0
    assert list(table([SLOW]).columns[-1].cells) == ["SLOW"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "mixer_b16"], "Error: there are no bounds for 'mixer_b16'; choose from mix"),
        (["--out", "pyproject.toml"], "Error: pyproject.toml is there already; choose another"),
        (["--out", "nowhere/x.json"], "Error: there is no folder nowhere; make it, or choose"),
    ],
)
def test_misuse_is_told_in_one_line(arguments, message):
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.tflite", *arguments],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert run.stderr.startswith(message)
    assert run.stderr.count("\n") == 1


def test_the_ceiling_has_the_products_of_the_network():
    def kernels(model):
        return [w.shape for w in model.weights if w.path.endswith("kernel")]

    stem, *wanted = kernels(keras_mixers.create_model(NAME, include_top=False))
    assert kernels(products_model()) == [(math.prod(stem[:3]), stem[3]), *wanted]
