"""Reads numpy's `.npz` files."""

import math
import zipfile
from pathlib import Path

import numpy as np

from keras_mixers.weights.errors import CheckpointError
from keras_mixers.zip_archive import check_archive

# The third version is for the names of fields, which weights don't have.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a `.npz` file by name.

    Raises:
        CheckpointError: If an array claims another size than the file holds.
        Exception: If the file is damaged in another way.
    """
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            _check_size(path, archive, member)
    # numpy does not close a damaged file that it opened itself.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _check_size(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Raise CheckpointError if an array claims other bytes than there are after its header.

    numpy asks for the memory before it reads.
    """
    with archive.open(member) as content:
        shape, _, dtype = _HEADERS[np.lib.format.read_magic(content)](content)
        held = member.file_size - content.tell()
    claimed = math.prod(shape) * dtype.itemsize
    if claimed != held and not dtype.hasobject:  # numpy refuses objects, which are pickles.
        raise CheckpointError(
            f"{path.name} is damaged: {member.filename!r} claims {claimed} bytes of numbers, but "
            f"holds {held}; get the file again."
        )
