"""Options that several exports have."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import packages_of

if TYPE_CHECKING:
    import numpy as np

    from hub_export.exportable_model import ExportableModel

Licence = Annotated[
    str | None,
    typer.Option(help="Licence of the weights as an SPDX identifier, such as Apache-2.0."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export at OUT.")]
RepresentativeData = Annotated[
    str | None,
    typer.Option(help="Images for int8 and int16x8: a folder, tfds:NAME, npz:PATH or digits."),
]
Size = Annotated[
    int | None,
    typer.Option(min=1, help="Height and width of the images, if the model takes any."),
]


class Quantize(StrEnum):
    """The number format of a TFLite file."""

    none = "none"
    float16 = "float16"
    dynamic = "dynamic"
    int8 = "int8"
    int16x8 = "int16x8"


def square(size: int | None, origin: "ExportableModel") -> tuple[int, int, int] | None:
    """Return the shape of square images for a model, or None for the model's own."""
    return None if size is None else (size, size, origin.facts.input_shape[2])


def representative_images(
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
