"""The command line of `keras-mixers compare STUDY`, made from the study's typed recipe."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from keras_mixers_cli.recipe_options import parse_options
from training.comparison.trials import Shard, parse_shard
from training.devices import ONE_DEVICE, Devices
from training.errors import RecipeError
from training.recipe import Recipe
from training.studies import find_study
from training.study import Study


@dataclass(frozen=True)
class StudyCommand:
    """Compare the arms of a study; each field of its recipe is an option.

    An option changes the recipe that all arms start from. What an arm itself changes stays. To
    change arms, print the study with --show, edit it, and pass the file instead of its name.

    Attributes:
        recipe: the recipe that all arms start from.
        seeds: number of runs of each arm.
        run: folder for the study. [default: studies/NAME]
        jobs: number of runs at the same time.
        shard: the part of the runs to make, such as 3/8, the third of eight.
        data_dir: folder of tensorflow-datasets; None: its own default.
        quiet: print nothing.
        speed: whether to time the networks once their runs are finished.
        devices: devices of each run.
        show: print the study as JSON instead of making its runs.
    """

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    seeds: int
    run: Path | None = None
    jobs: int = 1
    shard: str = "1/1"
    data_dir: Path | None = None
    quiet: tyro.conf.FlagCreatePairsOff[bool] = False
    speed: tyro.conf.FlagCreatePairsOff[bool] = True
    devices: Annotated[Devices, tyro.conf.arg(name="")] = ONE_DEVICE
    show: tyro.conf.FlagCreatePairsOff[bool] = False


@dataclass(frozen=True)
class Parsed:
    """A parsed command line.

    Attributes:
        study: the study with its options.
        folder: folder for the study.
        shard: the part of the runs to make.
        command: the other options.
    """

    study: Study
    folder: Path
    shard: Shard
    command: StudyCommand


def parse(name: str, arguments: Sequence[str] = ()) -> Parsed:
    """Parse a study's command line.

    `--help` prints all options and raises SystemExit.

    Args:
        name: a study's name, or a `.json` file with a study.
        arguments: its options, such as `["--seeds", "5", "--epochs", "3"]`.

    Raises:
        RecipeError: if there is no such study, option or value; the message is one line.

    >>> parse("mixer_design", ["--seeds", "5", "--epochs", "3"]).study.recipe.epochs
    3
    """
    study = find_study(name)
    default = StudyCommand(study.recipe, study.seeds)
    command = parse_options(default, f"keras-mixers compare {name}", arguments)
    if command.jobs < 1:
        raise RecipeError(f"--jobs must be at least 1; received {command.jobs}.")
    study = replace(study, recipe=command.recipe, seeds=command.seeds)
    folder = command.run or Path("studies", study.name)
    return Parsed(study, folder, parse_shard(command.shard), command)
