"""Adds TFLite Metadata to a file: its input, its output and the names of its classes.

No package for current Python versions writes these metadata. The tables below are those of
`metadata_schema.fbs`; their fields are given by position.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from hub_export.tflite.flatbuffer_edits import pack_model, unpack_model
from keras_mixers.labels import format_labels
from keras_mixers.run_files import LABELS_FILE

# Their names in the schema: TENSOR_AXIS_LABELS, NormalizationOptions, RGB, ImageProperties and
# FeatureProperties.
_AXIS_LABELS, _NORMALIZATION, _RGB, _IMAGE, _FEATURE = 2, 1, 1, 2, 1
_ENTRY, _IDENTIFIER, _PARSER = "TFLITE_METADATA", b"M001", "1.0.0"


@dataclass(frozen=True)
class FileDescription:
    """What the metadata say about a TFLite file.

    Attributes:
        name: Name of the model.
        text: What the model does, in a sentence or two.
        output: Name of the output: "probabilities", "logits" or "features".
        labels: One name per class; None if there are no classes or their names aren't known.
        takes_pixels: Whether the input is pixels in [0, 255].
        licence: SPDX identifier of the weights' licence.
    """

    name: str
    text: str
    output: str
    labels: Sequence[str] | None = None
    takes_pixels: bool = True
    licence: str | None = None


def with_metadata(content: bytes, description: FileDescription) -> bytes:
    """Return a TFLite file with metadata; the names of its classes are appended as a zip archive.

    Args:
        content: Content of the file.
        description: What the metadata say.

    Reference: https://ai.google.dev/edge/litert/conversion/tensorflow/build/metadata.
    """
    model = unpack_model(content)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_metadata(description), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _ENTRY, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    file = io.BytesIO(pack_model(model, len(content) + 4096))
    if description.labels is not None:
        file.seek(0, io.SEEK_END)
        with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
            # ZipInfo has a constant date, so that the same model gives the same bytes.
            archive.writestr(zipfile.ZipInfo(LABELS_FILE), format_labels(description.labels))
    return file.getvalue()


def _metadata(description: FileDescription) -> bytes:
    """Return the content of a metadata flatbuffer."""
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString
    image = _table(builder, {0: ("Int8", _IMAGE), 1: _table(builder, {0: ("Int8", _RGB)})})
    fields = {0: text("images"), 3: image}
    if description.takes_pixels:
        # The file normalises pixels itself, so readers should subtract 0 and divide by 1.
        options = _table(builder, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
        unit = _table(builder, {0: ("Uint8", _NORMALIZATION), 1: options})
        stats = _table(builder, {0: _floats(builder, [255.0]), 1: _floats(builder, [0.0])})
        fields |= {4: _tables(builder, [unit]), 5: stats}
    images = _table(builder, fields)
    feature = _table(builder, {0: ("Uint8", _FEATURE), 1: _table(builder, {})})
    fields = {0: text(description.output), 3: feature}
    if description.labels is not None:
        names = {0: text(LABELS_FILE), 1: text("Names of the classes."), 2: ("Int8", _AXIS_LABELS)}
        fields[6] = _tables(builder, [_table(builder, names)])
    output = _table(builder, fields)
    graph = _table(builder, {2: _tables(builder, [images]), 3: _tables(builder, [output])})
    fields = {0: text(description.name), 1: text(description.text), 2: text("v1")}
    fields |= {3: _tables(builder, [graph]), 7: text(_PARSER)}
    if description.licence:
        fields[5] = text(description.licence)
    builder.Finish(_table(builder, fields), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, fields: dict[int, int | tuple[str, int]]) -> int:
    """Add a table and return its offset.

    Args:
        builder: What the table is added to.
        fields: By position, the offset of something added before, or a scalar's type and value.
    """
    builder.StartObject(max(fields, default=-1) + 1)
    for position, value in fields.items():
        if isinstance(value, int):
            builder.PrependUOffsetTRelativeSlot(position, value, 0)
        else:
            getattr(builder, f"Prepend{value[0]}Slot")(position, value[1], 0)
    return builder.EndObject()


def _tables(builder: flatbuffers.Builder, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def _floats(builder: flatbuffers.Builder, values: list[float]) -> int:
    return builder.CreateNumpyVector(np.array(values, "float32"))
