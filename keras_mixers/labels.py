"""What classes are called, and which of them a model names."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np


@cache
def imagenet_names() -> tuple[str, ...]:
    """Return the names of ImageNet-1k's classes in their usual order, that of the WordNet ids.

    They are the first lemmas of WordNet, which its licence allows to copy; of the two cranes, one
    is the bird and one the machine.

    >>> imagenet_names()[207]
    'golden retriever'
    """
    return tuple(class_names(Path(__file__).with_name("imagenet1k.txt"), 1000))


def class_names(path: str | Path, classes: int) -> list[str]:
    r"""Read the names of classes from a file such as `labels.txt`, one a line.

    Args:
        path: UTF-8 text; line 1 names class 0.
        classes: how many there must be.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no text, a line before the last name is empty, or there are not
            `classes` names.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "labels.txt")
    >>> _ = path.write_text("cat\ndog\n")
    >>> class_names(path, 2)
    ['cat', 'dog']
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file of class names {str(path)!r}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text ({error.reason}).") from None
    names = [line.strip() for line in text.rstrip().split("\n")] if text.strip() else []
    if "" in names:
        raise ValueError(f"{path}: line {names.index('') + 1} is empty; expected a class name.")
    check_count(str(path), names, classes)
    return names


def format_labels(names: Sequence[str]) -> str:
    r"""Return the text of a file of class names, one per line, as `class_names` reads it.

    >>> format_labels(["cat", "dog"])
    'cat\ndog\n'
    """
    return "".join(f"{name}\n" for name in names)


def decode_predictions(
    probabilities: np.ndarray, top: int = 5, names: Sequence[str] | None = None
) -> list[list[tuple[str, float]]]:
    """Name the likeliest classes of each image, the likeliest first.

    Args:
        probabilities: (B, classes), from 0 to 1.
        top: how many to name; all, if there are fewer.
        names: of all classes, in the order of the probabilities; None: those of ImageNet-1k.

    Returns:
        For each image, pairs of name and probability.

    Raises:
        ValueError: if there are not as many names as classes, or these are no probabilities.

    >>> decode_predictions(np.array([[0.25, 0.75]]), names=["cat", "dog"])
    [[('dog', 0.75), ('cat', 0.25)]]
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    if scores.ndim != 2:
        raise ValueError(f"probabilities must be (B, classes); received shape {scores.shape}.")
    if names is None:
        names = imagenet_names()
    check_count("names", names, scores.shape[1])
    if top < 1:
        raise ValueError(f"top must be at least 1; received {top!r}.")
    # Half precision rounds up to a little more than 1; NaN is no probability either.
    if not np.all((scores >= 0) & (scores <= 1.01)):
        raise ValueError(
            f"probabilities must lie between 0 and 1; received {scores.min():.3g} to "
            f"{scores.max():.3g}; logits need a softmax first."
        )
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [
        [(names[i], float(row[i])) for i in best] for row, best in zip(scores, order, strict=True)
    ]


def check_count(what: str, names: Sequence[str], classes: int) -> None:
    """Raise ValueError unless there are as many names as classes; `what` says of what."""
    if len(names) != classes:
        raise ValueError(
            f"{what}: there must be one name a class; received {len(names)} names for {classes} "
            "classes."
        )
