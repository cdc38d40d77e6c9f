"""A run's folder belongs to one process at a time."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from training.errors import RunFolderError

LOCK_FILE = ".lock"


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Keep a folder to this process until the block ends.

    The operating system lets go of the lock of a process that has died. Processes of other machines
    are kept out where the shared disk passes locks on, as NFS 4 does. The file of the lock stays:
    to remove it would let two processes that come just then have a lock each.

    Args:
        path: path of a folder, which exists.

    Raises:
        RunFolderError: if another process has the folder, or it can't be written into.

    >>> import tempfile
    >>> with lock_folder(Path(tempfile.mkdtemp())):
    ...     pass
    """
    lock = FileLock(path / LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunFolderError(
            f"{str(path)!r} belongs to {_owner(path)}, which trains into it; wait for its end, or "
            "choose another folder."
        ) from None
    except OSError as error:
        raise RunFolderError(
            f"{str(path)!r} can't be written into ({error.strerror}); choose another folder."
        ) from None
    try:
        begun = datetime.now(UTC).isoformat(" ", "seconds")
        owner = f"process {os.getpid()} on {socket.gethostname()}, since {begun}"
        (path / LOCK_FILE).write_text(owner, encoding="utf-8")
        yield
    finally:
        lock.release()


def _owner(path: Path) -> str:
    try:
        return (path / LOCK_FILE).read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
