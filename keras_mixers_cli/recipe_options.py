"""The command line of `keras-mixers train`, made from the typed recipe."""

import contextlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import tyro

from training.devices import ONE_DEVICE, Devices
from training.errors import RecipeError
from training.recipe import Recipe
from training.recipes import RECIPES, find_recipe, read_recipe

T = TypeVar("T")

_PROGRAM = "keras-mixers train"
_FRAME = re.compile(r"[│╭╮╰╯─]+")


@dataclass(frozen=True)
class Command:
    """Train a recipe; each of its fields is an option.

    Changes that no option can make, such as another kind of schedule, are made in a file: print the
    recipe with --show, edit it, and pass the file instead of the recipe's name.

    Attributes:
        recipe: the recipe to train.
        run: folder for the run. [default: runs/NAME]
        data_dir: folder of tensorflow-datasets; None: its own default.
        quiet: print one line per epoch and nothing else.
        devices: devices that share each batch.
        accept_other_data: go on with a run although its data have changed since it was begun.
        show: print the recipe as JSON instead of training it.
    """

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    run: Path | None = None
    data_dir: Path | None = None
    quiet: tyro.conf.FlagCreatePairsOff[bool] = False
    devices: Annotated[Devices, tyro.conf.arg(name="")] = ONE_DEVICE
    accept_other_data: tyro.conf.FlagCreatePairsOff[bool] = False
    show: tyro.conf.FlagCreatePairsOff[bool] = False

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.run or Path("runs", self.recipe.name)


def parse(name: str, arguments: Sequence[str] = ()) -> Command:
    """Parse a recipe's command line.

    `--help` prints all options and raises SystemExit.

    Args:
        name: a recipe's name, or a `.json` file with a recipe, such as a run's `recipe.json`.
        arguments: its options, such as `["--epochs", "3", "--optimizer.weight-decay", "0.1"]`.

    Raises:
        RecipeError: if there is no such recipe, option or value. The message is one line and
            suggests similar names.

    >>> parse("convmixer_digits", ["--epochs", "3", "--schedule.peak", "0.1"]).recipe.epochs
    3
    """
    return parse_options(Command(load_recipe(name)), f"{_PROGRAM} {name}", arguments)


def parse_options(default: T, program: str, arguments: Sequence[str]) -> T:
    """Return a dataclass with the values of a command line.

    Args:
        default: values of the options that aren't given.
        program: what stands before the options, for `--help`.
        arguments: the options.

    Raises:
        RecipeError: if there is no such option or value; the message is one line.
    """
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            return tyro.cli(
                type(default),
                default=default,
                args=list(arguments),
                prog=program,
                config=(tyro.conf.AvoidSubcommands,),
            )
    except SystemExit as end:
        if not end.code:
            raise
    raise RecipeError(_one_line(messages.getvalue()))


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name or from a `.json` file.

    Raises:
        RecipeError: if there is no such recipe, or the file doesn't hold one.
    """
    if not name.endswith(".json") or name in RECIPES:
        return find_recipe(name)
    return read_recipe(name)


def _one_line(framed: str) -> str:
    """Return the text of a framed error without its title and the help that follows."""
    lines = [_FRAME.sub("", line).strip() for line in framed.splitlines()[1:]]
    text = re.split(" (?:For full|Argument) helptext", " ".join(filter(None, lines)))[0]
    # tyro describes similar options in full; their names are enough.
    said, meant, options = text.partition(" Perhaps you meant:")
    names = re.findall(r"(?<!\S)--[\w.-]+", options)
    return f"{said}; did you mean {' or '.join(names)}?" if meant and names else text
