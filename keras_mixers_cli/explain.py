"""`keras-mixers explain`."""

import logging
import warnings
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    UsageError,
    echo,
    one_line_errors,
    print_table,
    quiet_start,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_mixers_cli.pictures import Subject

_OUT = Path("keras-mixers-explain")
_SHEET = "contact-sheet.png"
_Drawn = dict[str, list["Figure"]]


class What(StrEnum):
    """The pictures that there are."""

    filters = "filters"
    token_mixing = "token-mixing"
    depthwise = "depthwise"
    receptive_field = "receptive-field"
    feature_maps = "feature-maps"
    attention = "attention"
    grad_cam = "grad-cam"


@one_line_errors()
def explain(
    model: Annotated[
        str,
        typer.Argument(help="A run's folder, a .keras file, or a variant's name with --weights."),
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Image files, or more models to draw beside."),
    ] = None,
    what: Annotated[
        list[What] | None,
        typer.Option(help="A picture; may be repeated. [default: all that exist for the models]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = _OUT,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of a variant: the name of released ones, or a file."),
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(help="Block for Grad-CAM, from 0. [default: the last that patches leave]"),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Height and width of the images, if the model takes any. [default: 224]"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier pictures at OUT.")
    ] = False,
) -> None:
    """Draw what a model has learned, and what it looks at in images.

    Writes PNG files and a contact sheet of them. Several models are drawn side by side.
    """
    with quiet_start():
        from keras_mixers.atomic_files import check_writable, write_atomically
        from keras_mixers.visualize.canvas import new_figure
        from keras_mixers.visualize.sheet import contact_sheet, side_by_side
        from keras_mixers_cli.pictures import open_subject

    new_figure(1, 1)  # Before anything that takes time: is matplotlib there?
    check_writable(out, overwrite, _SHEET)
    models, files = _split([model, *(images or ())])
    _check_images(what, files)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    # Pillow warns of what it can read all the same, and matplotlib of letters that its font lacks.
    with warnings.catch_warnings(action="ignore"):
        subjects = [open_subject(name, weights, files, size, block) for name in models]
        drawn = _draw(subjects, what, files)
        pictures = {name: side_by_side(figures) for name, figures in drawn.items()}
    with write_atomically(out, overwrite, _SHEET) as place:
        place.mkdir()
        for name, picture in {**pictures, _SHEET: contact_sheet([*pictures.values()])}.items():
            picture.save(place / name, optimize=True)
    for name in (*pictures, _SHEET):
        echo(out / name)
    if f"{What.receptive_field}.png" in drawn:
        _print_fields(subjects)


def _split(names: list[str]) -> tuple[list[str], list[Path]]:
    """Return the models and the images among the arguments; the first one is a model."""
    from keras_mixers.catalogue import list_models

    models, files = names[:1], []
    for name in names[1:]:
        path = Path(name)
        if (
            path.is_dir()
            or path.suffix == ".keras"
            or (name in list_models() and not path.exists())
        ):
            models.append(name)
        elif path.is_file():
            files.append(path)
        else:
            raise FileNotFoundError(
                f"There is no image {name!r}, nor a model; expected an image file, a run's folder, "
                "a .keras file or a variant's name."
            )
    return models, files


def _check_images(what: list[What] | None, files: list[Path]) -> None:
    from keras_mixers_cli.pictures import PICTURES

    for name in what or ():
        if PICTURES[name].needs_image and not files:
            raise UsageError(f"{name} needs an image: keras-mixers explain MODEL IMAGE.")


def _draw(subjects: list["Subject"], what: list[What] | None, files: list[Path]) -> _Drawn:
    """Return each picture's figures, one a model, by file name.

    Pictures that don't exist for a model are left out, unless they were asked for.
    """
    from keras_mixers.visualize import NoPictureError
    from keras_mixers_cli.pictures import PICTURES

    drawn: _Drawn = {}
    for name in what or What:
        stems = _unlike([path.stem for path in files]) if PICTURES[name].needs_image else [""]
        for i, stem in enumerate(stems):
            figures = []
            for subject in subjects:
                try:
                    figure = PICTURES[name].draw(subject, i)
                except NoPictureError:
                    if what:
                        raise
                    continue
                about = f"{subject.name}, {stem}" if stem else subject.name
                figure.supxlabel(about, fontsize=9, parse_math=False)
                figures.append(figure)
            if figures:
                drawn[f"{name}-{stem}.png" if stem else f"{name}.png"] = figures
    if not drawn:
        raise NoPictureError(
            "There is no picture of this model; expected one with a patch embedding or blocks of "
            "keras_mixers."
        )
    return drawn


def _unlike(stems: list[str]) -> list[str]:
    """Number the names that occur more than once.

    >>> _unlike(["cat", "dog", "cat"])
    ['cat-1', 'dog', 'cat-2']
    """
    return [
        stem if stems.count(stem) == 1 else f"{stem}-{stems[: i + 1].count(stem)}"
        for i, stem in enumerate(stems)
    ]


def _print_fields(subjects: list["Subject"]) -> None:
    from rich.table import Table

    from keras_mixers.visualize import NoPictureError

    table = Table("receptive field", "block")
    for heading in ("50 % within", "95 % within"):
        table.add_column(heading, justify="right")
    for subject in subjects:
        with suppress(NoPictureError):  # Another model has one.
            for field in subject.fields:
                radii = (f"{field.radius(share):.1f} px" for share in (0.5, 0.95))
                table.add_row(subject.name, str(field.block), *radii)
    print_table(table)
