"""Folders of studies and runs as training writes them, without the training."""

import json
from pathlib import Path

from tests.helpers.runs import tiny
from training.comparison.folder import StudyFolder
from training.comparison.trials import Trial, plan_trials
from training.recipe import Recipe
from training.study import Arm, Series, Study

STUDY = Study(
    name="widths",
    question="Does <b>width</b> matter?",
    recipe=tiny(),
    arms=(
        Arm("Mixer"),
        Arm("Wide & $5 | <i>", {"model.arguments.hidden_dim": 16}),
        Arm("Deep", {"model.arguments.depth": 2}),
    ),
    seeds=2,
    series=(Series("width", "model.arguments.hidden_dim", ("Mixer", "Wide & $5 | <i>")),),
    limits=("Nothing follows.",),
)


def write_run(folder: Path, recipe: Recipe, top1: float) -> None:
    """Write what a finished run leaves and a report reads."""
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(recipe.to_json())
    (folder / "log.csv").write_text(f"epoch,val_top1\n1,{top1 / 2}\n2,{top1}\n")
    environment = {"cpu": "a processor", "threads": 2, "gpus": [], "packages": {"keras": "3.15"}}
    (folder / "environment.json").write_text(json.dumps(environment))
    (folder / "data.json").write_text(json.dumps([{"from_step": 0, "training images": 1433}]))
    result = {
        "accuracy": top1,
        "loss": 1 - top1,
        "parameters": 1000 * recipe.model.arguments["hidden_dim"],
        "multiply_adds": 2_000_000 * recipe.model.arguments["depth"],
        "epochs": recipe.epochs,
        "validation_images": 1000,
        "top5": None,
        "peak_memory": 10**9 + recipe.seed * 2 * 10**6,
    }
    (folder / "result.json").write_text(json.dumps(result))


def write_trial(folder: StudyFolder, trial: Trial, top1: float) -> None:
    """Write a finished run of a study."""
    write_run(folder.run(trial), trial.recipe, top1)


def write_study(path: Path, study: Study = STUDY) -> StudyFolder:
    """Write a study whose runs are all finished, with an accuracy that depends on the arm."""
    folder = StudyFolder(path)
    folder.begin(study)
    for i, trial in enumerate(plan_trials(study)):
        write_trial(folder, trial, 0.9 + 0.01 * (i % len(study.arms)) + 0.001 * trial.seed)
    return folder
