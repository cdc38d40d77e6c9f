"""A disk that is full is told in one line, and what was there is as it was."""

import pytest

import keras_mixers
from tests.helpers.children import Child, command, end_all

pytestmark = pytest.mark.damage


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras_mixers.ConvMixer(16, 2, kernel_size=3, input_shape=(32, 32, 3), classes=3).save(path)
    return path


@pytest.mark.parametrize("limit", [2_000, 12_000])
@pytest.mark.parametrize(
    ("format", "name"), [("hub", "out"), ("hub", "out.tar.gz"), ("tflite", "out.tflite")]
)
def test_export(format, name, limit, model, tmp_path):
    arguments = ("export", format, str(model), str(tmp_path / name))
    ((code, out, err),) = end_all([Child(command, *arguments, file_limit=limit)])
    assert code == 1, (out, err)
    assert err.splitlines()[-1].startswith("error: "), err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
