"""Errors of a training run; each message is a single line."""

import re


class RecipeError(ValueError):
    """A recipe is invalid, or doesn't fit the network, the data or the devices."""


class DataError(ValueError):
    """Data can't be found or read, or can't be used for training."""


class TrainingError(Exception):
    """Training can't continue."""


class RunFolderError(ValueError):
    """A folder can't be used for a run."""


class CheckpointFileError(ValueError):
    """A checkpoint can't be read, or belongs to another network or optimizer."""


class DamagedCheckpointError(CheckpointFileError):
    """A checkpoint can't be read."""


def in_one_line(message: object) -> str:
    r"""Return a message as one line; for an error without a message, the name of its type.

    >>> in_one_line("two\nlines"), in_one_line(ValueError())
    ('two lines', 'ValueError')
    """
    return " ".join(str(message).split()) or type(message).__name__


def without_traces(message: str) -> str:
    r"""Return a message of TensorFlow without the names of its nodes, and without a traceback.

    It puts both around what a Python function raised in a pipeline of data.

    >>> without_traces("{{function_node a}} ValueError: no\nTraceback (most recent call last):")
    'ValueError: no'
    """
    message, _, _ = message.partition("\nTraceback (most recent call last):")
    return re.sub(r"{{function_node [^}]*}} ?", "", message)
