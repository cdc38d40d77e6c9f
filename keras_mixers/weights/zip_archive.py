"""Checks zip archives, which `.npz` files and those of torch are."""

import zipfile
from pathlib import Path

from keras_mixers.weights.errors import CheckpointError

_CHUNK = 1 << 20  # bytes
_FOLDER = 0x10  # in a member's attributes, which no checksum covers


def check_archive(path: Path) -> dict[str, int]:
    """Compare each member of an archive with its checksum and with the size that it claims.

    Readers ask for as much memory as a member claims. torch checks no sums, and numpy only those of
    members that it reads to their end.

    Returns:
        Bytes of the members by name.

    Raises:
        CheckpointError: If a member has another size than it claims, or is a folder with content.
        Exception: If the archive is damaged in another way; zipfile raises many.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "archive.zip")
    >>> with zipfile.ZipFile(path, "w") as archive:
    ...     archive.writestr("member", "four")
    >>> check_archive(path)
    {'member': 4}
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            size = 0
            with archive.open(member) as content:
                while chunk := content.read(_CHUNK):  # Raises where the checksum differs.
                    size += len(chunk)
            # Of a member that is marked as a folder, torch returns the memory as it was.
            if size != member.file_size or (size and member.external_attr & _FOLDER):
                raise CheckpointError(
                    f"{path.name} is damaged: {member.filename!r} is not a file of the "
                    f"{member.file_size} bytes that it claims; get the file again."
                )
        return {member.filename: member.file_size for member in archive.infolist()}
