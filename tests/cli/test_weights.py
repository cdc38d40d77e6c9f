"""`keras-mixers weights` and `keras-mixers convert`."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.helpers.command_line import failure, run
from tests.keras_mixers.weights.golden import DATA


def test_list_of_weights() -> None:
    result = run("weights", "t2t_vit_14")
    assert result.exit_code == 0
    for text in ("imagenet-384", "cifar100", "83.30 %", "BSD", "81.5_T2T_ViT_14.pth.tar"):
        assert text in result.stdout
    assert "mixer" not in result.stdout
    assert "No released weights match 'resnet'" in failure(run("weights", "resnet"))


def test_verify_prints_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", str(tmp_path))
    assert run("weights", "--verify").stdout == ""
    file = tmp_path / "convmixer_768_32.in1k.safetensors"
    shutil.copy(DATA / "convmixer_relu_timm.safetensors", file)
    result = run("weights", "convmixer*", "--verify")
    assert result.exit_code == 0
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert result.stdout.split() == [sha256, str(file.stat().st_size), file.name]
    assert result.stderr == "1 of 6 files are in the cache.\n"
    file.write_text("<html>Not found</html>")
    result = run("weights", "convmixer*", "--verify")
    assert result.exit_code == 1
    assert "is a web page" in result.stdout


def test_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", str(tmp_path))
    out = tmp_path / "model.keras"
    assert "fits no published variant" in failure(run("convert", DATA / "mixer_google.npz", out))
    assert "is missing" in failure(run("convert", "mixer_b16:imagenet", out))
    assert "must end in .keras" in failure(run("convert", "mixer_b16:imagenet", tmp_path / "a.h5"))
    assert run("convert", "mixer_b16:imagenet").exit_code == 2
    assert list(tmp_path.iterdir()) == []
