"""What the quick recipes reach on the held-out digits; README.md has three seeds of each."""

import json

import pytest

from tests.helpers.command_line import run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "least"),
    [("convmixer_digits", 0.985), ("mixer_digits", 0.965), ("t2t_vit_digits", 0.975)],
)
def test_accuracy(recipe, least, tmp_path):
    result = run("train", recipe, "--run", tmp_path / "run", "--quiet")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "run/result.json").read_text())
    assert found["validation_images"] == 364
    assert found["accuracy"] >= least
