"""Checks downloaded files: their format, size and sha256. Needs neither Keras nor torch."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pooch
from safetensors import SafetensorError, safe_open

from keras_mixers.catalogue.source import Source

# How torch's files began before they were zip archives.
_OLD_TORCH = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)


def checksum(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits.

    >>> import os
    >>> checksum(Path(os.devnull))[:8]
    'e3b0c442'
    """
    return str(pooch.file_hash(path))


def find_fault(path: Path, source: Source) -> str | None:
    """Return what is wrong with a downloaded file, or None if nothing is.

    Args:
        path: Path of the file, which may have any name.
        source: The released file, whose format, size and sha256 it should have.

    >>> from keras_mixers.catalogue.sources import find_source
    >>> import tempfile
    >>> page = Path(tempfile.mkdtemp(), "page")
    >>> _ = page.write_text("<!doctype html><title>Not found</title>")
    >>> find_fault(page, find_source("mixer_b16", "imagenet"))
    'is a web page instead of a .npz file'
    """
    ending = Path(source.file).suffix
    try:
        with path.open("rb") as file:
            start = file.read(64)
        if start.lstrip().startswith(b"<"):
            return f"is a web page instead of a {ending} file"
        if not _CONTAINERS[ending](path, start):
            return f"is not a {ending} file, or is incomplete"
        size = path.stat().st_size
        if source.size is not None and size != source.size:
            return f"has {size} bytes instead of {source.size}"
        # Last, because it reads the whole file.
        if source.sha256 is not None:
            sha256 = checksum(path)
            if sha256 != source.sha256:
                return f"has the sha256 {sha256} instead of {source.sha256}"
    except OSError as error:
        return f"can't be read ({error.strerror})"
    return None


def _is_safetensors(path: Path, start: bytes) -> bool:
    """Tell whether the header is valid and agrees with the size of the file."""
    try:
        with safe_open(path, framework="np"):
            return True
    except SafetensorError:
        return False


def _is_zip(path: Path, start: bytes) -> bool:
    """Tell whether the file begins and ends like a zip archive, which .npz files are."""
    if not start.startswith(b"PK"):
        return False
    with path.open("rb") as file:  # zipfile takes a file that it can't open for another one.
        return zipfile.is_zipfile(file)


def _is_torch(path: Path, start: bytes) -> bool:
    return start.startswith(_OLD_TORCH) or _is_zip(path, start)


_CONTAINERS: dict[str, Callable[[Path, bytes], bool]] = {
    ".safetensors": _is_safetensors,
    ".npz": _is_zip,
    ".pth": _is_torch,
    ".tar": _is_torch,
}
