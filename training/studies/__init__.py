"""The studies that come with the package, by name, and those in files. Needs no Keras."""

from pathlib import Path

from training.errors import RecipeError
from training.studies import (
    convmixer_design,
    convmixer_training,
    mixer_design,
    patches_or_attention,
    t2t_design,
)
from training.study import Study
from training.typed_fields import suggest
from training.typed_files import read_file

STUDIES = {
    study.name: study
    for study in (
        patches_or_attention.STUDY,
        convmixer_design.STUDY,
        convmixer_training.STUDY,
        mixer_design.STUDY,
        t2t_design.STUDY,
    )
}


def find_study(name: str) -> Study:
    """Return the study with this name, or in this `.json` file.

    Raises:
        RecipeError: if there is no such study, or the file doesn't hold one.

    >>> find_study("patches_or_attention").arms[0].label
    'ConvMixer'
    """
    if name in STUDIES:
        return STUDIES[name]
    if name.endswith(".json"):
        return read_study(name)
    known = suggest(name, STUDIES, f"there are {', '.join(STUDIES)}.")
    raise RecipeError(f"There is no study {name!r}; {known}")


def read_study(path: str | Path) -> Study:
    """Return the study in a file, such as a folder's `study.json`.

    Raises:
        RecipeError: if there is no such file, or it holds no study; the message names it.
    """
    return read_file(path, "study", Study.from_dict)
