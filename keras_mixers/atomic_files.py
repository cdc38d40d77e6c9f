"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

# It is held as long as the process that writes beside it lives.
_LOCK = ".lock"
# What it is about to replace lies there for a moment, to be put back if it ends just then.
_MOVED_ASIDE = ".replaced-"


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
    old = source.with_name(f"{_MOVED_ASIDE}{target.name}")
    target.rename(old)
    try:
        source.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def write_atomically(
    target: Path,
    overwrite: bool,
    marker: str | None = None,
    on_wait: Callable[[], None] | None = None,
) -> Iterator[Path]:
    """Yield a path beside `target` to write to, and rename it to `target` at the end.

    After an error in the block nothing is left behind, and `target` is as it was. What a process
    left that was killed here before is removed. Only one process at a time writes a target.

    Args:
        target: The file or folder to write; see `check_writable`.
        overwrite: Whether `target` may exist.
        marker: Name of a file that every folder of this kind has.
        on_wait: See `own_staging`.

    Raises:
        FileNotFoundError: If there is no folder to write into.
        FileExistsError: If `target` exists and must stay.
        OSError: If the folder can't be written into, or another process writes `target`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with write_atomically(Path(folder) / "a.txt", overwrite=False) as place:
    ...         _ = place.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text()
    'whole'
    """
    check_writable(target, overwrite, marker)
    with own_staging(target, on_wait) as folder:
        # Another process that was waited for may have written it; and meanwhile, any program may.
        check_writable(target, overwrite, marker)
        place = folder / target.name
        yield place
        check_writable(target, overwrite, marker)
        swap_into_place(place, target)


@contextmanager
def own_staging(target: Path, on_wait: Callable[[], None] | None = None) -> Iterator[Path]:
    """Yield an empty folder beside `target` that no other process has, and remove it at the end.

    Args:
        target: The file or folder that shall be written. If a process was killed while it
            replaced it, the old one is put back.
        on_wait: Function to call once before waiting for another process that writes `target`;
            None: don't wait.

    Raises:
        OSError: If the folder can't be written into, or another process writes `target`.

    >>> import tempfile
    >>> with own_staging(Path(tempfile.mkdtemp()) / "a.txt") as folder:
    ...     folder.name
    '.a.txt-writing'
    """
    folder = staging_place(target)
    lock = FileLock(folder / _LOCK)
    try:
        _acquire(lock, folder, on_wait)
    except BaseException as error:
        with suppress(OSError):  # It has another process's lock in it.
            folder.rmdir()
        if isinstance(error, Timeout):
            raise OSError(
                f"Another process is writing {str(target)!r}; wait for its end, or choose another "
                "place."
            ) from None
        if isinstance(error, OSError):
            raise OSError(
                f"Nothing can be written into the folder {str(target.parent)!r}: "
                f"{error.strerror}; choose another one."
            ) from error
        raise
    try:
        _clear(folder)
        yield folder
    finally:
        # The lock goes last: whoever waits for it sees that it is gone, and begins again. What
        # can't be removed, the next process tries to remove.
        with suppress(OSError):
            _clear(folder)
            shutil.rmtree(folder)
        lock.release()


def staging_place(target: Path) -> Path:
    """Return where `own_staging` keeps what isn't finished."""
    return target.with_name(f".{target.name}-writing")


def _acquire(lock: FileLock, folder: Path, on_wait: Callable[[], None] | None) -> None:
    """Make a folder, unless a killed process left it, and lock it."""
    while not lock.is_locked:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        # It is gone at once if the process that had it ends here.
        with suppress(FileNotFoundError):
            names = os.listdir(folder)
            if names and _LOCK not in names:
                raise FileExistsError(0, f"the folder {folder.name!r} in it is not of this program")
            try:
                _wait_for(lock, on_wait)
            except FileExistsError as error:  # filelock's word for a folder that went meanwhile.
                raise FileNotFoundError(error.errno, error.strerror) from error


def _wait_for(lock: FileLock, on_wait: Callable[[], None] | None) -> None:
    """Take a lock, at once if there is nothing to call before one waits for it."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if on_wait is None:
            raise
        on_wait()
        lock.acquire()


def _clear(folder: Path) -> None:
    """Remove all but the lock from a folder, and put back what was moved aside into it."""
    for entry in folder.iterdir():
        target = folder.with_name(entry.name.removeprefix(_MOVED_ASIDE))
        if entry.name == _LOCK:
            continue
        if entry.name.startswith(_MOVED_ASIDE) and not target.exists():
            entry.rename(target)
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
