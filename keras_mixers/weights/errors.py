"""Errors about released weights."""


class CheckpointError(ValueError):
    """A file can't be read as a checkpoint, or does not fit a model."""


class DownloadError(OSError):
    """A released file can't be downloaded, or is not what it should be."""
