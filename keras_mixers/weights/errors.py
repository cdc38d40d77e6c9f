"""Errors about released weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CheckpointError(ValueError):
    """A file can't be read as a checkpoint, or does not fit a model."""


class DownloadError(OSError):
    """A released file can't be downloaded, or is not what it should be."""


@contextmanager
def as_checkpoint_error(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a reader of files raises in the block into a CheckpointError of one line.

    Readers raise anything when a file is damaged: those of zip archives, pickles and headers in
    Python's syntax have exceptions of their own, and a number in the wrong place is an index, a
    size or a key.

    Args:
        path: The file that is read.
        kind: Its format, for the message.

    Raises:
        CheckpointError: If the block raises any other Exception than an ImportError, which says
            that a package is missing.

    >>> with as_checkpoint_error(Path("mixer.npz"), "npz"):
    ...     raise KeyError("head")
    Traceback (most recent call last):
      ...
    keras_mixers.weights.errors.CheckpointError: mixer.npz can't be read as a npz checkpoint; it \
may be incomplete, damaged, of another format, or unsafe (KeyError: 'head').
    """
    try:
        yield
    except (CheckpointError, ImportError):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".splitlines()[:1])
        raise CheckpointError(
            f"{path.name} can't be read as a {kind} checkpoint; it may be incomplete, damaged, of "
            f"another format, or unsafe ({reason[:200]})."
        ) from None
