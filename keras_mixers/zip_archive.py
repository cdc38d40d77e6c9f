"""Checks zip archives, which `.npz` files and those of torch are."""

import struct
import zipfile
from pathlib import Path

_CHUNK = 1 << 20  # bytes
_FOLDER = 0x10  # in a member's attributes, which no checksum covers
_END = b"PK\5\6"  # of the list of members, which says ten bytes later how many there are
_MANY = 0xFFFF  # That number, if there are more than it can say.


def check_archive(path: Path) -> dict[str, int]:
    """Compare each member of an archive with its checksum and with the size that it claims.

    Readers ask for as much memory as a member claims. torch checks no sums, and numpy only those of
    members that it reads to their end. A wrong length in the list of members hides the next one.

    Returns:
        Bytes of the members by name.

    Raises:
        zipfile.BadZipFile: If a member has another size than it claims, is a folder with content,
            or is missing.
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
                raise zipfile.BadZipFile(
                    f"{member.filename!r} is not a file of the {member.file_size} bytes that it "
                    "claims"
                )
        count = _claimed_count(path, archive.start_dir)
        if count not in (len(archive.infolist()), _MANY):
            raise zipfile.BadZipFile(f"it holds {len(archive.infolist())} files instead of {count}")
        return {member.filename: member.file_size for member in archive.infolist()}


def _claimed_count(path: Path, start: int) -> int:
    """Return how many members an archive says that it has; their list begins at `start`."""
    with path.open("rb") as file:
        file.seek(start)
        content = file.read()
    return int(struct.unpack_from("<H", content, content.rfind(_END) + 10)[0])
