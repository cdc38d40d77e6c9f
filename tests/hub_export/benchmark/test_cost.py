"""The command that times how cost grows with work."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import cost
from benchmarks.cost import Cost, Work, exponent, measure

app = typer.Typer()
app.command()(cost.main)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_a_power(power: float) -> None:
    costs = [Cost(n, n, 3.0 * n**power) for n in (10, 20, 50, 200)]
    assert exponent(costs) == pytest.approx(power)


def test_work_is_counted_for_all_images() -> None:
    one, four = (measure("batch", Work(batch=n, size=28, depth=1, width=8)) for n in (1, 4))
    assert (one.value, four.value) == (1, 4)
    assert four.multiply_adds == 4 * one.multiply_adds
    assert min(one.seconds, four.seconds) > 0


def test_results_are_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = [Work(size=28, depth=n, width=8) for n in (1, 2, 3)]
    monkeypatch.setattr(cost, "SERIES", {"depth": small})
    monkeypatch.setattr(cost, "ceiling", lambda: 1e9)
    out = tmp_path / "cost.json"
    arguments = ["--series", "depth", "--most", "2", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    series = json.loads(out.read_text())["series"]["depth"]
    assert [each["value"] for each in series["costs"]] == [1, 2]
    assert "exponent" in result.stdout
    result = CliRunner().invoke(app, [*arguments, "--overwrite", "--series", "height"])
    assert result.exit_code == 2
    assert "'height' is none of depth" in result.stderr
