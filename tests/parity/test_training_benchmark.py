"""The command that times training steps beside timm's: what it writes, and how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.training import Result, table

pytestmark = pytest.mark.parity


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.training", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )


def test_every_mode_is_timed_after_the_losses_were_compared(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    done = run("--models", "mixer_s32", "--rounds", "1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    modes = json.loads(out.read_text())["models"]["mixer_s32"]["modes"]
    assert {"ours", "ours, TensorFlow's gradients", "NCHW", "NHWC"} <= set(modes)
    assert all(mode["peak_megabytes"] > 100 for mode in modes.values())


def test_ratios_are_to_timms_fastest_mode() -> None:
    seconds = {"NCHW": [9.0, 7.0, 8.0], "NHWC": [3.0, 6.0, 4.0], "ours": [2.0, 2.0, 8.0]}
    result = Result("x", 4, seconds, {"NCHW": 1, "NHWC": 2, "ours": 3})
    assert result.best == "NHWC"
    assert result.pairs == [1.5, 3.0, 0.5]
    assert result.memory_ratio == 1.5
    assert table([result]).row_count == 1


def test_misuse_is_told_in_one_line() -> None:
    done = run("--models", "t2t_vit_14")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: timm has no 't2t_vit_14'; choose from convmixer_1536_20")
