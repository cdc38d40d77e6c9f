"""The folder of a study: its study, the recipes of its arms, its runs and its report."""

from pathlib import Path

from keras_mixers.atomic_files import write_atomically
from keras_mixers.json_files import read_json
from keras_mixers.run_files import RECIPE_FILE, RESULT_FILE
from training.comparison.trials import Trial
from training.errors import RunFolderError
from training.recipe import Recipe
from training.studies import read_study
from training.study import Arm, Study, arm_recipe, same_but_for_seeds

STUDY_FILE = "study.json"
RECIPES, RUNS = "recipes", "runs"


class StudyFolder:
    """The folder that a study writes into.

    Attributes:
        path: path of the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def begin(self, study: Study) -> None:
        """Write the study and the recipes of its arms.

        Raises:
            RunFolderError: if the folder holds something else, or can't be written into.
        """
        self._check(study)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"{str(self.path)!r} can't be created ({error.strerror}); choose another folder."
            ) from None
        # First, so that whatever stops this leaves a folder with which the study can go on.
        _write(self.path / STUDY_FILE, study.to_json())
        for name in (RECIPES, RUNS):
            (self.path / name).mkdir(exist_ok=True)
        for arm in study.arms:
            _write(self.recipe_file(arm), arm_recipe(study, arm).to_json())

    def _check(self, study: Study) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{str(self.path)!r} is a file; choose a folder for the study.")
        if (self.path / STUDY_FILE).is_file():
            other = read_study(self.path / STUDY_FILE)
            if not same_but_for_seeds(other, study):
                raise RunFolderError(
                    f"{str(self.path)!r} holds another study, {other.name}, or one with other "
                    "options; choose another folder, or remove this one."
                )
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise RunFolderError(
                f"{str(self.path)!r} is not empty, but holds no study; choose another folder."
            )

    def recipe_file(self, arm: Arm) -> Path:
        """Return the path of an arm's recipe."""
        return self.path / RECIPES / f"{arm.slug}.json"

    def run(self, trial: Trial) -> Path:
        """Return the path of a run's folder."""
        return self.path / RUNS / trial.name

    def output(self, trial: Trial) -> Path:
        """Return the path of what a run's process has printed."""
        return self.path / RUNS / f"{trial.name}.log"

    def is_finished(self, trial: Trial) -> bool:
        """Tell whether a run is finished, and its recipe is still the arm's.

        Raises:
            OSError: if its recipe can't be read.
        """
        run = self.run(trial)
        if not (run / RESULT_FILE).is_file():
            return False
        try:
            recipe = read_json(run / RECIPE_FILE, "a recipe", Recipe.from_dict)
        except (FileNotFoundError, ValueError):
            return False
        return recipe == trial.recipe


def _write(path: Path, text: str) -> None:
    with write_atomically(path, overwrite=True) as place:
        place.write_text(text, encoding="utf-8")
