"""`keras-mixers export`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    echo,
    one_line_errors,
    packages_of,
    plain_warnings,
    quiet_start,
)
from keras_mixers_cli.export_options import (
    Licence,
    Overwrite,
    Quantize,
    RepresentativeData,
    Size,
    representative_images,
    square,
)
from keras_mixers_cli.model_argument import KerasModel, Weights, check_model
from keras_mixers_cli.verify import Data, Labels, print_verification

if TYPE_CHECKING:
    from hub_export.model_facts import ModelFacts

export = typer.Typer(help="Export a model to another format.", no_args_is_help=True)


class Layout(StrEnum):
    """Whose names a checkpoint has."""

    timm = "timm"
    authors = "authors"
    google = "google"


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
@plain_warnings()
@packages_of("export")
def hub(
    model: KerasModel,
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    weights: Weights = None,
    labels: Labels = None,
    licence: Licence = None,
    data: Data = None,
    tar: Annotated[
        bool, typer.Option("--tar", help="Also write a .tar.gz of each, with its SHA-256.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Export SavedModels for TensorFlow Hub and Kaggle Models.

    They are a classifier and its features. Each is loaded in a new process and compared with the
    model before OUT appears.
    """
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.exportable_model import load_exportable_model
        from hub_export.publish.hub import export_hub
        from hub_export.publish.kaggle import MODEL_METADATA_FILE
        from keras_mixers.atomic_files import check_writable
    check_writable(
        out, overwrite, MODEL_METADATA_FILE
    )  # Before the model is loaded, which takes time.
    origin = load_exportable_model(model, weights, labels, licence)
    checks = export_hub(origin.model, out, origin.labels, origin.facts, tar, data, overwrite)
    for handle, verification in checks.items():
        print_verification(out / handle, verification)


@export.command()
@one_line_errors()
@plain_warnings()
@packages_of("export")
def tflite(
    model: KerasModel,
    out: Annotated[Path, typer.Argument(help="The .tflite file to write.")],
    quantize: Annotated[Quantize, typer.Option(help="Number format of the file.")] = Quantize.none,
    representative_data: RepresentativeData = None,
    batch: Annotated[
        int, typer.Option(min=0, help="Images per call; 0 for any number, which is slower.")
    ] = 1,
    size: Size = None,
    input_type: Annotated[
        InputType | None,
        typer.Option(help="Type of the images. [default: uint8 for int8, else float32]"),
    ] = None,
    output: Annotated[
        Output | None, typer.Option(help="What it returns. [default: the model's own output]")
    ] = None,
    weights: Weights = None,
    labels: Labels = None,
    licence: Licence = None,
    data: Data = None,
    overwrite: Overwrite = False,
) -> None:
    """Export a TFLite file for phones and other small devices.

    It is loaded in a new process and compared with the model before OUT appears.
    """
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.exportable_model import load_exportable_model
        from hub_export.tflite.export import export_tflite
        from keras_mixers.atomic_files import check_writable
    check_writable(out, overwrite)
    origin = load_exportable_model(model, weights, labels, licence)
    input_shape = square(size, origin)
    verification = export_tflite(
        origin.model,
        out,
        quantize.value,
        representative_images(representative_data, origin, input_shape),
        batch or None,
        input_shape=input_shape,
        input_type=None if input_type is None else input_type.value,
        output=None if output is None else output.value,
        labels=origin.labels,
        licence=origin.facts.licence,
        overwrite=overwrite,
        data=data,
    )
    print_verification(out, verification)
    echo(f"{out.stat().st_size / 1e6:.2f} MB")


@export.command()
@one_line_errors()
@plain_warnings()
@packages_of("onnx")
def onnx(
    model: KerasModel,
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    weights: Weights = None,
    data: Data = None,
    overwrite: Overwrite = False,
) -> None:
    """Export an ONNX file.

    It is run with onnxruntime and compared with the model before OUT appears.
    """
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.exportable_model import load_exportable_model
        from hub_export.onnx import export_onnx
        from keras_mixers.atomic_files import check_writable
    check_writable(out, overwrite)
    origin = load_exportable_model(model, weights)
    print_verification(out, export_onnx(origin.model, out, overwrite, data))


@export.command()
@one_line_errors()
@plain_warnings()
@packages_of("openvino")
def openvino(
    model: KerasModel,
    out: Annotated[Path, typer.Argument(help="The folder to write, with model.xml and model.bin.")],
    weights: Weights = None,
    data: Data = None,
    overwrite: Overwrite = False,
) -> None:
    """Export a folder for OpenVINO.

    It is run with OpenVINO and compared with the model before OUT appears.
    """
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.exportable_model import load_exportable_model
        from hub_export.openvino import export_openvino
    origin = load_exportable_model(model, weights)
    print_verification(out, export_openvino(origin.model, out, overwrite, data))


@export.command()
@one_line_errors()
@plain_warnings()
@packages_of("export")
def checkpoint(
    model: KerasModel,
    out: Annotated[Path, typer.Argument(help="The .safetensors, .npz or .pth file to write.")],
    weights: Weights = None,
    layout: Annotated[Layout, typer.Option(help="Whose names it has.")] = Layout.timm,
    overwrite: Overwrite = False,
) -> None:
    """Export the weights for timm, or as the authors or Google name them.

    With which mean and deviation images must be normalised there is printed.
    """
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.exportable_model import load_exportable_model
        from keras_mixers.atomic_files import check_writable
        from keras_mixers.weights.save import save_checkpoint
    check_writable(out, overwrite)
    origin = load_exportable_model(model, weights)
    save_checkpoint(origin.model, out, layout.value, overwrite=overwrite)
    echo(
        f"{out}: weights of {origin.model.name}, named as by {layout}{_normalisation(origin.facts)}"
    )


def _normalisation(facts: "ModelFacts") -> str:
    """Return with which mean and deviation a model normalises images, if it does."""
    if facts.mean is None or facts.std is None:
        return ""
    mean, std = (", ".join(f"{x:g}" for x in values) for values in (facts.mean, facts.std))
    return f"; mean ({mean}), std ({std})"
