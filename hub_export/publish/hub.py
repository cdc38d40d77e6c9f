"""Writes a folder for model hubs: SavedModels, archives, model card and Kaggle's files."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np

from hub_export.archive import SAVED_MODEL_FILE, SUFFIX, write_archive
from hub_export.model_facts import ModelFacts, collect_facts, complete_facts
from hub_export.publish import kaggle
from hub_export.publish.model_card import model_card
from hub_export.saved_model.export import write_saved_model
from hub_export.verification.verify import Verification, export_verified
from keras_mixers.atomic_files import write_atomically
from keras_mixers.models.heads import features_of, is_classifier

CLASSIFICATION, FEATURE_VECTOR = "classification", "feature-vector"
HANDLES = (CLASSIFICATION, FEATURE_VECTOR)
CARD_FILE = "README.md"


def export_hub(
    model: keras.Model,
    out: str | Path,
    labels: Sequence[str] | None = None,
    facts: ModelFacts | None = None,
    tar: bool = False,
    data: np.ndarray | str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Verification]:
    """Write a model for TensorFlow Hub and Kaggle Models, with one folder for each handle.

    The folder `out` holds the SavedModels `classification/` (unless the model has no top) and
    `feature-vector/`, as `export_saved_model` writes them, the model card `README.md`, and the
    files that Kaggle's command line reads; with `tar`, also an archive of each handle and its
    sha256. Before `out` appears, every SavedModel is loaded in a new process and compared with the
    model.

    Args:
        model: A model with `include_preprocessing=True`.
        out: The folder to write. It appears whole or not at all.
        labels: One name per class.
        facts: What is known about the model, from `collect_facts`. By default, what the model
            itself tells.
        tar: Whether to write archives too.
        data: Images for the comparison, as `verify` takes them.
        overwrite: Whether to replace an earlier export at `out`.

    Returns:
        What was compared, by handle.

    Raises:
        ValueError: For the same reasons as `export_saved_model`.
        FileExistsError: If `out` exists and may not be replaced.
        FileNotFoundError: If the folder to write into doesn't exist.

    Example:

    >>> import tempfile, keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checks = export_hub(model, f"{folder}/hub", list("abcde"))
    ...     sorted(path.name for path in Path(folder, "hub").iterdir() if path.is_dir())
    ['classification', 'feature-vector']
    >>> all(verification.passed for verification in checks.values())
    True

    Reference: https://www.tensorflow.org/hub/common_saved_model_apis/images.
    """
    facts = complete_facts(facts, model, labels)
    with write_atomically(Path(out), overwrite, marker=kaggle.MODEL_METADATA_FILE) as place:
        place.mkdir()
        verifications = {}
        if is_classifier(model):
            verifications[CLASSIFICATION] = _write_handle(
                model, place / CLASSIFICATION, labels, facts, data
            )
        features = features_of(model)
        verifications[FEATURE_VECTOR] = _write_handle(
            features, place / FEATURE_VECTOR, None, _feature_facts(features, facts), data
        )
        digests = {}
        if tar:
            names = {handle: f"{handle}{SUFFIX}" for handle in verifications}
            digests = {name: write_archive(place / h, place / name) for h, name in names.items()}
        card = model_card(facts, list(verifications), digests)
        (place / CARD_FILE).write_text(card, encoding="utf-8")
        kaggle.write_kaggle_metadata(place, facts, card, list(verifications))
    return verifications


def list_exports(path: Path) -> list[Path]:
    """Return the exports in a folder that `export_hub` wrote, or any other path as it is."""
    if not (path / kaggle.MODEL_METADATA_FILE).is_file():
        return [path]
    places = [path / f"{handle}{end}" for handle in HANDLES for end in ("", SUFFIX)]
    return [place for place in places if place.exists()]


def _write_handle(
    model: keras.Model,
    folder: Path,
    labels: Sequence[str] | None,
    facts: ModelFacts,
    data: np.ndarray | str | Path | None,
) -> Verification:
    write = partial(write_saved_model, model, labels=labels, metadata=facts.to_json())
    return export_verified(
        write, model, folder, overwrite=False, marker=SAVED_MODEL_FILE, data=data
    )


def _feature_facts(features: keras.Model, facts: ModelFacts) -> ModelFacts:
    """Return what is known about a model's features, which have no classes and no accuracy."""
    return replace(
        collect_facts(features),
        licence=facts.licence,
        dataset=facts.dataset,
        crop=facts.crop,
        interpolation=facts.interpolation,
    )
