"""The .tar.gz that TensorFlow Hub loads from the web, and its checksum."""

import gzip
import hashlib
import re
import tarfile
from pathlib import Path

from keras_mixers.atomic_files import check_writable, write_atomically

SUFFIX = ".tar.gz"
SAVED_MODEL_FILE = "saved_model.pb"
# Kaggle's own files stand beside the model, and are no part of it.
LEFT_OUT = frozenset({"model-metadata.json", "model-instance-metadata.json"})


def write_archive(folder: str | Path, path: str | Path, overwrite: bool = False) -> str:
    """Write a SavedModel as `NAME.tar.gz`, with `NAME.tar.gz.sha256` beside it.

    The archive's root is the model's root, everything belongs to owner 0, and there are no dates:
    the same files give the same bytes. The checksum is in the form that `sha256sum -c` reads.
    After an error neither file is written, and those that stood there are as they were.

    Args:
        folder: the SavedModel.
        path: the archive to write; its name ends in `.tar.gz`.
        overwrite: whether the two files may exist.

    Returns:
        The archive's sha256, in hexadecimal digits.

    Raises:
        ValueError: if `path` has another ending, or `folder` is no SavedModel, or holds what
            TensorFlow Hub would not unpack: links, devices, names such as `.hidden`.
        FileNotFoundError: if there is no folder to write into.
        FileExistsError: if one of the files exists and must stay.

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
            f"{str(folder)!r} is no SavedModel: it has no file {SAVED_MODEL_FILE!r}; give the "
            "folder that holds one."
        )
    members = _members(folder)
    checksum = path.with_name(f"{path.name}.sha256")
    for target in (path, checksum):
        check_writable(target, overwrite)
    before = checksum.read_bytes() if checksum.is_file() else None
    try:
        # The checksum takes its place first: an archive is never there without its own.
        with (
            write_atomically(path, overwrite) as place,
            write_atomically(checksum, overwrite) as checksum_place,
        ):
            _write(folder, members, place)
            digest = sha256_of(place)
            checksum_place.write_text(f"{digest}  {path.name}\n", encoding="ascii")
    except BaseException:
        if before is None:
            checksum.unlink(missing_ok=True)
        else:
            checksum.write_bytes(before)
        raise
    return digest


def sha256_of(path: Path) -> str:
    """Return a file's sha256, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _members(folder: Path) -> list[Path]:
    """Return the files and folders to pack, sorted, or raise ValueError."""
    paths = sorted(
        path for path in folder.rglob("*") if str(path.relative_to(folder)) not in LEFT_OUT
    )
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(
                f"{str(path)!r} is neither a file nor a folder, so TensorFlow Hub would not unpack "
                "it; replace it by what it stands for."
            )
        if not re.match(r"\w", path.name):
            raise ValueError(
                f"{str(path)!r} must start with a letter, a digit or '_', as TensorFlow Hub wants; "
                "remove or rename it."
            )
    return paths


def _write(folder: Path, members: list[Path], target: Path) -> None:
    # gzip would note the name and the time as well.
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
