"""What can go wrong with a run; the text of each error is one line."""


class RecipeError(ValueError):
    """A recipe that can't be; the text is one line."""


class DataError(ValueError):
    """Data can't be found, read, or trained on."""


class TrainingError(Exception):
    """A run can't go on; the text is one line."""


class RunFolderError(ValueError):
    """A folder that a run can't use; the text is one line."""


class CheckpointFileError(ValueError):
    """A checkpoint can't be read, or is of another network; the text is one line."""


def in_one_line(message: object) -> str:
    r"""Return a message as one line; of an error without a message, the name of its type.

    >>> in_one_line("two\nlines"), in_one_line(ValueError())
    ('two lines', 'ValueError')
    """
    return " ".join(str(message).split()) or type(message).__name__
