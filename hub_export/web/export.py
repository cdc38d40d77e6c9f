"""Writes a model as a static web page that runs it in the browser."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from hub_export.model_facts import ModelFacts, complete_facts
from hub_export.requirements import require_preprocessing_layer
from hub_export.tflite.export import export_tflite
from hub_export.tflite.settings import InputShape, choose_input_shape
from hub_export.verification.tflite_file import Quantize
from hub_export.verification.verify import Verification
from hub_export.web import page
from hub_export.web.card import web_card
from hub_export.web.runtime import FROM_CDN, FROM_FOLDER, copy_runtime
from keras_mixers.atomic_files import check_writable, write_atomically
from keras_mixers.labels import format_labels
from keras_mixers.models.heads import is_classifier
from keras_mixers.run_files import LABELS_FILE


def export_web(
    model: keras.Model,
    out: str | Path,
    quantize: Quantize = "dynamic",
    representative_data: np.ndarray | str | Path | None = None,
    *,
    input_shape: InputShape | None = None,
    labels: Sequence[str] | None = None,
    facts: ModelFacts | None = None,
    runtime: str | Path | None = None,
    overwrite: bool = False,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write a folder that any web server serves: a page that classifies photos in the browser.

    The page takes a photo from a file or the camera, cuts it as the model's evaluation does, and
    shows the five most probable classes. The network runs in LiteRT.js, on the processor or the
    graphics card; no photo leaves the user's device. The folder holds `index.html` and its scripts,
    `model.tflite`, `labels.txt`, and the model card as `card.html`.

    Args:
        model: A classifier of grey or RGB images with `include_preprocessing=True`.
        out: The folder to write. It appears whole or not at all.
        quantize: Types of the numbers in `model.tflite`, as for `export_tflite`.
        representative_data: Images for "int8" and "int16x8", as for `export_tflite`.
        input_shape: Shape (H, W, C) of the network's input, for a model that takes any size.
        labels: One name per class.
        facts: What is known about the model, from `collect_facts`. By default, what the model
            itself tells.
        runtime: Folder of the npm package @litertjs/core, from which LiteRT.js is copied into the
            page's folder. By default, browsers load it from a content delivery network.
        overwrite: Whether to replace an earlier page at `out`.
        data: Images for the comparison, as `verify` takes them.

    Returns:
        How `model.tflite` was compared with the model.

    Raises:
        ValueError: If the model is no classifier, doesn't take grey or RGB images as pixels in
            [0, 255], `runtime` is damaged or has another version; and as `export_tflite`.
        FileExistsError: If `out` exists and may not be replaced.
        FileNotFoundError: If the folder to write into, or `runtime`, doesn't exist.

    Example:

    >>> import tempfile, keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check = export_web(model, f"{folder}/page", labels=["cat", "dog"])
    ...     Path(folder, "page", "labels.txt").read_text().split()
    ['cat', 'dog']

    Reference: https://ai.google.dev/edge/litert/web.
    """
    out = Path(out)
    check_writable(out, overwrite, page.CONFIG_FILE)
    shape = choose_input_shape(model, input_shape)
    _check_model(model, shape)
    facts = replace(complete_facts(facts, model, labels), input_shape=shape)
    with write_atomically(out, overwrite, page.CONFIG_FILE) as place:
        place.mkdir()
        if runtime is not None:
            copy_runtime(Path(runtime), place)
        file = place / page.MODEL_FILE
        verification = export_tflite(
            model,
            file,
            quantize,
            representative_data,
            input_shape=shape,
            input_type="float32",
            output="probabilities",
            labels=labels,
            licence=facts.licence,
            data=data,
        )
        if labels is not None:
            (place / LABELS_FILE).write_text(format_labels(labels), encoding="utf-8")
        card = web_card(facts, quantize, file.stat().st_size / 1e6, verification)
        page.write_page(place, facts, quantize, card, FROM_CDN if runtime is None else FROM_FOLDER)
    return verification


def _check_model(model: keras.Model, shape: InputShape) -> None:
    """Raise ValueError unless a model has classes, and takes images as the page gives them."""
    if not is_classifier(model):
        raise ValueError(f"The model {model.name!r} has no classes for a page to show.")
    if None in shape:
        raise ValueError(f"A page's network takes images of one size; received {shape}.")
    if shape[2] not in (1, 3):
        raise ValueError(
            f"A page takes grey or RGB photos; the model {model.name!r} takes {shape[2]} channels."
        )
    require_preprocessing_layer(
        model, "a page gives pixels in [0, 255]", "build it with include_preprocessing=True"
    )
