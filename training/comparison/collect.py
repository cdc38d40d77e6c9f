"""Finds what a report is about: a study's folder, or several folders of studies and runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from keras_mixers.run_files import RECIPE_FILE, RESULT_FILE
from training.comparison.folder import STUDY_FILE, StudyFolder
from training.comparison.outcomes import Outcome, read_outcomes, read_run
from training.comparison.report import Subject
from training.errors import RunFolderError
from training.recipe import Recipe
from training.recipes import read_recipe
from training.run.environment import command_line
from training.studies import STUDIES, read_study
from training.study import Study, same_but_for_seeds


def study_subject(study: Study) -> Subject:
    """Return what the report of one study is about."""
    shipped = STUDIES.get(study.name)
    is_shipped = shipped is not None and same_but_for_seeds(shipped, study)
    return Subject(
        title=study.name,
        question=study.question,
        command=f"keras-mixers compare {study.name if is_shipped else STUDY_FILE}"
        f" --seeds {study.seeds}",
        recipe=study.recipe.to_json().strip(),
        limits=study.limits,
        series=study.series,
    )


def collect(places: Sequence[Path]) -> tuple[Subject, list[Outcome]]:
    """Return what a report of some folders is about, and their runs.

    Args:
        places: folders of studies or runs. With several, labels of arms begin with the name of
            their study. Runs whose recipes differ in nothing but the seed are one arm.

    Raises:
        RunFolderError: if a folder holds neither a study nor a run, or two runs are the same.
        ValueError: if a file is damaged.
    """
    studies = {place: read_study(place / STUDY_FILE) for place in places if is_study(place)}
    if len(places) == 1 and studies:
        (study,) = studies.values()
        return study_subject(study), read_outcomes(study, StudyFolder(places[0]))
    outcomes: list[Outcome] = []
    labels: dict[str, Recipe] = {}
    for place in places:
        if place in studies:
            outcomes += _outcomes_of_study(studies[place], place)
        else:
            outcomes.append(_outcome_of_run(place, labels))
    _check_unique(outcomes)
    limits = dict.fromkeys(limit for study in studies.values() for limit in study.limits)
    question = "How do the runs of several folders compare?"
    return Subject("Comparison", question, command_line(), limits=tuple(limits)), outcomes


def is_study(place: Path) -> bool:
    """Tell whether a folder holds a study."""
    return (place / STUDY_FILE).is_file()


def _outcomes_of_study(study: Study, place: Path) -> list[Outcome]:
    return [
        replace(outcome, arm=f"{study.name}: {outcome.arm}")
        for outcome in read_outcomes(study, StudyFolder(place))
    ]


def _outcome_of_run(place: Path, labels: dict[str, Recipe]) -> Outcome:
    """Return what came of one run; its label is that of others with the same recipe."""
    if not (place / RECIPE_FILE).is_file():
        raise RunFolderError(f"{str(place)!r} holds neither a study nor a run; choose another.")
    recipe = read_recipe(place / RECIPE_FILE)
    common = replace(recipe, seed=0)
    label = next((label for label, other in labels.items() if other == common), recipe.name)
    if labels.setdefault(label, common) != common:
        label = f"{recipe.name} ({place.name})"
        labels[label] = common
    about = (label, recipe.seed, recipe, place)
    if not (place / RESULT_FILE).is_file():
        return Outcome(*about, "not finished")
    return Outcome(*about, "finished", read_run(place))


def _check_unique(outcomes: Sequence[Outcome]) -> None:
    seen: dict[tuple[str, int], Outcome] = {}
    for outcome in outcomes:
        other = seen.setdefault((outcome.arm, outcome.seed), outcome)
        if other is not outcome:
            raise RunFolderError(
                f"{str(other.folder)!r} and {str(outcome.folder)!r} hold the same run; name one."
            )
