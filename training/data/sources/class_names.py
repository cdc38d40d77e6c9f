"""The names of a data set's classes, as people read them."""

import re
from collections.abc import Sequence

from keras_mixers.labels import imagenet_names

_WORDNET_ID = re.compile(r"n\d{8}")


def readable_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return class names, with ImageNet's own in place of its WordNet ids.

    >>> readable_names(["cat", "n02123045"])
    ('cat', 'n02123045')
    >>> readable_names([f"n{10_000_000 + i}" for i in range(1000)])[:2]
    ('tench', 'goldfish')
    """
    ordered = len(names) == 1000 and list(names) == sorted(names)
    return imagenet_names() if ordered and all(map(_WORDNET_ID.fullmatch, names)) else tuple(names)
