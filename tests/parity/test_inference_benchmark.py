"""The command that times our networks beside timm's: what it writes, and how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.inference import Result, table

pytestmark = pytest.mark.parity


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.inference", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )


def test_a_ratio_below_the_bound_is_a_failure_and_the_results_are_written(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    models = ["--models", "mixer_s32", "--rounds", "1", "--batch", "2"]
    run = _run(*models, "--bound", "1000", "--out", str(out))
    assert run.returncode == 1, run.stderr
    assert run.stderr.splitlines()[-1].startswith(
        "Error: below 1000.0 of timm's speed: mixer_s32 ("
    )
    content = json.loads(out.read_text())
    assert content["command"].startswith("python -m benchmarks.inference --models mixer_s32")
    result = content["models"]["mixer_s32"]
    assert {"tf.function", "NCHW", "NHWC"} <= set(result["images_per_second"])
    assert list(tmp_path.iterdir()) == [out]


def test_the_ratio_is_that_of_medians_to_timms_faster_memory_format() -> None:
    theirs = {"NCHW": [9.0, 1.0, 2.0], "NHWC": [5.0, 4.0, 3.0]}
    result = Result("x", 0.0, [30.0, 20.0, 10.0], theirs, compiled=[50.0, 50.0, 50.0])
    assert result.best == "NHWC"
    assert result.ratio == 5.0
    assert result.pairs == [6.0, 5.0, 10.0 / 3.0]
    assert table([result]).row_count == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "t2t_vit_14"], "Error: timm has no 't2t_vit_14'; choose from convmixer_1536"),
        (
            ["--out", "pyproject.toml"],
            "Error: pyproject.toml is there already; choose another --out",
        ),
        (["--out", "nowhere/x.json"], "Error: there is no folder nowhere; make it, or choose"),
    ],
)
def test_misuse_is_told_in_one_line(arguments: list[str], message: str) -> None:
    run = _run(*arguments)
    assert run.returncode == 2
    assert run.stderr.startswith(message)
    assert run.stderr.count("\n") == 1
