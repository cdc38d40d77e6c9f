"""Writes the files from which Kaggle's command line publishes a model and its variations."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub_export.model_facts import ModelFacts
from hub_export.publish.handle import LONGEST_SLUG, SHORTEST_SLUG

MODEL_METADATA_FILE = "model-metadata.json"
INSTANCE_METADATA_FILE = "model-instance-metadata.json"
# Kaggle's command line refuses to upload until this is replaced by a user's name.
OWNER = "INSERT_OWNER_SLUG_HERE"
FRAMEWORK = "tensorFlow2"
# The variation that is loaded without running a program; it lies in a folder of that name.
KERAS_FRAMEWORK = "keras"

# Licences as Kaggle spells them, by SPDX identifier.
LICENCES = {
    "AGPL-3.0-only": "GNU Affero General Public License 3.0",
    "Apache-2.0": "Apache 2.0",
    "BSD-3-Clause": "BSD-3-Clause",
    "CC-BY-3.0": "Attribution 3.0 Unported (CC BY 3.0)",
    "CC-BY-4.0": "Attribution 4.0 International (CC BY 4.0)",
    "CC-BY-NC-4.0": "Attribution-NonCommercial 4.0 International (CC BY-NC 4.0)",
    "CC-BY-NC-ND-4.0": (
        "Attribution-NonCommercial-NoDerivatives 4.0 International (CC BY-NC-ND 4.0)"
    ),
    "CC-BY-NC-SA-4.0": "CC BY-NC-SA 4.0",
    "CC-BY-ND-4.0": "Attribution-NoDerivatives 4.0 International (CC BY-ND 4.0)",
    "CC-BY-SA-3.0": "CC BY-SA 3.0",
    "CC-BY-SA-4.0": "CC BY-SA 4.0",
    "CC0-1.0": "CC0: Public Domain",
    "GPL-2.0-only": "GPL 2",
    "GPL-3.0-only": "GPL 3",
    "LGPL-3.0-only": "GNU Lesser General Public License 3.0",
    "MIT": "MIT",
}


def write_kaggle_metadata(out: Path, facts: ModelFacts, card: str, handles: Sequence[str]) -> None:
    """Write Kaggle's files into a folder of SavedModels.

    `model-metadata.json` is written into `out`, and `model-instance-metadata.json` into the folder
    of each handle, which is a variation of the model on Kaggle. The files don't name an owner, and
    the model is private.

    Args:
        out: The folder that holds the handles' folders.
        facts: What is known about the model.
        card: The model card, in Markdown.
        handles: Names of the SavedModels' folders, such as "classification".

    Raises:
        FileNotFoundError: If the folder of a handle is missing.
    """
    _write_json(out / MODEL_METADATA_FILE, model_metadata(facts, card))
    for handle in handles:
        _write_json(out / handle / INSTANCE_METADATA_FILE, instance_metadata(facts, handle))


def model_metadata(facts: ModelFacts, card: str) -> dict[str, Any]:
    """Return the fields that `kaggle models create` reads.

    Reference: https://github.com/Kaggle/kaggle-cli/blob/main/docs/models_metadata.md.
    """
    what = "features" if facts.classes is None else "classifier and features"
    return {
        "ownerSlug": OWNER,
        "title": facts.name,
        "slug": slug(facts.name),
        "subtitle": f"{facts.family or 'Image'} {what}: SavedModels to call and to fine-tune",
        "isPrivate": True,
        "description": card,
        "publishTime": "",
        "provenanceSources": facts.paper or "",
    }


def instance_metadata(facts: ModelFacts, handle: str) -> dict[str, Any]:
    """Return the fields that `kaggle models variations create` reads; see `model_metadata`."""
    height, width, channels = facts.input_shape
    size = "any height and width" if height is None else f"{height} x {width} pixels"
    licence = facts.licence or "not stated"
    outputs = "logits" if handle == "classification" else "features"
    return {
        "ownerSlug": OWNER,
        "modelSlug": slug(facts.name),
        "instanceSlug": slug(handle),
        "framework": FRAMEWORK,
        "overview": (
            f"Maps images of {size} with {channels} channels, float32 in [0, 1], to {outputs}. "
            f"Licence of the weights: {licence}."
        ),
        "usage": (
            "```python\n"
            "import tensorflow_hub as hub\n\n"
            'layer = hub.KerasLayer("${PATH}", trainable=True)\n'
            "```\n"
        ),
        "licenseName": kaggle_licence(facts.licence),
        "fineTunable": True,
        "trainingData": [] if facts.dataset is None else [facts.dataset],
        "modelInstanceType": "Unspecified",
        "baseModelInstance": "",
        "externalBaseModelUrl": "",
    }


def kaggle_licence(licence: str | None) -> str:
    """Return a licence as Kaggle spells it, or "Other" if Kaggle doesn't list it.

    >>> kaggle_licence("Apache-2.0"), kaggle_licence("BSD-3-Clause-Clear"), kaggle_licence(None)
    ('Apache 2.0', 'Other', 'Other')
    """
    if licence in LICENCES.values():
        return str(licence)
    return LICENCES.get(licence or "", "Other")


def slug(name: str) -> str:
    """Return a name in the form for a URL: lower-case letters, digits and single hyphens.

    >>> slug("T2T_ViT 14"), slug("ab")
    ('t2t-vit-14', 'ab-model')
    """
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if len(words) < SHORTEST_SLUG:
        words = f"{words}-model".strip("-")
    return words[:LONGEST_SLUG].rstrip("-")


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
