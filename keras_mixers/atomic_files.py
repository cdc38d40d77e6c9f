"""Files and folders that appear whole or not at all."""

import glob
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

# It is held as long as the process that writes beside it lives.
_LOCK = ".lock"


def check_writable(target: Path, overwrite: bool, marker: str | None = None) -> None:
    """Raise an error if `target` can't or must not be written.

    Args:
        target: The file to write, or the folder if there is a `marker`.
        overwrite: Whether `target` may exist. A folder is replaced only by a folder, and only if
            it has the marker, so that an export never deletes a folder with other content.
        marker: Name of a file that every folder of this kind has, such as "saved_model.pb".

    Raises:
        FileNotFoundError: If there is no folder to write into.
        FileExistsError: If `target` exists and must stay.
    """
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(target.parent)!r} to write into.")
    if not (target.exists() or target.is_symlink()):
        return
    if not overwrite:
        raise FileExistsError(
            f"{str(target)!r} exists; pass overwrite=True (--overwrite) to replace it."
        )
    if marker is None and target.is_dir():
        raise FileExistsError(f"{str(target)!r} is a folder; expected a file to replace.")
    if marker is not None and (target.is_symlink() or not (target / marker).is_file()):
        raise FileExistsError(
            f"{str(target)!r} is not a folder with a file {marker!r}, so it is not replaced; "
            "choose another place."
        )


def swap_into_place(source: Path, target: Path) -> None:
    """Rename `source` to `target` on the same file system, replacing what is there.

    A file is replaced in one step. A folder is first moved aside, next to `source`, and moved back
    if renaming fails.
    """
    if not target.is_dir() or target.is_symlink():
        source.replace(target)
        return
    old = _moved_aside(source)
    target.rename(old)
    try:
        source.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _moved_aside(place: Path) -> Path:
    return place.with_name(f"{place.name}.old")


@contextmanager
def write_atomically(target: Path, overwrite: bool, marker: str | None = None) -> Iterator[Path]:
    """Yield a path beside `target` to write to, and rename it to `target` at the end.

    After an error in the block nothing is left behind, and `target` is as it was. What a process
    left that was killed here before is removed.

    Args:
        target: The file or folder to write; see `check_writable`.
        overwrite: Whether `target` may exist.
        marker: Name of a file that every folder of this kind has.

    Raises:
        FileNotFoundError: If there is no folder to write into.
        FileExistsError: If `target` exists and must stay.
        OSError: If the folder can't be written into.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with write_atomically(Path(folder) / "a.txt", overwrite=False) as place:
    ...         _ = place.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text()
    'whole'
    """
    _remove_abandoned(target)
    check_writable(target, overwrite, marker)
    try:
        staging = tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-")
    except OSError as error:
        raise OSError(
            f"Nothing can be written into the folder {str(target.parent)!r}: {error.strerror}; "
            "choose another one."
        ) from None
    with staging as folder, FileLock(Path(folder) / _LOCK):
        place = Path(folder) / target.name
        yield place
        swap_into_place(place, target)


def _remove_abandoned(target: Path) -> None:
    """Remove what killed processes left beside `target`, and put back what they moved aside."""
    for lock in target.parent.glob(f".{glob.escape(target.name)}-*/{_LOCK}"):
        with suppress(Timeout, OSError), FileLock(lock, timeout=0):
            old = _moved_aside(lock.parent / target.name)
            if old.exists() and not target.exists():
                old.rename(target)
            shutil.rmtree(lock.parent)
