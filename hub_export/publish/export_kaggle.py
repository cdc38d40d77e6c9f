"""Writes a folder for Kaggle Models: SavedModels, and a variation that is loaded unrun."""

from collections.abc import Sequence
from pathlib import Path

import keras

from hub_export.model_facts import ModelFacts, complete_facts
from hub_export.publish.hub import CARD_FILE, HANDLES, export_hub
from hub_export.publish.kaggle import KERAS_FRAMEWORK, write_kaggle_metadata
from hub_export.publish.keras_files import write_keras_files
from hub_export.verification.verify import Verification
from keras_mixers.atomic_files import write_atomically

_EXAMPLE = "owner/model"


def export_kaggle(
    model: keras.Model,
    out: str | Path,
    labels: Sequence[str] | None = None,
    facts: ModelFacts | None = None,
    handle: str = _EXAMPLE,
) -> dict[str, Verification]:
    """Write a folder with the variations of a model on Kaggle.

    These are the SavedModels of `export_hub`, which are programs, and in the folder `keras` the
    files of `export_hugging_face` but its card, which `keras_mixers.load` reads without running
    anything. All are compared with the model before `out` appears.

    Args:
        model: A model with `include_preprocessing=True`.
        out: The folder to write. It appears whole or not at all.
        labels: One name per class.
        facts: What is known about the model, from `collect_facts`. By default, what the model
            itself tells.
        handle: The model on Kaggle that the card's examples name.

    Returns:
        What was compared, by the SavedModel.

    Raises:
        ValueError: For the same reasons as `export_hub`, or if a file that was written doesn't
            match the model.
        FileExistsError: If `out` exists.
        FileNotFoundError: If the folder to write into doesn't exist.

    Example:

    >>> import tempfile, keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = export_kaggle(model, f"{folder}/kaggle", list("abcde"))
    ...     sorted(path.name for path in Path(folder, "kaggle", "keras").iterdir())
    ['labels.txt', 'model.keras', 'model.safetensors']
    """
    facts = complete_facts(facts, model, labels)
    with write_atomically(Path(out), overwrite=False) as place:
        checks = export_hub(model, place, labels, facts)
        (place / KERAS_FRAMEWORK).mkdir()
        write_keras_files(place / KERAS_FRAMEWORK, model, labels, facts)
        card = _card((place / CARD_FILE).read_text(encoding="utf-8"), handle, next(iter(checks)))
        (place / CARD_FILE).write_text(card, encoding="utf-8")
        write_kaggle_metadata(place, facts, card, [name for name in HANDLES if name in checks])
    return checks


def _card(card: str, handle: str, variation: str) -> str:
    """Return the card with how to load the model from Kaggle, in place of how to upload it."""
    before, _, rest = card.partition("## Kaggle\n")
    _, _, after = rest.partition("## Security\n")
    address = f"kaggle://{handle}/{KERAS_FRAMEWORK}/{variation}"
    return (
        f"{before}## Keras without a SavedModel\n\n```python\nimport keras_mixers\n\n"
        f'model = keras_mixers.load("{address}")\n```\n\n'
        "It takes pixels in [0, 255], and needs `pip install 'keras-mixers[hubs]'`. Nothing of the "
        f"variation `{KERAS_FRAMEWORK}/{variation}` is a program.\n\n## Security\n{after}"
    )
