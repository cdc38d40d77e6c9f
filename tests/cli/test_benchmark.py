"""`keras-mixers benchmark`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub_export.benchmark import measure
from hub_export.benchmark.measure import Comparison, Measurement
from tests.helpers.command_line import failure, run
from tests.helpers.export_models import conv_mixer


def test_a_file_is_timed_and_its_figures_are_kept(tmp_path):
    path, out = tmp_path / "model.keras", tmp_path / "figures.json"
    conv_mixer().save(path)
    options = ("--runtime", "litert", "--rounds", 2, "--threads", 1, "--out", out)
    result = run("benchmark", path, *options)
    assert result.exit_code == 0, result.output
    content = json.loads(out.read_text())
    (found,) = content["measurements"]
    assert (found["runtime"], len(found["milliseconds"])) == ("litert", 2)
    assert content["machine"]["threads"] == 1
    assert "litert" in result.stdout
    assert "1 thread, " in result.stdout


@pytest.fixture
def nothing_is_timed(monkeypatch):
    calls = []

    def compare(*arguments):
        calls.append(arguments)
        return Comparison(
            [Measurement("keras", [2.0, 3.0, 2.5], 0.0)], {"keras-xla": "too big"}, {}
        )

    monkeypatch.setattr(measure, "compare_runtimes", compare)
    return calls


def test_a_variant_needs_no_weights(nothing_is_timed):
    result = run("benchmark", "convmixer_256_8_p2_k5", "--batch", 4)
    assert result.exit_code == 0, result.output
    ((network, names, batch, *_),) = nothing_is_timed
    assert (network.name, names, batch) == ("convmixer_256_8_p2_k5", (), 4)
    # Constants would be left out of files.
    assert all(np.ptp(weight) > 0 for weight in network.weights if "float" in weight.dtype)
    assert "2.50" in result.stdout
    assert "400.0" in result.stdout
    assert "keras-xla was not timed: too big" in result.stdout


def test_the_figures_are_drawn(nothing_is_timed, tmp_path):
    plot = tmp_path / "a.png"
    result = run("benchmark", "convmixer_256_8_p2_k5", "--plot", plot)
    assert result.exit_code == 0, result.output
    with Image.open(plot) as image:
        assert image.format == "PNG"
        assert np.ptp(np.asarray(image.convert("L"))) > 100
    again = ("benchmark", "convmixer_256_8_p2_k5", "--plot", plot)
    assert "exists; pass overwrite=True (--overwrite)" in failure(run(*again))
    wrong = failure(run("benchmark", "convmixer_256_8_p2_k5", "--plot", tmp_path / "a.txt"), 2)
    assert "must end in '.png'; received 'a.txt'" in wrong


@pytest.mark.slow
def test_the_command_starts_processes_that_know_the_layers(tmp_path):
    conv_mixer().save(tmp_path / "model.keras")
    script = Path(sys.executable).with_name("keras-mixers")
    command = [script, "benchmark", tmp_path / "model.keras", "--runtime", "keras-graph"]
    done = subprocess.run([*command, "--rounds", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "not timed" not in done.stdout


def test_misuse_is_one_line(tmp_path):
    assert "no runtime 'fast'" in failure(run("benchmark", "mixer_s32", "--runtime", "fast"), 2)
    assert "There is no model" in failure(run("benchmark", tmp_path / "absent.keras"))
    existing = tmp_path / "figures.json"
    existing.write_text("mine")
    message = failure(run("benchmark", "mixer_s32", "--out", existing))
    assert "figures.json" in message
    assert existing.read_text() == "mine"
