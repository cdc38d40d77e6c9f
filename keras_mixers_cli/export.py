"""`keras-mixers export` and `keras-mixers verify`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    Trust,
    UsageError,
    echo,
    one_line_errors,
    packages_of,
    plain_notes,
    print_table,
    quiet_start,
)

if TYPE_CHECKING:
    import numpy as np

    from hub_export.exportable_model import ExportableModel
    from hub_export.verification.verify import Verification

export = typer.Typer(help="Export a model to another format.", no_args_is_help=True)

_Model = Annotated[
    str, typer.Argument(help="A .keras file, a run's folder, or a variant's name with --weights.")
]
_Weights = Annotated[
    str | None, typer.Option(help="Weights of a variant: the name of released ones, or a file.")
]
_Data = Annotated[
    Path | None,
    typer.Option(help="Folder of images to compare on. [default: parts of two photographs]"),
]

_Labels = Annotated[
    Path | None, typer.Option(help="File of class names, one per line. [default: the model's own]")
]
_Licence = Annotated[
    str | None,
    typer.Option(help="Licence of the weights as an SPDX identifier, such as Apache-2.0."),
]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export at OUT.")]


class Quantize(StrEnum):
    """The number format of a TFLite file."""

    none = "none"
    float16 = "float16"
    dynamic = "dynamic"
    int8 = "int8"
    int16x8 = "int16x8"


class InputType(StrEnum):
    """The type of the images that a TFLite file takes."""

    float32 = "float32"
    uint8 = "uint8"


class Output(StrEnum):
    """What a TFLite file of a classifier returns."""

    logits = "logits"
    probabilities = "probabilities"


@export.command()
@one_line_errors()
@packages_of("export")
def hub(
    model: _Model,
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    weights: _Weights = None,
    labels: _Labels = None,
    licence: _Licence = None,
    data: _Data = None,
    tar: Annotated[
        bool, typer.Option("--tar", help="Also write a .tar.gz of each, with its SHA-256.")
    ] = False,
    overwrite: _Overwrite = False,
) -> None:
    """Export SavedModels for TensorFlow Hub and Kaggle Models.

    They are a classifier and its features. Each is loaded in a new process and compared with the
    model before OUT appears.
    """
    with quiet_start():
        from hub_export.publish.hub import export_hub
        from hub_export.publish.kaggle import MODEL_METADATA_FILE
        from keras_mixers.atomic_files import check_writable
    check_writable(
        out, overwrite, MODEL_METADATA_FILE
    )  # Before the model is loaded, which takes time.
    origin = _origin(model, weights, labels, licence)
    checks = export_hub(origin.model, out, origin.labels, origin.facts, tar, data, overwrite)
    for handle, verification in checks.items():
        _print(out / handle, verification)


@export.command()
@one_line_errors()
@packages_of("export")
def tflite(
    model: _Model,
    out: Annotated[Path, typer.Argument(help="The .tflite file to write.")],
    quantize: Annotated[Quantize, typer.Option(help="Number format of the file.")] = Quantize.none,
    representative_data: Annotated[
        str | None,
        typer.Option(help="Images for int8 and int16x8: a folder, tfds:NAME, npz:PATH or digits."),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=0, help="Images per call; 0 for any number, which is slower.")
    ] = 1,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Height and width of the images, if the model takes any."),
    ] = None,
    input_type: Annotated[
        InputType | None,
        typer.Option(help="Type of the images. [default: uint8 for int8, else float32]"),
    ] = None,
    output: Annotated[
        Output | None, typer.Option(help="What it returns. [default: the model's own output]")
    ] = None,
    weights: _Weights = None,
    labels: _Labels = None,
    licence: _Licence = None,
    data: _Data = None,
    overwrite: _Overwrite = False,
) -> None:
    """Export a TFLite file for phones and other small devices.

    It is loaded in a new process and compared with the model before OUT appears.
    """
    with quiet_start():
        from hub_export.tflite.export import export_tflite
        from keras_mixers.atomic_files import check_writable
    check_writable(out, overwrite)
    origin = _origin(model, weights, labels, licence)
    channels = origin.facts.input_shape[2]
    input_shape = None if size is None else (size, size, channels)
    verification = export_tflite(
        origin.model,
        out,
        quantize.value,
        _representative_images(representative_data, origin, input_shape),
        batch or None,
        input_shape=input_shape,
        input_type=None if input_type is None else input_type.value,
        output=None if output is None else output.value,
        labels=origin.labels,
        licence=origin.facts.licence,
        overwrite=overwrite,
        data=data,
    )
    _print(out, verification)
    echo(f"{out.stat().st_size / 1e6:.2f} MB")


@export.command()
@one_line_errors()
@packages_of("onnx")
def onnx(
    model: _Model,
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    weights: _Weights = None,
    data: _Data = None,
    overwrite: _Overwrite = False,
) -> None:
    """Export an ONNX file.

    It is run with onnxruntime and compared with the model before OUT appears.
    """
    with quiet_start():
        from hub_export.onnx import export_onnx
        from keras_mixers.atomic_files import check_writable
    check_writable(out, overwrite)
    _print(out, export_onnx(_origin(model, weights).model, out, overwrite, data))


@export.command()
@one_line_errors()
@packages_of("openvino")
def openvino(
    model: _Model,
    out: Annotated[Path, typer.Argument(help="The folder to write, with model.xml and model.bin.")],
    weights: _Weights = None,
    data: _Data = None,
    overwrite: _Overwrite = False,
) -> None:
    """Export a folder for OpenVINO.

    It is run with OpenVINO and compared with the model before OUT appears.
    """
    with quiet_start():
        from hub_export.openvino import export_openvino
    _print(out, export_openvino(_origin(model, weights).model, out, overwrite, data))


@one_line_errors()
@packages_of("export")
def verify(
    export: Annotated[
        Path, typer.Argument(help="An export: a folder, .tar.gz, .tflite or .onnx file.")
    ],
    against: Annotated[str, typer.Option(help="The exported model, as given to `export`.")],
    weights: _Weights = None,
    labels: _Labels = None,
    data: _Data = None,
    trust: Trust = False,
) -> None:
    """Compare an export with its model.

    The export is loaded in a new process and run on images. Its class names and metadata are
    compared with the model's, too.
    """
    with quiet_start():
        from hub_export.publish.hub import list_exports
        from hub_export.verification.verify import verify
    parts = list_exports(export)
    origin = _origin(against, weights, labels)
    facts = origin.facts.to_json()
    faults = []
    for part in parts:
        with plain_notes():
            verification = verify(part, origin.model, data, origin.labels, facts, trust)
        _print(part, verification)
        faults += [verification.fault] * (not verification.passed)
    if faults:
        raise ValueError(" ".join(faults))


def _origin(
    model: str,
    weights: str | None,
    labels: Path | None = None,
    licence: str | None = None,
) -> "ExportableModel":
    from hub_export.exportable_model import load_exportable_model
    from keras_mixers.catalogue import list_models

    if weights is None and model in list_models() and not Path(model).exists():
        raise UsageError(f"{model} needs --weights; see `keras-mixers weights {model}`.")
    return load_exportable_model(model, weights, labels, licence)


def _print(path: Path, verification: "Verification") -> None:
    """Print each comparison; differences are relative to the largest number of the output."""
    from rich.table import Table

    images = verification.images
    table = Table(f"{path}, {images} image{'s' * (images != 1)}")
    for heading in ("difference", "allowed", "same class", ""):
        table.add_column(heading, justify="right")
    for check in verification.checks:
        table.add_row(
            check.output,
            f"{check.difference:.1e}",
            f"{check.tolerance:.0e}",
            "" if check.agreement is None else f"{check.agreement:.1%}",
            "ok" if check.passed else "DIFFERS",
        )
    print_table(table)


def _representative_images(
    data: str | None, origin: "ExportableModel", input_shape: tuple[int, int, int] | None
) -> "np.ndarray | str | None":
    """Return the images that calibrate integers: a folder as it is, or drawn from a data set."""
    if data is None or Path(data).is_dir():
        return data
    with packages_of("train"):
        from hub_export.requirements import require_preprocessing_layer
        from keras_mixers.inference import image_shape
        from training.data import sample_images

        require_preprocessing_layer(
            origin.model, f"{data} has pixels in [0, 255]", "give a folder of it"
        )
        facts = origin.facts
        shape = input_shape or image_shape(origin.model)
        return sample_images(data, shape, facts.crop or 1.0, facts.interpolation or "bicubic")
