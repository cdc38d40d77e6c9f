"""Writes a folder for the Hugging Face Hub: files that run no code, and their model card."""

from collections.abc import Sequence
from pathlib import Path

import keras

from hub_export.model_facts import ModelFacts, complete_facts
from hub_export.publish.hub import CARD_FILE
from hub_export.publish.hugging_face_card import hugging_face_card
from hub_export.publish.keras_files import KERAS_FILES, weights_origin, write_keras_files
from hub_export.publish.timm_network import timm_network
from hub_export.requirements import (
    require_label_per_class,
    require_packages,
    require_preprocessing_layer,
)
from keras_mixers.atomic_files import write_atomically

HUGGING_FACE_FILES = (CARD_FILE, *KERAS_FILES)
_EXAMPLE = "user/name"


def export_hugging_face(
    model: keras.Model,
    out: str | Path,
    labels: Sequence[str] | None = None,
    facts: ModelFacts | None = None,
    repository: str = _EXAMPLE,
) -> None:
    """Write a folder with what a repository of the Hugging Face Hub holds of a model.

    These are the card `README.md`, `model.keras`, `model.safetensors` under timm's names (T2T-ViT's
    under its authors'), and, as far as they are known, `labels.txt` and `preprocessing.json`; for
    a network that timm has by name, also the `config.json` by which timm loads it. Both forms of
    the model are loaded again and compared with it before `out` appears.

    Args:
        model: A model with `include_preprocessing=True`.
        out: The folder to write. It appears whole or not at all.
        labels: One name per class.
        facts: What is known about the model, from `collect_facts`. By default, what the model
            itself tells.
        repository: The repository that the card's examples name.

    Raises:
        ValueError: If the model has no preprocessing, labels don't fit, or a file that was written
            doesn't match the model.
        FileExistsError: If `out` exists.
        FileNotFoundError: If the folder to write into doesn't exist.
        ImportError: If huggingface_hub, which writes the card's header, isn't installed.

    Example:

    >>> import tempfile, keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_hugging_face(model, f"{folder}/hf", list("abcde"))
    ...     sorted(path.name for path in Path(folder, "hf").iterdir())
    ['README.md', 'labels.txt', 'model.keras', 'model.safetensors']

    Reference: https://huggingface.co/docs/hub/model-cards.
    """
    require_packages("hubs", "huggingface_hub")
    require_preprocessing_layer(
        model, "Who loads it gives it pixels in [0, 255]", "build it with include_preprocessing"
    )
    if labels is not None:
        require_label_per_class(model, labels)
    facts = complete_facts(facts, model, labels)
    # A run's folder, too, holds a model.keras: none is replaced.
    with write_atomically(Path(out), overwrite=False) as place:
        place.mkdir()
        write_keras_files(place, model, labels, facts)
        card = hugging_face_card(facts, repository, weights_origin(model), timm_network(model))
        (place / CARD_FILE).write_text(card, encoding="utf-8")
