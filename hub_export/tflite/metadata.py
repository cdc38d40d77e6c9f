"""TFLite Metadata: what goes in and out of a file, and the classes' names, as Google's readers
take them.

No package for current Pythons writes it. The tables are those of `metadata_schema.fbs`, given by
the positions of their fields.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

LABELS = "labels.txt"
# Names in the schema: TENSOR_AXIS_LABELS, NormalizationOptions, RGB, ImageProperties and
# FeatureProperties.
_AXIS_LABELS, _NORMALIZATION, _RGB, _IMAGE, _FEATURE = 2, 1, 1, 2, 1
_ENTRY, _IDENTIFIER, _PARSER = "TFLITE_METADATA", b"M001", "1.0.0"


@dataclass(frozen=True)
class Description:
    """What the metadata say.

    Attributes:
        name: of the model.
        text: what it does, in a sentence or two.
        output: what comes out: "probabilities", "logits" or "features".
        labels: a name for each class; None: there are no classes, or no names.
        pixels: whether pixels in [0, 255] go in.
        licence: of the weights.
    """

    name: str
    text: str
    output: str
    labels: Sequence[str] | None = None
    pixels: bool = True
    licence: str | None = None


class _AlignedBuilder(flatbuffers.Builder):
    """Puts bytes, which are the weights, where readers want them: at multiples of 16.

    The schema asks for it, but the Python code made of it forgets, in the converter too. Readers
    copy what is not aligned.
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N803
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


def with_metadata(content: bytes, description: Description) -> bytes:
    """Return a TFLite file with metadata, and the names of the classes appended as a zip archive.

    Args:
        content: of the file.
        description: what the metadata say.

    Reference: https://ai.google.dev/edge/litert/conversion/tensorflow/build/metadata.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_metadata(description), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _ENTRY, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = _AlignedBuilder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    file = io.BytesIO(bytes(builder.Output()))
    if description.labels is not None:
        file.seek(0, io.SEEK_END)
        with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
            # Without a date: the same model gives the same bytes.
            names = "".join(f"{name}\n" for name in description.labels)
            archive.writestr(zipfile.ZipInfo(LABELS), names)
    return file.getvalue()


def _metadata(description: Description) -> bytes:
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString
    image = _table(builder, {0: ("Int8", _IMAGE), 1: _table(builder, {0: ("Int8", _RGB)})})
    fields = {0: text("images"), 3: image}
    if description.pixels:
        # The file normalises pixels itself: what a reader does to them first is nothing.
        options = _table(builder, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
        unit = _table(builder, {0: ("Uint8", _NORMALIZATION), 1: options})
        stats = _table(builder, {0: _floats(builder, [255.0]), 1: _floats(builder, [0.0])})
        fields |= {4: _tables(builder, [unit]), 5: stats}
    images = _table(builder, fields)
    feature = _table(builder, {0: ("Uint8", _FEATURE), 1: _table(builder, {})})
    fields = {0: text(description.output), 3: feature}
    if description.labels is not None:
        names = {0: text(LABELS), 1: text("Names of the classes."), 2: ("Int8", _AXIS_LABELS)}
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
    """Add a table of fields by their position: what was added before, or a type and a number."""
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
