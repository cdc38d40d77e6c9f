"""The `keras-mixers` command, apart from `predict`."""

import os
import runpy
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from rich.table import Table

import keras_mixers
from keras_mixers_cli import console
from tests.helpers.command_line import failure, run
from training.errors import TrainingError


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("--help", "\n  quickstart "),
        ("list", "mixer_b16"),
        ("info mixer_b16", "59,880,472"),
        ("weights", "imagenet1k-Mixer-B_16.npz"),
        ("explain --help", "receptive-field"),
        ("recipes", "convmixer_digits"),
        ("train convmixer_digits --show", '"epochs": 20'),
        ("compare", "patches_or_attention"),
        ("compare mixer_design --show", '"seeds": 3'),
    ],
)
def test_answers_without_importing_keras_or_tensorflow(command: str, shown: str) -> None:
    process = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "keras_mixers_cli", *command.split()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown in process.stdout
    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines()}
    assert "keras_mixers_cli.app" in imported
    assert not imported & {"keras", "tensorflow", "keras_mixers.api"}


def test_misuse_is_told_without_importing_keras_or_tensorflow() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "keras_mixers_cli"]
    process = subprocess.run(
        [*command, "predict", "mixer_b16", "a.jpg"], capture_output=True, text=True
    )
    assert process.returncode == 2
    *imported, message = process.stderr.splitlines()
    assert message == "error: mixer_b16 needs --weights; see `keras-mixers weights mixer_b16`."
    names = {line.rpartition("|")[2].strip() for line in imported}
    assert "hub_export.named_model" in names
    assert not names & {"keras", "tensorflow", "keras_mixers.api"}


def test_version() -> None:
    assert run("--version").stdout == f"keras-mixers {keras_mixers.__version__}\n"


def test_packages_run_as_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--version"])
    for package in ("keras_mixers", "keras_mixers_cli"):
        with pytest.raises(SystemExit) as end:
            runpy.run_module(package, run_name="__main__")
        assert end.value.code == 0
        assert capsys.readouterr().out == f"keras-mixers {keras_mixers.__version__}\n"


def test_misuse() -> None:
    assert run().exit_code == 2
    result = run("lst")
    assert result.exit_code == 2
    assert "No such command 'lst'" in result.stderr
    assert "list" in result.stderr
    result = run("predict", "run", "--top", "0", "a.jpg")
    assert result.exit_code == 2
    assert "Invalid value for '--top'" in result.stderr
    assert run("predict", "a.jpg").exit_code == 2


def test_list_names_every_variant_uncut() -> None:
    lines = run("list").stdout.splitlines()
    rows = [line.split() for line in lines if line.strip()][2:]
    assert [row[0] for row in rows] == keras_mixers.list_models()
    (row,) = (row for row in rows if row[0] == "convmixer_1536_20")
    assert " ".join(row[1:]) == "51,625,960 51.10 G 81.37 % 224 x 224 x 3"
    (row,) = (row for row in rows if row[0] == "mixer_s8")
    assert " ".join(row[1:]) == "20,646,504 14.88 G - 224 x 224 x 3"


def test_list_takes_a_pattern() -> None:
    lines = run("list", "mixer_b*").stdout.split()
    assert [word for word in lines if "mixer" in word] == ["mixer_b16", "mixer_b32"]
    assert "No variant matches 'mixer'; expected a pattern" in failure(run("list", "mixer"))


def test_info() -> None:
    rows = {}
    for line in run("info", "t2t_vit_14").stdout.splitlines():
        heading, _, value = line.strip().partition("  ")
        rows[heading] = value.strip()
    variant = keras_mixers.model_info("t2t_vit_14")
    assert rows["family"] == "T2TViT"
    assert rows["arguments"] == (
        "hidden_dim=384, depth=14, num_heads=6, mlp_ratio=3.0, token_mixer='performer'"
    )
    assert rows["trainable parameters"] == "21,465,806"
    assert rows["fixed parameters"] == "79,744"
    assert rows["multiply-adds"] == "4.7835 G"
    assert rows["top-1"] == "81.50 %"
    assert rows["top-1 source"] == variant.top1_source
    assert rows["input"] == "224 x 224 x 3"
    assert rows["classes"] == "1000"
    assert rows["resize"] == "248 x 248, bicubic"
    assert rows["centre crop"] == "224 x 224"
    assert rows["mean"] == "0.485, 0.456, 0.406"
    assert rows["standard deviation"] == "0.229, 0.224, 0.225"
    assert rows["paper"] == variant.paper


def test_info_offers_near_names() -> None:
    message = failure(run("info", "mixer_b17"), status=2)
    assert "There is no variant 'mixer_b17'; did you mean mixer_b16" in message


def fake_quickstart(monkeypatch: pytest.MonkeyPatch, run_it: Callable[[Path, bool], None]) -> None:
    module = types.ModuleType("keras_mixers_cli.quickstart")
    module.run = run_it  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keras_mixers_cli.quickstart", module)


def test_quickstart_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    fake_quickstart(monkeypatch, lambda out, overwrite: calls.append((out, overwrite)))
    assert run("quickstart").exit_code == 0
    assert run("quickstart", "--out", "there", "--overwrite").exit_code == 0
    assert calls == [(Path("keras-mixers-quickstart"), False), (Path("there"), True)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("It went\nwrong."), "It went wrong."),
        (TrainingError("It went wrong."), "It went wrong."),
        (ValueError("\x1b]0;title\x07 is \udcff."), r"\x1b]0;title\x07 is \udcff."),
        (PermissionError(13, "Permission denied", "there"), "there: Permission denied."),
        (
            tf.errors.UnknownError(
                None,
                None,
                "{{function_node a}} ImageError: a.png\nTraceback (most recent call last):",
            ),
            "ImageError: a.png",
        ),
        (
            ModuleNotFoundError("No module named 'sklearn'", name="sklearn"),
            "The package 'sklearn' is not installed: pip install 'keras-mixers[quickstart]'.",
        ),
    ],
)
def test_errors_are_one_line(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(out: Path, overwrite: bool) -> None:
        raise error

    fake_quickstart(monkeypatch, fail)
    assert failure(run("quickstart")) == f"error: {message}\n"


def test_names_in_tables_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("a\x1b[2J", "b")
    table.add_row("\x9b2J\n", ":cat: [red]")
    console.print_table(table)
    lines = capsys.readouterr().out.splitlines()
    heading, _, row = (line.strip() for line in lines if line.strip())
    assert heading.split() == [r"a\x1b[2J", "b"]
    assert row.split(maxsplit=1) == [r"\x9b2J\n", ":cat: [red]"]


def test_long_errors_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(out: Path, overwrite: bool) -> None:
        raise ValueError("long " * 1000)

    fake_quickstart(monkeypatch, fail)
    assert len(failure(run("quickstart"))) < 520


def test_missing_quickstart_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "keras_mixers_cli.quickstart", raising=False)
    message = failure(run("quickstart"))
    assert "The package 'matplotlib' is not installed" in message


def test_interruption_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(out: Path, overwrite: bool) -> None:
        raise KeyboardInterrupt

    fake_quickstart(monkeypatch, interrupt)
    result = run("quickstart")
    assert result.exit_code == 130
    assert result.output == ""


@pytest.mark.parametrize("level", [None, "0"])
def test_start_hides_what_is_printed_below_python(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], level: str | None
) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    if level is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    with console.quiet_start():
        os.write(2, b"TensorFlow's lines\n")
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == (level or "3")
    os.write(2, b"an error\n")
    assert (
        capfd.readouterr().err == ("" if level is None else "TensorFlow's lines\n") + "an error\n"
    )
