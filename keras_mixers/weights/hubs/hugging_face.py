"""Downloads single files of a repository on the Hugging Face Hub."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from keras_mixers.printable import printable
from keras_mixers.weights.errors import DownloadError
from keras_mixers.weights.hubs.address import HubAddress
from keras_mixers.weights.hubs.client_errors import one_line_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_NAMES = 8  # In an error.


def download_from_hugging_face(
    address: HubAddress, file: str, companions: Sequence[str]
) -> tuple[Path, str]:
    """Return the path of a file, and the commit that it is of, with its companions beside it.

    All are of one commit, lie in the cache of huggingface_hub, and are downloaded unless they are
    there. Without a connection, the commit that the cache has for the revision is taken.

    Args:
        address: The repository and its revision.
        file: The file's path in the repository.
        companions: Names of files beside it, which the repository may lack.

    Raises:
        DownloadError: If it can't be downloaded, is damaged, or isn't there.
        ImportError: If huggingface_hub isn't installed.
    """
    with one_line_of(address):
        from huggingface_hub import snapshot_download

        wanted = [file, *(str(PurePosixPath(file).with_name(name)) for name in companions)]
        folder = Path(
            snapshot_download(
                address.repository,
                revision=address.revision,
                library_name="keras_mixers",
                allow_patterns=[glob.escape(name) for name in wanted],
            )
        )
        path = folder / file
        if not path.is_file():
            raise DownloadError(_lacking(address.at(folder.name), file))
        for found in filter(Path.is_file, (folder / name for name in wanted)):
            _check_content(found, address)
    return path, folder.name


def _lacking(address: HubAddress, file: str) -> str:
    """Return the error for a repository without the file."""
    from huggingface_hub import HfApi

    names = HfApi().list_repo_files(address.repository, revision=address.revision)
    shown = ", ".join(map(printable, names[:_MOST_NAMES])) + (
        " ..." if len(names) > _MOST_NAMES else ""
    )
    return (
        f"{address} has no file {file!r}, but {shown or 'none at all'}; expected one that runs no "
        "code, .keras or .safetensors: name another one after the repository's name and a slash."
    )


def _check_content(path: Path, address: HubAddress) -> None:
    """Compare a large file with the sha256 by which the cache names it; the client doesn't."""
    if not path.is_symlink():  # Where there are no links, the cache keeps no checksum.
        return
    expected = Path(os.readlink(path)).name
    if _SHA256.fullmatch(expected) is None:  # Small files are named by git's checksum.
        return
    from keras_mixers.weights.released_file import checksum

    received = checksum(path)
    if received != expected:
        raise DownloadError(
            f"{path.name} of {address} is damaged: it has the sha256 {received} instead of "
            f"{expected}; remove {path.resolve()}, and it will be downloaded again."
        )
