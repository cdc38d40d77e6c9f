"""Writes and unpacks the .tar.gz archives that TensorFlow Hub loads, with their checksums."""

import gzip
import hashlib
import re
import shutil
import tarfile
import zlib
from pathlib import Path

from keras_mixers.atomic_files import check_writable, own_staging, swap_into_place

SUFFIX = ".tar.gz"
SAVED_MODEL_FILE = "saved_model.pb"
METADATA_FILE = "metadata.json"  # Among the assets of a SavedModel.
# Kaggle's files lie in the SavedModel's folder, but aren't part of the SavedModel.
EXCLUDED_FILES = frozenset({"model-metadata.json", "model-instance-metadata.json"})
# What gzip and tarfile raise for a damaged archive; ValueError is for a number or a name in it.
ARCHIVE_ERRORS = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)


def write_archive(folder: str | Path, path: str | Path, overwrite: bool = False) -> str:
    """Write a SavedModel as `NAME.tar.gz`, with its checksum in `NAME.tar.gz.sha256` beside it.

    The root of the archive is the root of the SavedModel. Owners are 0 and dates are left out, so
    that the same files give the same bytes. `sha256sum -c` reads the checksum's file. If there is
    an error, neither file is written, and existing ones stay as they were.

    Args:
        folder: Folder of the SavedModel.
        path: The archive to write; its name must end in `.tar.gz`.
        overwrite: Whether to replace the two files if they exist.

    Returns:
        The archive's sha256 in hexadecimal digits.

    Raises:
        ValueError: If `path` has another ending, or if `folder` isn't a SavedModel or holds
            something that TensorFlow Hub wouldn't unpack: links, devices, names like `.hidden`.
        FileNotFoundError: If the folder to write into doesn't exist.
        FileExistsError: If one of the files exists and may not be replaced.
        OSError: If the folder can't be written into, or another process writes the archive.

    Example:

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "model").mkdir()
    >>> _ = (folder / "model" / "saved_model.pb").write_bytes(b"a graph")
    >>> digest = write_archive(folder / "model", folder / "model.tar.gz")
    >>> (folder / "model.tar.gz.sha256").read_text() == f"{digest}  model.tar.gz\\n"
    True

    Reference: https://www.tensorflow.org/hub/hosting.
    """
    folder, path = Path(folder), Path(path)
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"An archive's name must end in {SUFFIX}; received {str(path)!r}.")
    if not (folder / SAVED_MODEL_FILE).is_file():
        raise ValueError(
            f"{str(folder)!r} is not a SavedModel: it has no file {SAVED_MODEL_FILE!r}; give the "
            "folder that holds one."
        )
    members = _list_members(folder)
    checksum = path.with_name(f"{path.name}.sha256")
    for target in (path, checksum):
        check_writable(target, overwrite)
    with own_staging(path) as staging:
        place, checksum_place = staging / path.name, staging / checksum.name
        _write_members(folder, members, place)
        digest = sha256_of(place)
        checksum_place.write_text(f"{digest}  {path.name}\n", encoding="ascii")
        for target in (path, checksum):  # Another process may have written them meanwhile.
            check_writable(target, overwrite)
        before = staging / "before"
        if checksum.is_file():
            shutil.copy2(checksum, before)
        # The checksum is moved into place first, so that an archive never lacks its checksum.
        swap_into_place(checksum_place, checksum)
        try:
            swap_into_place(place, path)
        except BaseException:
            if before.exists():
                before.replace(checksum)
            else:
                checksum.unlink()
            raise
    return digest


def sha256_of(path: Path) -> str:
    """Return a file's sha256, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack_archive(archive: Path, folder: Path) -> None:
    """Unpack an archive, after comparing it with the checksum beside it, if there is one.

    Args:
        archive: The archive.
        folder: Where to unpack it; a member that would lie elsewhere is refused.

    Raises:
        ValueError: If the archive or the checksum is damaged.
    """
    checksum = archive.with_name(f"{archive.name}.sha256")
    if checksum.is_file():
        digest = checksum.read_bytes().split(maxsplit=1)[:1]
        if digest != [sha256_of(archive).encode()]:
            raise ValueError(f"{archive} is damaged: its sha256 is not the one in {checksum.name}.")
    try:
        with gzip.open(archive) as zipped, tarfile.open(fileobj=zipped, mode="r:") as tar:
            tar.extractall(folder, filter="data")
            # gzip compares its own checksum at its end, which tarfile doesn't read.
            while zipped.read(1 << 20):
                pass
    except ARCHIVE_ERRORS as error:
        raise ValueError(
            f"{archive} can't be unpacked ({error}); expected a whole {SUFFIX}; copy it again."
        ) from None


def _list_members(folder: Path) -> list[Path]:
    """Return the sorted files and folders to pack; ValueError if one can't be packed."""
    paths = sorted(
        path for path in folder.rglob("*") if str(path.relative_to(folder)) not in EXCLUDED_FILES
    )
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(
                f"{str(path)!r} is neither a file nor a folder, so TensorFlow Hub wouldn't unpack "
                "it; replace a link with the file that it points to."
            )
        if not re.match(r"\w", path.name):
            raise ValueError(
                f"{str(path)!r} must start with a letter, a digit or '_', or TensorFlow Hub won't "
                "unpack it; remove or rename it."
            )
    return paths


def _write_members(folder: Path, members: list[Path], target: Path) -> None:
    # Without arguments, gzip would also write the name and the time into the archive.
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in members:
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            if path.is_dir():
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
                continue
            member.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(member, content)
