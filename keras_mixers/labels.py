"""Names of classes, and the most likely classes of a prediction."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from keras_mixers.printable import has_controls
from keras_mixers.value_checks import excerpt


@cache
def imagenet_names() -> tuple[str, ...]:
    """Return the names of ImageNet-1k's classes in their usual order, that of the WordNet ids.

    They are the first lemmas in WordNet, whose licence allows copying. Of the two cranes, one is
    the bird and the other the machine.

    >>> imagenet_names()[207]
    'golden retriever'
    """
    return tuple(class_names(Path(__file__).with_name("imagenet1k.txt"), 1000))


def class_names(path: str | Path, classes: int) -> list[str]:
    r"""Read class names from a file such as `labels.txt`, one per line.

    Args:
        path: A UTF-8 text file; line 1 names class 0.
        classes: Number of names that there must be.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not text, a line before the last name is empty or has control
            characters, or there are not `classes` names.

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
        raise ValueError(f"{path} is not UTF-8 text ({error.reason}).") from None
    return parse_names(text, str(path), classes)


def parse_names(text: str, what: str, classes: int) -> list[str]:
    r"""Return the class names in the text of a file, as `class_names` does; errors call it `what`.

    >>> parse_names("cat\ndog\n", "labels.txt", 2)
    ['cat', 'dog']
    """
    names = [line.strip() for line in text.rstrip().split("\n")] if text.strip() else []
    if "" in names:
        raise ValueError(f"{what}: line {names.index('') + 1} is empty; expected a class name.")
    for line, name in enumerate(names, 1):
        if has_controls(name):
            raise ValueError(
                f"{what}: line {line} has control characters, which no class name may have; "
                f"received {excerpt(name)}; remove them."
            )
    check_count(what, names, classes)
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
    """Return the most likely classes of each image, the most likely first.

    Args:
        probabilities: (B, classes), from 0 to 1.
        top: Number of classes to return; all of them, if there are fewer.
        names: Names of all classes in the order of the probabilities, by default ImageNet-1k's.

    Returns:
        A list of pairs (name, probability) for each image.

    Raises:
        ValueError: If there is not one name per class, or the values are not probabilities.

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
    # Half precision may round up to slightly more than 1; NaN is not a probability either.
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
    """Raise ValueError unless there is one name per class; the message begins with `what`."""
    if len(names) != classes:
        raise ValueError(
            f"{what}: there must be one name per class; received {len(names)} names for {classes} "
            "classes."
        )
