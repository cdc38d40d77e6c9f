"""`keras-mixers train`, `recipes`, `evaluate` and `few-shot`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    Trust,
    UsageError,
    echo,
    one_line_errors,
    packages_of,
    percent,
    plain_notes,
    plain_warnings,
    print_table,
    quiet_start,
)
from keras_mixers_cli.model_argument import Model, Weights, check_model

if TYPE_CHECKING:
    from rich.table import Table

    from training.evaluation.evaluate import Evaluation

_Data = Annotated[
    str,
    typer.Option(
        help="tfds:NAME, folder:PATH, npz:PATH, digits, mnist5k; its validation images are used."
    ),
]
_DataDir = Annotated[
    Path | None, typer.Option(help="Folder of tensorflow-datasets. [default: its own]")
]
_Size = Annotated[
    int | None,
    typer.Option(
        min=1, help="Height and width of the images, if the model takes any. [default: 224]"
    ),
]
_BatchSize = Annotated[int, typer.Option(min=1, help="Images per batch.")]


@one_line_errors()
@packages_of("train")
def train(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE [OPTIONS]", help="A recipe's name or .json file, and its options."
        ),
    ],
) -> None:
    """Train a recipe. `recipes` lists all recipes, `train RECIPE --help` the options of one."""
    name, *options = arguments
    from keras_mixers_cli.recipe_options import parse
    from training.errors import RecipeError

    try:
        command = parse(name, options)
    except RecipeError as error:
        raise UsageError(str(error)) from None
    if command.show:
        typer.echo(command.recipe.to_json(), nl=False)
        return
    with quiet_start():
        from training.train import train
    with plain_warnings():
        train(
            command.recipe,
            command.folder,
            command.data_dir,
            command.quiet,
            command.devices,
            command.accept_other_data,
        )


@one_line_errors()
@packages_of("train")
def recipes() -> None:
    """List the recipes."""
    from rich.table import Table

    from training.recipes import RECIPES

    table = Table("recipe", "data", "model")
    for heading in ("epochs", "batch size", "published top-1"):
        table.add_column(heading, justify="right")
    for recipe in RECIPES.values():
        published = None if recipe.published is None else recipe.published.top1
        table.add_row(
            recipe.name,
            recipe.data,
            recipe.model.name,
            str(recipe.epochs),
            f"{recipe.batch_size:,}",
            percent(published),
        )
    print_table(table)


@one_line_errors()
@packages_of("train")
def evaluate(
    model: Model,
    data: _Data,
    weights: Weights = None,
    data_dir: _DataDir = None,
    labels: Annotated[
        Path | None, typer.Option(help="File of class names. [default: the model's own]")
    ] = None,
    batch_size: _BatchSize = 64,
    size: _Size = None,
    trust: Trust = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Evaluate a model.

    Prints top-1 and top-5 accuracy, images per second and the accuracy per class.
    """
    check_model(model, weights)
    with quiet_start():
        from training.evaluation.evaluate import evaluate

    with plain_warnings(), plain_notes():
        found = evaluate(model, data, batch_size, data_dir, labels, size, trust, weights)
    if json:
        typer.echo(found.to_json(), nl=False)
        return
    print_table(_class_table(found))
    speed = "" if found.images_per_second is None else f", {found.images_per_second:,.0f} images/s"
    top5 = "" if found.top5 is None else f", top-5 {found.top5:.2%}"
    echo(f"top-1 {found.top1:.2%}{top5}, {found.images:,} images{speed}")


@one_line_errors()
@packages_of("train")
def few_shot(
    model: Model,
    data: _Data,
    weights: Weights = None,
    shots: Annotated[int, typer.Option(min=1, help="Training images per class.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Number of random draws of these images.")] = 3,
    data_dir: _DataDir = None,
    batch_size: _BatchSize = 64,
    size: _Size = None,
    trust: Trust = False,
) -> None:
    """Evaluate a model's features with a few images per class.

    A linear classifier is fitted to the frozen features of these images.
    """
    check_model(model, weights)
    with quiet_start():
        from training.evaluation.few_shot import few_shot

    with plain_warnings(), plain_notes():
        found = few_shot(
            model,
            data,
            shots,
            range(seeds),
            batch_size=batch_size,
            data_dir=data_dir,
            size=size,
            trust=trust,
            weights=weights,
        )
    each = ", ".join(f"{accuracy:.2%}" for accuracy in found.accuracies)
    echo(f"top-1 {found.mean:.2%} with {shots} images per class, {found.images:,} images ({each})")


def _class_table(evaluation: "Evaluation") -> "Table":
    """Return the accuracy per class as a table for the terminal.

    >>> from training.evaluation.evaluate import ClassEvaluation, Evaluation
    >>> counts = (ClassEvaluation("cat", 8, 6), ClassEvaluation("dog", 0, 0))
    >>> found = Evaluation("m", "d", 8, 0.75, None, 1.0, None, (8, 8), 1.0, "bicubic", counts)
    >>> [list(column.cells) for column in _class_table(found).columns]
    [['cat', 'dog'], ['8', '0'], ['6', '0'], ['75.00 %', '-']]
    """
    from rich.table import Table

    table = Table("class")
    for heading in ("images", "correct", "top-1"):
        table.add_column(heading, justify="right")
    for found in evaluation.classes:
        share = None if found.share is None else 100 * found.share
        table.add_row(found.name, f"{found.images:,}", f"{found.right:,}", percent(share))
    return table
