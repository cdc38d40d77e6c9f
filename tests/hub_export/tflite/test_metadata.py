import io
import zipfile

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from flatbuffers.number_types import Float32Flags, Int8Flags, Uint8Flags
from tensorflow.lite.python import schema_py_generated as schema

from hub_export.tflite.export import write_tflite, write_with_settings
from hub_export.tflite.settings import Settings
from tests.helpers.export_models import SHAPE, conv_mixer

LABELS = ["cat", "dog", "Häher", "a b", "fish"]


class Reader:
    """Reads a table by the positions of its fields, as the readers' generated code does."""

    def __init__(self, content, place):
        self.table = flatbuffers.Table(content, place)

    def _at(self, position):
        offset = self.table.Offset(4 + 2 * position)
        return offset and offset + self.table.Pos

    def has(self, position):
        return bool(self._at(position))

    def text(self, position):
        return self.table.String(self._at(position)).decode()

    def number(self, position, kind):
        return self.table.Get(kind, self._at(position))

    def one(self, position):
        return Reader(self.table.Bytes, self.table.Indirect(self._at(position)))

    def first(self, position):
        offset = self._at(position) - self.table.Pos
        assert self.table.VectorLen(offset) == 1
        return Reader(self.table.Bytes, self.table.Indirect(self.table.Vector(offset)))

    def floats(self, position):
        offset = self._at(position) - self.table.Pos
        return self.table.GetVectorAsNumpy(Float32Flags, offset).tolist()


def metadata_of(content):
    file = schema.Model.GetRootAs(content, 0)
    entries = [file.Metadata(i) for i in range(file.MetadataLength())]
    (entry,) = [entry for entry in entries if entry.Name() == b"TFLITE_METADATA"]
    data = file.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert data[4:8] == b"M001"
    return Reader(data, int(np.frombuffer(data[:4], "<u4")[0]))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "model.tflite"
    asked = Settings(labels=LABELS, licence="MIT")
    write_with_settings(conv_mixer(name="net"), asked, None, path)
    return path.read_bytes()


def test_metadata_say_what_goes_in_and_out(content):
    metadata = metadata_of(content)
    assert (metadata.text(0), metadata.text(5), metadata.text(7)) == ("net", "MIT", "1.0.0")
    graph = metadata.first(3)
    images, scores = graph.first(2), graph.first(3)
    assert (images.text(0), scores.text(0)) == ("images", "probabilities")
    kind, properties = images.one(3).number(0, Uint8Flags), images.one(3).one(1)
    assert (kind, properties.number(0, Int8Flags)) == (2, 1)  # ImageProperties, RGB.
    unit = images.first(4)
    assert unit.number(0, Uint8Flags) == 1  # NormalizationOptions.
    assert (unit.one(1).floats(0), unit.one(1).floats(1)) == ([0.0], [1.0])
    assert (images.one(5).floats(0), images.one(5).floats(1)) == ([255.0], [0.0])
    labels = scores.first(6)
    assert (labels.text(0), labels.number(2, Int8Flags)) == ("labels.txt", 2)


def test_names_of_classes_lie_in_the_file(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt").decode().splitlines() == LABELS


def test_file_with_metadata_is_a_file_like_others(content):
    Interpreter(model_content=content).allocate_tensors()
    file = schema.Model.GetRootAs(content, 0)
    places = [
        file.Buffers(i)._tab.Vector(file.Buffers(i)._tab.Offset(4))
        for i in range(file.BuffersLength())
        if file.Buffers(i).DataLength()
    ]
    assert len(places) > 10
    assert {place % 16 for place in places} == {0}


def test_what_is_not_known_is_left_out(tmp_path):
    features = conv_mixer(include_top=False, pooling="avg", include_preprocessing=False)
    write_tflite(features, tmp_path / "model.tflite", input_shape=SHAPE)
    content = (tmp_path / "model.tflite").read_bytes()
    assert not zipfile.is_zipfile(io.BytesIO(content))
    metadata = metadata_of(content)
    images, output = metadata.first(3).first(2), metadata.first(3).first(3)
    assert output.text(0) == "features"
    assert not metadata.has(5)
    assert not images.has(4)
    assert not images.has(5)
    assert not output.has(6)
