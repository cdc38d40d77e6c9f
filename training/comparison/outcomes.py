"""What came of the runs of a study: read from their folders, whoever made them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from keras_mixers.json_files import read_json
from keras_mixers.run_files import RESULT_FILE
from keras_mixers.value_checks import check_number, check_object
from training.comparison.folder import StudyFolder
from training.comparison.trials import plan_trials
from training.errors import in_one_line
from training.recipe import Recipe
from training.run.folder import LOG_FILE
from training.study import Study

Status = Literal["finished", "failed", "not finished"]
_MOST = 1e18
_COLUMNS = (
    "arm",
    "seed",
    "status",
    "top1",
    "top5",
    "loss",
    "parameters",
    "multiply_adds",
    "epochs",
)


@dataclass(frozen=True)
class Measured:
    """The numbers of a finished run.

    Attributes:
        top1: share of the validation images that are recognised.
        top5: the same with five guesses; None for fewer than 6 classes.
        loss: mean over the validation images.
        parameters: of the network.
        multiply_adds: of the network, for one image; None: not known.
        peak_memory: most bytes that its process, or its GPU, has held; None: not known.
        epochs: passes over the training images.
        images: number of validation images.
        curve: validation top-1 after each epoch.
    """

    top1: float
    top5: float | None
    loss: float
    parameters: int
    multiply_adds: int | None
    peak_memory: int | None
    epochs: int
    images: int
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of one run.

    Attributes:
        arm: label of the arm.
        seed: number of the run, from 0.
        recipe: what it trains.
        folder: where it is.
        status: what state it is in.
        measured: its numbers, if it is finished.
        reason: why it failed, in one line.
    """

    arm: str
    seed: int
    recipe: Recipe
    folder: Path
    status: Status
    measured: Measured | None = None
    reason: str = ""


def read_outcomes(study: Study, folder: StudyFolder) -> list[Outcome]:
    """Return what came of each run of a study, in the order of its arms.

    Raises:
        ValueError: if a result is damaged.
    """
    outcomes = []
    for trial in plan_trials(study):
        run, output = folder.run(trial), folder.output(trial)
        about = (trial.arm.label, trial.seed, trial.recipe, run)
        if folder.is_finished(trial):
            outcomes.append(Outcome(*about, "finished", read_run(run)))
        elif reason := failure_reason(output):
            outcomes.append(Outcome(*about, "failed", reason=reason))
        else:
            outcomes.append(Outcome(*about, "not finished"))
    order = {arm.label: i for i, arm in enumerate(study.arms)}
    return sorted(outcomes, key=lambda outcome: (order[outcome.arm], outcome.seed))


def read_run(run: Path) -> Measured:
    """Return the numbers of a finished run.

    Raises:
        ValueError: if its result or its log is damaged.
    """
    numbers = read_json(run / RESULT_FILE, "the result of a run", _check_result)
    return Measured(**numbers, curve=_read_curve(run / LOG_FILE))


def _check_result(content: object) -> dict[str, Any]:
    result = check_object(content)
    numbers: dict[str, Any] = {
        "top1": check_number("accuracy", result.get("accuracy"), 0, 1),
        "loss": check_number("loss", result.get("loss"), -_MOST, _MOST),
    }
    names = {"parameters": "parameters", "epochs": "epochs", "images": "validation_images"}
    for name, key in names.items():
        numbers[name] = int(check_number(key, result.get(key), 1, _MOST))
    for name in ("top5", "multiply_adds", "peak_memory"):
        value = result.get(name)
        numbers[name] = None if value is None else check_number(name, value, 0, _MOST)
    return numbers


def _read_curve(log: Path) -> tuple[float, ...]:
    if not log.is_file():
        return ()
    try:
        with log.open(newline="", encoding="utf-8") as file:
            return tuple(float(row["val_top1"]) for row in csv.DictReader(file))
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ValueError(f"{log} is not the log of a run; restore it or remove it.") from None


def failure_reason(output: Path) -> str:
    """Return the last line that a run's process printed if it is an error; otherwise ""."""
    if not output.is_file():
        return ""
    lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    name, colon, message = last.partition(":")
    is_error = colon and (name == "error" or name.endswith(("Error", "Exception")))
    return in_one_line(message if name == "error" else last) if is_error else ""


def results_csv(outcomes: Sequence[Outcome]) -> str:
    """Return a table with a row for each run, as CSV.

    It has nothing that differs between a study that was stopped and one that wasn't.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for outcome in outcomes:
        row: list[object] = [outcome.arm, outcome.seed, outcome.status]
        found = outcome.measured
        if found is None:
            row += [""] * (len(_COLUMNS) - len(row))
        else:
            row += [
                f"{found.top1:.6f}",
                "" if found.top5 is None else f"{found.top5:.6f}",
                f"{found.loss:.6f}",
                found.parameters,
                "" if found.multiply_adds is None else int(found.multiply_adds),
                found.epochs,
            ]
        writer.writerow(row)
    return text.getvalue()
