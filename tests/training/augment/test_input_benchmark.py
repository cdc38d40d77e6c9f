"""The command that times the input pipeline beside timm's."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import input_pipeline, input_sides
from training.data import open_data

app = typer.Typer()
app.command()(input_pipeline.main)


def test_photos_are_as_large_as_imagenets(tmp_path: Path) -> None:
    input_sides.write_photos(tmp_path, 4)
    data = open_data(f"folder:{tmp_path}", held_out=0.5)
    assert data.num_classes == 2
    for split in (data.train, data.validation):
        for reference in split.references(None):
            assert split.open(split.stored(split.fetch(reference)).numpy()).size == (500, 375)


def test_misuse_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "there.json").touch()
    for arguments, message in (
        (["--out", str(tmp_path / "new.json"), "--model", "nothing"], "no variant 'nothing'; see"),
        (["--out", str(tmp_path / "there.json")], "there.json is there already; choose another"),
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


def test_ratios_are_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = {"ours": iter([300.0, 200.0, 400.0]), "timm": iter([100.0, 100.0, 100.0])}

    def measure(side: str, folder: str, last: int | str) -> list[float]:
        return [2.0, 0.5] if side == input_sides.STEPS else [next(speeds[side])]

    monkeypatch.setattr(input_pipeline, "_measure", measure)
    found = input_pipeline.compare(2, 3, "mixer_s32", threads=2)
    assert found["images_per_second"] == {"ours": 300.0, "timm": 100.0}
    assert found["ratio_of_rounds"] == [3.0, 2.0, 4.0]
    assert found["ratio"] == 3.0
    assert found["share_of_a_step_that_waited"] == 0.25
