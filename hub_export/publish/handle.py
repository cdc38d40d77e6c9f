"""The names under which models are published. Importing it imports neither Keras nor a client."""

import re

from keras_mixers.weights.hubs.address import HubAddress

# Kaggle's names of models.
SHORTEST_SLUG, LONGEST_SLUG = 3, 50

_REPOSITORY = re.compile(r"(?:hf://)?(?P<name>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})")
_MODEL = re.compile(
    rf"(?:kaggle://)?(?P<name>[a-z0-9][a-z0-9-]*/"
    rf"[a-z0-9][a-z0-9-]{{{SHORTEST_SLUG - 1},{LONGEST_SLUG - 1}}})"
)


def parse_repository(handle: str) -> HubAddress:
    """Return the repository of the Hugging Face Hub that a handle names.

    Raises:
        ValueError: If it names none, or a revision or a file of one.

    >>> parse_repository("hf://user/name").repository
    'user/name'
    """
    match = _REPOSITORY.fullmatch(handle)
    if match is None or "--" in handle or ".." in handle:
        raise ValueError(
            f"{handle!r} is no repository of the Hugging Face Hub; expected USER/NAME, of letters, "
            "digits, single hyphens, dots and underscores."
        )
    return HubAddress("hf", match["name"])


def parse_kaggle_model(handle: str) -> HubAddress:
    """Return the model on Kaggle that a handle names, whose variations will be written.

    Raises:
        ValueError: If it names none, or a variation of one.

    >>> parse_kaggle_model("owner/model").repository
    'owner/model'
    """
    match = _MODEL.fullmatch(handle)
    if match is None:
        raise ValueError(
            f"{handle!r} is no model on Kaggle; expected OWNER/MODEL, of lower-case letters, "
            f"digits and hyphens, the model with {SHORTEST_SLUG} to {LONGEST_SLUG} of them."
        )
    return HubAddress("kaggle", match["name"])
